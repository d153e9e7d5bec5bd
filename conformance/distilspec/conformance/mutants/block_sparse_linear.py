"""Wrong ways to carry out ``block_sparse_linear``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.conformance.mutants import unpack_block_sparse as wrong
from distilspec.conformance.mutants.arithmetic import bfloat16
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Array, Float64Array, RealArray


def _with_weight(unpack: Callable[..., Array]) -> Callable[..., Float64Array]:
    def operator(
        x: RealArray, data: RealArray, indices: Array, indptr: Array, bias: RealArray | None = None
    ) -> Float64Array:
        return ops.linear(x, unpack(data, indices, indptr, in_features=x.shape[-1]), bias)

    return operator


def empty_rows(indptr: Array, block_rows: int) -> Array:
    """Return for every output whether its block row is empty."""
    return np.repeat(np.diff(indptr) == 0, block_rows)


def _bias_only_with_blocks(
    x: RealArray, data: RealArray, indices: Array, indptr: Array, bias: RealArray | None = None
) -> Float64Array:
    y = ops.block_sparse_linear(x, data, indices, indptr, bias)
    return np.where(empty_rows(indptr, data.shape[1]), 0.0, y)


def _bias_once_a_block(
    x: RealArray, data: RealArray, indices: Array, indptr: Array, bias: RealArray | None = None
) -> Float64Array:
    y = ops.block_sparse_linear(x, data, indices, indptr)
    return y if bias is None else y + np.repeat(np.diff(indptr), data.shape[1]) * bias


def _bfloat16(
    x: RealArray, data: RealArray, indices: Array, indptr: Array, bias: RealArray | None = None
) -> Float64Array:
    return ops.block_sparse_linear(bfloat16(x), bfloat16(data), indices, indptr, bias)


_NAME = "block_sparse_linear"

MUTANTS = (
    Mutant("block indices are ignored", _NAME, ("BSL-S1",), _with_weight(wrong.indices_ignored)),
    Mutant("block columns are counted from the right", _NAME, ("BSL-S1",), _with_weight(wrong.columns_mirrored)),
    Mutant(
        "the elements of a block are read column by column",
        _NAME,
        ("BSL-S1",),
        _with_weight(wrong.block_elements_swapped),
    ),
    Mutant("the last block is dropped", _NAME, ("BSL-S1",), _with_weight(wrong.last_block_dropped)),
    Mutant(
        "an empty block row is skipped, so that later ones move up",
        _NAME,
        ("BSL-S1",),
        _with_weight(wrong.empty_rows_skipped),
    ),
    Mutant("an empty block row repeats the one before", _NAME, ("BSL-S1",), _with_weight(wrong.previous_row_repeated)),
    Mutant("an empty block row has no bias", _NAME, ("BSL-S2",), _bias_only_with_blocks),
    Mutant("the bias is added once a block", _NAME, ("BSL-S2",), _bias_once_a_block),
    Mutant("the operands are rounded to bfloat16", _NAME, ("BSL-S2",), _bfloat16),
)
