"""``cls_pool``: the first token of every sequence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.fast.backends.space import spaced
from distilspec.fast.codegen.ir import Function
from distilspec.fast.isa.host import host_target
from distilspec.fast.kernels.cls_pool import cls_pool as cls_pool_kernel
from distilspec.fast.kernels.layout import padded
from distilspec.fast.operators.call import call
from distilspec.fast.operators.tiling import rounded, tiled, untiled
from distilspec.reference.contract.operands.cls_pool import expect_cls_pool
from distilspec.reference.contract.types import Array, Float32Array, RealArray


def cls_pool(hidden_states: RealArray) -> Float32Array:
    """Return the operator ``cls_pool`` of operands that are rounded to float32."""
    expect_cls_pool(hidden_states)
    return pooled(cls_pool_kernel, rounded(hidden_states))


def pooled(kernel: Callable[..., Function], x: Float32Array, **operands: Array) -> Float32Array:
    """Return what a kernel makes of each sequence of [sequences, tokens, features]: [sequences, features]."""
    sequences, tokens, features = x.shape
    target = host_target()
    each = spaced(1, tokens, target.tile).tiles
    out = np.empty((padded(sequences, target.tile) // target.tile, features, target.tile), np.float32)
    first = np.arange(sequences + 1) * each
    call(kernel, units=sequences, x=tiled(x), tiles=first, out=out, features=features, **operands)
    return untiled(out, 1, sequences).reshape(sequences, features)
