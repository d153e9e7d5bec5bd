"""
Mistakes in products of integers, codes and blocks each contradict a golden; float32 epilogues contradict none.

The file is long because each mistake is a whole operator, and stands beside the others of its kind.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from contradictions import cases_by_operator, contradicted

from distilspec.reference import ops

F32 = np.float32


def wide(codes, zero_point=None, read=lambda zero: zero):
    """Return codes less their zero point as int64; ``read`` misreads the zero point."""
    return codes.astype(np.int64) - (0 if zero_point is None else read(zero_point.astype(np.int64)))


def integer_product(read_a=lambda z: z, read_b=lambda z: z, length=lambda n: n, finish=lambda y: y):
    """Return a ``matmul_integer`` that misreads a zero point, stops early or has a narrow accumulator."""

    def matmul_integer(a, b, a_zero_point=None, b_zero_point=None):
        n = length(a.shape[-1])
        return finish(wide(a, a_zero_point, read_a)[..., :n] @ wide(b, b_zero_point, read_b)[..., :n, :]).astype(
            np.int32
        )

    return matmul_integer


def saturating_pairs(a, b, a_zero_point=None, b_zero_point=None):
    """Multiply as vpmaddubsw does, where neighbouring products share 16 bits, and correct the zero point later."""
    left, right = wide(a), wide(b, b_zero_point)
    odd = left.shape[-1] % 2
    left = np.concatenate([left, np.zeros((*left.shape[:-1], odd), np.int64)], axis=-1)
    right = np.concatenate([right, np.zeros((*right.shape[:-2], odd, right.shape[-1]), np.int64)], axis=-2)
    products = left[..., :, :, np.newaxis] * right[..., np.newaxis, :, :]
    sums = np.clip(products[..., 0::2, :] + products[..., 1::2, :], -32768, 32767).sum(axis=-2)
    zero = np.zeros((), np.int64) if a_zero_point is None else a_zero_point.astype(np.int64)
    return (sums - zero * right.sum(axis=-2, keepdims=True)).astype(np.int32)


def float32_accumulators(a, b, a_zero_point=None, b_zero_point=None):
    """Add one product after the other in float32."""
    left, right = wide(a, a_zero_point).astype(F32), wide(b, b_zero_point).astype(F32)
    total = np.zeros(np.matmul(left, right).shape, F32)
    for k in range(left.shape[-1]):
        total += left[..., :, k, np.newaxis] * right[..., k, np.newaxis, :]
    return total.astype(np.int64).astype(np.int32)


def no_zero_point(zero):
    """Forget the zero point."""
    return 0 * zero


def signed_zero_point(zero):
    """Take a zero point above 127 for negative."""
    return zero.astype(np.int8).astype(np.int64)


def whole_vectors(n):
    """Drop the tail that does not fill a vector of 16."""
    return n // 16 * 16


def whole_pairs(n):
    """Drop the last of an odd number of products."""
    return n // 2 * 2


def half_away(y, y_scale, y_zero_point):
    """Requantise with halves away from zero."""
    t = y / y_scale
    return saturate(np.copysign(np.floor(np.abs(t) + 0.5), t) + y_zero_point, y_zero_point.dtype)


def zero_point_first(y, y_scale, y_zero_point):
    """Requantise with the zero point added before rounding."""
    return saturate(np.rint(y / y_scale + y_zero_point), y_zero_point.dtype)


def wrapping(y, y_scale, y_zero_point):
    """Requantise without clipping."""
    return (np.rint(y / y_scale).astype(np.int64) + y_zero_point).astype(y_zero_point.dtype)


def wide_quantize(y, y_scale, y_zero_point):
    """Requantise float16 results."""
    return ops.quantize(y.astype(F32), y_scale, y_zero_point)


def by_reciprocal(y, y_scale, y_zero_point):
    """Requantise with the float32 reciprocal of the scale."""
    return saturate(np.rint(y.astype(F32) * (F32(1) / y_scale)) + y_zero_point, y_zero_point.dtype)


def saturate(value, dtype):
    """Clip, then cast."""
    limits = np.iinfo(dtype)
    return np.clip(value, limits.min, limits.max).astype(dtype)


def accumulators(product, x, weight, x_zero_point):
    """Return the accumulators of a Linear, with the leading axes of ``x`` as they are."""
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    return product(rows, weight.T, x_zero_point).reshape(*x.shape[:-1], len(weight))


def quantized_linear(
    product=ops.matmul_integer, scales=lambda s: s, bias_as=lambda b, _: b, quantize=ops.quantize, held_in=np.float64
):
    """Return a ``quantized_linear`` that deviates in one step."""

    def operator(x, x_scale, x_zero_point, weight, weight_scale, bias=None, y_scale=None, y_zero_point=None):
        factor = x_scale.astype(held_in) * scales(weight_scale).astype(held_in)
        y = accumulators(product, x, weight, x_zero_point).astype(held_in) * factor
        y = y if bias is None else y + bias_as(bias.astype(held_in), factor)
        return y if y_scale is None else quantize(y, y_scale, y_zero_point)

    return operator


def one_scale_after_the_other(
    x, x_scale, x_zero_point, weight, weight_scale, bias=None, y_scale=None, y_zero_point=None
):
    """Multiply the accumulators in float32 by the scale of the weight, then by that of the activations."""
    y = accumulators(ops.matmul_integer, x, weight, x_zero_point).astype(F32) * weight_scale * x_scale
    y = y if bias is None else y + bias
    return y if y_scale is None else by_reciprocal(y, y_scale, y_zero_point)


def unpacked(linear, at, data=lambda d: d, indptr=lambda p: p):
    """Return a block-sparse operator from a dense one, whose operand ``at`` begins the blocks; one array is misread."""

    def operator(*operands):
        weight = ops.unpack_block_sparse(
            data(operands[at]), operands[at + 1], indptr(operands[at + 2]), in_features=operands[0].shape[-1]
        )
        return linear(*operands[:at], weight, *operands[at + 3 :])

    return operator


def transpose_square(blocks):
    """Read square blocks column by column."""
    return blocks.swapaxes(1, 2) if blocks.shape[1] == blocks.shape[2] else blocks


def empty_rows_last(indptr):
    """Skip empty block rows, so that the ones behind them move up."""
    lengths = np.diff(indptr)
    return np.concatenate([indptr[:1], np.cumsum(np.concatenate([lengths[lengths > 0], lengths[lengths == 0]]))])


def shifted(x, weight, bias):
    """Multiply each weight by the input before its own."""
    return ops.linear(x, np.roll(weight, -1, axis=1), bias)


def skipping_empty_rows(linear, at):
    """Return a block-sparse operator that leaves the results of empty block rows at 0."""

    def operator(*operands):
        y = np.asarray(unpacked(linear, at)(*operands)).copy()
        y[..., np.repeat(np.diff(operands[at + 2]) == 0, operands[at].shape[1])] = 0
        return y

    return operator


def transposed_weight(x, weight, bias):
    """Multiply by the weight as it lies, where its shape permits."""
    y = x @ (weight if weight.shape[0] == weight.shape[1] == x.shape[-1] else weight.T)
    return y if bias is None else y + bias


WRONG = {
    "matmul_integer": {
        "vpmaddubsw": saturating_pairs,
        "no zero point of a": integer_product(read_a=no_zero_point),
        "no zero point of b": integer_product(read_b=no_zero_point),
        "signed zero point": integer_product(read_a=signed_zero_point),
        "no tail of 16": integer_product(length=whole_vectors),
        "no tail of 2": integer_product(length=whole_pairs),
        "accumulators of 16 bits": integer_product(finish=lambda y: y.astype(np.int16)),
        "accumulators of 24 bits": float32_accumulators,
    },
    "quantized_linear": {
        "vpmaddubsw": quantized_linear(saturating_pairs),
        "no zero point": quantized_linear(integer_product(read_a=no_zero_point)),
        "signed zero point": quantized_linear(integer_product(read_a=signed_zero_point)),
        "no tail of 16": quantized_linear(integer_product(length=whole_vectors)),
        "no tail of 2": quantized_linear(integer_product(length=whole_pairs)),
        "scale of the next output": quantized_linear(scales=lambda scale: np.roll(scale, 1)),
        "one scale for all outputs": quantized_linear(scales=lambda scale: np.full_like(scale, scale.max())),
        "integer bias": quantized_linear(bias_as=lambda bias, factor: np.rint(bias / factor) * factor),
        "no bias": quantized_linear(bias_as=lambda bias, _: 0 * bias),
        "bias times scales": quantized_linear(bias_as=lambda bias, factor: bias * factor),
        "float16": quantized_linear(held_in=np.float16, quantize=wide_quantize),
        "halves away from zero": quantized_linear(quantize=half_away),
        "zero point before rounding": quantized_linear(quantize=zero_point_first),
        "wraps": quantized_linear(quantize=wrapping),
    },
    "block_sparse_linear": {
        "blocks transposed": unpacked(ops.linear, 1, data=transpose_square),
        "columns shifted by one": unpacked(shifted, 1),
        "empty block rows last": unpacked(ops.linear, 1, indptr=empty_rows_last),
        "empty block rows without bias": skipping_empty_rows(ops.linear, 1),
    },
    "quantized_block_sparse_linear": {
        "vpmaddubsw": unpacked(quantized_linear(saturating_pairs), 3),
        "no zero point": unpacked(quantized_linear(integer_product(read_a=no_zero_point)), 3),
        "blocks transposed": unpacked(quantized_linear(), 3, data=transpose_square),
        "empty block rows last": unpacked(quantized_linear(), 3, indptr=empty_rows_last),
        "empty block rows without bias": skipping_empty_rows(quantized_linear(), 3),
        "no tail of 2": unpacked(quantized_linear(integer_product(length=whole_pairs)), 3),
    },
    "linear": {
        "weight not transposed": transposed_weight,
        "no bias": lambda x, weight, _: ops.linear(x, weight),
        "float16": lambda x, weight, bias: (
            (x.astype(np.float16) @ weight.T.astype(np.float16)).astype(np.float64) + (0 if bias is None else bias)
        ),
    },
    "matmul": {
        "second matrix transposed": lambda a, b: a @ (b.swapaxes(-1, -2) if b.shape[-1] == b.shape[-2] else b),
        "float16": lambda a, b: np.matmul(a.astype(np.float16), b.astype(np.float16)),
    },
    "pack_block_sparse": {
        "drops -0.0": lambda weight, *, block_shape: ops.pack_block_sparse(weight + 0, block_shape=block_shape),
        "blocks transposed": lambda weight, *, block_shape: (
            transpose_square((packed := ops.pack_block_sparse(weight, block_shape=block_shape)).data),
            packed.indices,
            packed.indptr,
        ),
    },
    "unpack_block_sparse": {
        "blocks transposed": lambda data, *rest, **size: ops.unpack_block_sparse(transpose_square(data), *rest, **size),
        "empty block rows last": lambda data, indices, indptr, **size: ops.unpack_block_sparse(
            data, indices, empty_rows_last(indptr), **size
        ),
    },
}

LEGITIMATE = {
    "quantized_linear": {
        "float32": quantized_linear(held_in=F32, quantize=by_reciprocal),
        "float32, one scale after the other": one_scale_after_the_other,
    },
    "quantized_block_sparse_linear": {"float32": unpacked(quantized_linear(held_in=F32), 3)},
    "block_sparse_linear": {
        "float32": unpacked(lambda x, weight, bias: x @ weight.T if bias is None else x @ weight.T + bias, 1)
    },
    "linear": {
        "float32": lambda x, weight, bias: x @ weight.T if bias is None else x @ weight.T + bias,
        "float32 from the end": lambda x, weight, bias: (
            (0 if bias is None else bias) + x[..., ::-1] @ weight[:, ::-1].T
        ),
    },
    "matmul": {"float32": np.matmul},
}


@pytest.mark.parametrize(("operator", "mistake"), [(op, name) for op, entries in WRONG.items() for name in entries])
def test_a_mistake_contradicts_a_golden(operator, mistake):
    """And not all of them: the mistake is planted in an operator that works otherwise."""
    failed = contradicted(operator, WRONG[operator][mistake])

    assert 0 < len(failed) < len(cases_by_operator()[operator])


@pytest.mark.parametrize(
    ("operator", "variant"), [(op, name) for op, entries in LEGITIMATE.items() for name in entries]
)
def test_a_legitimate_variant_contradicts_none(operator, variant):
    """An exact answer leaves no room, so it must be one that every legitimate computation gives."""
    assert contradicted(operator, LEGITIMATE[operator][variant]) == []
