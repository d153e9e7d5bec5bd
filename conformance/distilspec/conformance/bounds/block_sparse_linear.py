"""Bound of ``block_sparse_linear``: docs/derivations/linear.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, decided, lift
from distilspec.conformance.bounds.linear import linear
from distilspec.reference import ops as reference


def block_sparse_linear(
    x: Operand, data: Operand, indices: Operand, indptr: Operand, bias: Operand | None = None
) -> Bounded:
    """Bound the product with the dense weight: stored zeros and left out blocks add exact zeros to every bound."""
    x, weight = lift(x), unpacked(lift(data), indices, indptr, lift(x).shape[-1])
    return linear(x, weight, bias)


def unpacked(data: Bounded, indices: Operand, indptr: Operand, in_features: int) -> Bounded:
    """Return the dense form of a block-sparse weight and of its error."""
    where = (decided("block_sparse_linear", "indices", indices), decided("block_sparse_linear", "indptr", indptr))
    return Bounded(
        reference.unpack_block_sparse(data.value, *where, in_features=in_features),
        np.asarray(reference.unpack_block_sparse(data.error, *where, in_features=in_features), np.float64),
    )
