"""Operations of the steps that make one row of a sequence."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from distilspec.fast.backends.forward import Forward, Operand
from distilspec.fast.codegen.ir import Function
from distilspec.fast.kernels.cls_pool import cls_pool
from distilspec.fast.kernels.mean_pool import mean_pool
from distilspec.fast.lower.fused import ClsPool, MeanPool


def write_mean_pool(forward: Forward, step: MeanPool) -> None:
    """Add the mean over the kept tokens."""
    space = forward.tokens
    masked: dict[str, Operand] = {"mask": forward.inputs[step.mask], "start": space.start, "count": space.count}
    _write_pool(forward, mean_pool, step, masked)


def write_cls_pool(forward: Forward, step: ClsPool) -> None:
    """Add the choice of the first token."""
    _write_pool(forward, cls_pool, step, {})


def _write_pool(
    forward: Forward, kernel: Callable[..., Function], step: MeanPool | ClsPool, more: Mapping[str, Operand]
) -> None:
    features = forward.features(step.out)
    each = forward.tokens.tiles // max(1, forward.batch)
    operands: dict[str, Operand] = {
        "x": forward.whole(step.x), "tiles": np.arange(forward.batch + 1, dtype=np.int64) * each,
        "out": forward.made(step.out), "features": features, **more,
    }  # fmt: skip
    forward.do(kernel, (), operands, forward.batch, forward.sequence * features)
