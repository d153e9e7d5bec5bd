"""Wrong ways to carry out ``quantized_block_sparse_linear``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.conformance.mutants import matmul_integer as wrong_sum
from distilspec.conformance.mutants import unpack_block_sparse as wrong_weight
from distilspec.conformance.mutants.block_sparse_linear import empty_rows
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.conformance.mutants.quantized_linear import linear_by
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import (
    Array,
    CodeArray,
    Float32Array,
    Float64Array,
    Int8Array,
    Int32Array,
    RealArray,
)


def _sparse_by(
    unpack: Callable[..., Array] = ops.unpack_block_sparse, linear: Callable[..., Array] = ops.quantized_linear
) -> Callable[..., Float64Array]:
    def operator(
        x: CodeArray,
        x_scale: Float32Array,
        x_zero_point: CodeArray,
        data: Int8Array,
        indices: Array,
        indptr: Array,
        weight_scale: Float32Array,
        bias: RealArray | None = None,
    ) -> Float64Array:
        weight = unpack(data, indices, indptr, in_features=x.shape[-1])
        return linear(x, x_scale, x_zero_point, weight, weight_scale, bias)

    return operator


def _whole_pairs(a: CodeArray, b: CodeArray, a_zero_point: CodeArray) -> Int32Array:
    covered = a.shape[-1] // 2 * 2
    return ops.matmul_integer(a[..., :covered], b[:covered], a_zero_point)


def _zero_point_stays_in_empty_rows(
    x: CodeArray,
    x_scale: Float32Array,
    x_zero_point: CodeArray,
    data: Int8Array,
    indices: Array,
    indptr: Array,
    weight_scale: Float32Array,
    bias: RealArray | None = None,
) -> Float64Array:
    y = ops.quantized_block_sparse_linear(x, x_scale, x_zero_point, data, indices, indptr, weight_scale, bias)
    left = real(x_zero_point) * real(x_scale) * real(weight_scale)
    return np.where(empty_rows(indptr, data.shape[1]), y - left, y)


def _bias_only_with_blocks(
    x: CodeArray,
    x_scale: Float32Array,
    x_zero_point: CodeArray,
    data: Int8Array,
    indices: Array,
    indptr: Array,
    weight_scale: Float32Array,
    bias: RealArray | None = None,
) -> Float64Array:
    y = ops.quantized_block_sparse_linear(x, x_scale, x_zero_point, data, indices, indptr, weight_scale, bias)
    return np.where(empty_rows(indptr, data.shape[1]), 0.0, y)


def _one_scale_a_block_row(
    x: CodeArray,
    x_scale: Float32Array,
    x_zero_point: CodeArray,
    data: Int8Array,
    indices: Array,
    indptr: Array,
    weight_scale: Float32Array,
    bias: RealArray | None = None,
) -> Float64Array:
    out = data.shape[1]
    scale = np.repeat(weight_scale[::out], out)
    return ops.quantized_block_sparse_linear(x, x_scale, x_zero_point, data, indices, indptr, scale, bias)


_NAME = "quantized_block_sparse_linear"

MUTANTS = (
    Mutant("block indices are ignored", _NAME, ("QBSL-S1",), _sparse_by(wrong_weight.indices_ignored)),
    Mutant("block columns are counted from the right", _NAME, ("QBSL-S1",), _sparse_by(wrong_weight.columns_mirrored)),
    Mutant(
        "the elements of a block are read column by column",
        _NAME,
        ("QBSL-S1",),
        _sparse_by(wrong_weight.block_elements_swapped),
    ),
    Mutant("the last block is dropped", _NAME, ("QBSL-S1",), _sparse_by(wrong_weight.last_block_dropped)),
    Mutant(
        "an empty block row is skipped, so that later ones move up",
        _NAME,
        ("QBSL-S1",),
        _sparse_by(wrong_weight.empty_rows_skipped),
    ),
    Mutant(
        "an empty block row repeats the one before", _NAME, ("QBSL-S1",), _sparse_by(wrong_weight.previous_row_repeated)
    ),
    Mutant(
        "pairs of products saturate in 16 bits",
        _NAME,
        ("QBSL-S2",),
        _sparse_by(linear=linear_by(wrong_sum.saturating_pairs)),
        seen_in="vpmaddubsw on CPUs without VNNI",
    ),
    Mutant("sums wrap in 16 bits", _NAME, ("QBSL-S2",), _sparse_by(linear=linear_by(wrong_sum.in_16_bits))),
    Mutant(
        "the last of an odd number of terms is dropped",
        _NAME,
        ("QBSL-S2",),
        _sparse_by(linear=linear_by(_whole_pairs)),
    ),
    Mutant(
        "the zero point is ignored", _NAME, ("QBSL-S2",), _sparse_by(linear=linear_by(wrong_sum.without_a_zero_point))
    ),
    Mutant(
        "an empty block row is left with its correction for the zero point",
        _NAME,
        ("QBSL-S2",),
        _zero_point_stays_in_empty_rows,
    ),
    Mutant("an empty block row has no bias", _NAME, ("QBSL-S2",), _bias_only_with_blocks),
    Mutant("the first scale of a block row serves for the row", _NAME, ("QBSL-S2",), _one_scale_a_block_row),
)
