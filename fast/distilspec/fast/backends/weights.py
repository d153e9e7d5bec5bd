"""The weights of Linears as the kernels read them, and which kernel that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.backends.fusion import is_in_steps
from distilspec.fast.codegen.ir import Function
from distilspec.fast.codegen.opcodes import DEPTH, MATRIX
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.block_sparse import ROWS, block_sparse, near_block_sparse, row_bytes
from distilspec.fast.kernels.dense import dense
from distilspec.fast.kernels.dense_matrix import dense_matrix
from distilspec.fast.kernels.epilogue import Epilogue
from distilspec.fast.kernels.layout import (
    packed_blocks,
    packed_float_panels,
    packed_panels,
    packed_squares,
    packed_steps,
    padded,
)
from distilspec.fast.kernels.linear import linear
from distilspec.fast.kernels.sparse_panels import sparse_panels
from distilspec.fast.lower.fused import Fused, Linear, Lowered

Array = NDArray[Any]


#: The kernels of Linears by their names.
KERNELS: Mapping[str, Callable[[Target, int, Epilogue], Function]] = {
    "block_sparse": block_sparse, "near_block_sparse": near_block_sparse, "dense": dense, "dense_matrix": dense_matrix,
    "linear": linear, "sparse_panels": sparse_panels,
}  # fmt: skip

#: Bytes of codes of a tile that stay there while weights pass by: the smallest first cache of the targets' processors.
FIRST_CACHE = 2**15


@dataclass(frozen=True)
class Packed:
    """
    A Linear's kernel by its name, what it reads besides activations, and how its work is divided.

    ``units`` are parts of the output features, each with about ``work`` products for every token.
    """

    kernel: str
    operands: Mapping[str, Array | int]
    units: int
    work: int


def pack(step: Linear, target: Target) -> Packed:
    """Return a Linear's weights packed for a target."""
    outputs, inputs = step.weight.shape
    bias = {"bias": np.ascontiguousarray(step.bias, np.float32), "features": outputs}
    if step.w_scale is None:
        panels = packed_float_panels(step.weight, target)
        return Packed("linear", {**panels.operands, "steps": inputs, **bias}, panels.units, target.panel * inputs)
    sums = step.weight.sum(axis=1, dtype=np.int32)
    common = {"sums": sums, "w_scale": np.ascontiguousarray(step.w_scale, np.float32), **bias}
    if is_in_steps(step, target):
        panels = packed_steps(step.weight, target)
        work = target.panel * np.count_nonzero(step.weight) // max(1, outputs)
        return Packed("sparse_panels", {**panels.operands, **common}, panels.units, work)
    if step.block_shape:
        blocks = packed_blocks(step.weight, target)
        operands = {"weights": blocks.weights, "columns": blocks.columns, "starts": blocks.starts, "inputs": inputs}
        work = blocks.weights.size * ROWS // max(1, outputs)
        kernel = "near_block_sparse" if inputs * row_bytes(target) <= FIRST_CACHE else "block_sparse"
        return Packed(kernel, {**operands, **common}, blocks.units, work)
    if target.matrix and inputs % DEPTH == 0:
        panels = packed_squares(step.weight, target)
        return Packed("dense_matrix", {**panels.operands, **common}, panels.units, MATRIX * inputs)
    panels = packed_panels(step.weight, target)
    operands = {**panels.operands, "steps": padded(inputs, target.dot) // target.dot, **common}
    return Packed("dense", operands, panels.units, target.panel * inputs)


def without_weights(lowered: Lowered) -> Lowered:
    """Return fused steps that hold no memory for what ``pack`` has packed."""

    def emptied(step: Fused) -> Fused:
        if not isinstance(step, Linear):
            return step
        return replace(step, weight=np.empty((len(step.weight), 0), step.weight.dtype))

    return replace(lowered, steps=tuple(map(emptied, lowered.steps)))
