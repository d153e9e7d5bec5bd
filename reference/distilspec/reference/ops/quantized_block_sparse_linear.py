"""``quantized_block_sparse_linear``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, CodeArray, Float32Array, Float64Array, Int8Array, RealArray
from scipy import sparse


def quantized_block_sparse_linear(
    x: CodeArray,
    x_scale: Float32Array,
    x_zero_point: CodeArray,
    data: Int8Array,
    indices: Array,
    indptr: Array,
    weight_scale: Float32Array,
    bias: RealArray | None = None,
) -> Float64Array:
    """To be specified."""
    out_features = (len(indptr) - 1) * data.shape[1]
    weight = sparse.bsr_array((data.astype(np.int64), indices, indptr), shape=(out_features, x.shape[-1]))
    centred = x.astype(np.int64) - np.asarray(x_zero_point, np.int64)
    accumulator = (weight @ centred.reshape(-1, x.shape[-1]).T).T.reshape(*x.shape[:-1], out_features)
    y = accumulator * real(x_scale) * real(weight_scale)
    return y if bias is None else y + real(bias)
