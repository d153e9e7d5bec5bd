"""``block_sparse_linear``."""

from __future__ import annotations

from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, Float64Array, RealArray
from scipy import sparse


def block_sparse_linear(
    x: RealArray, data: RealArray, indices: Array, indptr: Array, bias: RealArray | None = None
) -> Float64Array:
    """To be specified."""
    weight = sparse.bsr_array((real(data), indices, indptr), shape=((len(indptr) - 1) * data.shape[1], x.shape[-1]))
    y = (weight @ real(x).reshape(-1, x.shape[-1]).T).T.reshape(*x.shape[:-1], weight.shape[0])
    return y if bias is None else y + real(bias)
