"""Operators that move elements without arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from distilspec.reference.formats.onnx_forms.graph import StepWriter

_INT64 = np.iinfo(np.int64)


def reshape(to: StepWriter, x: str, *, shape: tuple[int | str, ...]) -> None:
    """
    Write Reshape.

    A symbolic dimension is 0 (copied) where ``x`` has it at the same place, -1 (inferred) where it is the only other
    one, and read from an input's shape otherwise.
    """
    if 0 in shape:
        if to.opset < 14:
            raise to.refuse("makes a dimension of size 0; expected opset 14 or newer, in which Reshape can say so")
        to.result("Reshape", [x, _sizes(to, shape)], allowzero=1)
        return
    given = to.spec(x).shape
    copied = [
        0 if isinstance(size, str) and position < len(given) and given[position] == size else size
        for position, size in enumerate(shape)
    ]
    left = [size for size in copied if isinstance(size, str)]
    if len(left) == 1 and -1 not in copied:
        copied[copied.index(left[0])] = -1
    to.result("Reshape", [x, _sizes(to, copied)])


def transpose(to: StepWriter, x: str, *, axes: tuple[int, ...]) -> None:
    """Write Transpose."""
    rank = len(to.spec(x).shape)
    to.result("Transpose", [x], perm=[axis % rank for axis in axes])


def expand(to: StepWriter, x: str, *, shape: tuple[int | str, ...]) -> None:
    """Write Expand; a dimension that ``x`` already has is written as 1, which keeps it."""
    given = (1,) * len(shape) + to.spec(x).shape
    own = given[len(given) - len(shape) :]
    to.result("Expand", [x, _sizes(to, [1 if size == kept else size for size, kept in zip(shape, own, strict=True)])])


def squeeze(to: StepWriter, x: str, *, axes: tuple[int, ...]) -> None:
    """Write Squeeze."""
    to.result("Squeeze", [x, to.integers("axes", axes)])


def unsqueeze(to: StepWriter, x: str, *, axes: tuple[int, ...]) -> None:
    """Write Unsqueeze."""
    to.result("Unsqueeze", [x, to.integers("axes", axes)])


def concat(to: StepWriter, *tensors: str, axis: int) -> None:
    """Write Concat."""
    to.result("Concat", tensors, axis=axis)


def slice(to: StepWriter, x: str, *, axis: int, start: int | str, stop: int | str | None, step: int = 1) -> None:
    """Write Slice; a symbolic bound is read from an input's shape, and no stop is the farthest integer."""
    farthest = _INT64.max if step > 0 else _INT64.min
    bounds = [_sizes(to, [start], "start"), _sizes(to, [farthest if stop is None else stop], "stop")]
    to.result("Slice", [x, *bounds, to.integers("axis", [axis]), to.integers("step", [step])])


def gather(to: StepWriter, x: str, indices: str, *, axis: int = 0) -> None:
    """Write Gather."""
    to.result("Gather", [x, indices], axis=axis)


def _sizes(to: StepWriter, sizes: Sequence[int | str], part: str = "shape") -> str:
    fixed = [size for size in sizes if not isinstance(size, str)]
    if len(fixed) == len(sizes):
        return to.integers(part, fixed)
    names = [
        to.graph.size(size) if isinstance(size, str) else to.integers(f"{part}.{position}", [size])
        for position, size in enumerate(sizes)
    ]
    return names[0] if len(names) == 1 else to.node("Concat", names, part, axis=0)
