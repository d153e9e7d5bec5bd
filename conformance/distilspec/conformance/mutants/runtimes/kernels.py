"""Runtimes whose kernels are wrong at certain sizes only: tails, last blocks, one row, long rows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from distilspec.conformance.mutants.matmul_integer import saturating_pairs
from distilspec.conformance.mutants.planted import Load, RuntimeMutant, in_whole_programs, rewritten, with_operators
from distilspec.conformance.mutants.quantized_linear import linear_by
from distilspec.conformance.mutants.runtimes.wiring import layers, with_constants
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, BoolArray, Float64Array, RealArray
from distilspec.reference.program import Program

#: Numbers in a vector register, rows in a tile, terms in a block of a product.
LANES, TILE, BLOCK = 8, 4, 32

Linear = Callable[..., Array]


def _tail(size: int, step: int) -> int:
    """Return where the incomplete vector begins, or ``size`` where there is none or nothing before it."""
    whole = size - size % step
    return whole if whole > 0 else size


def _both(plant: Callable[[Linear], Linear]) -> Load:
    """Return a loader with a bug in the float and in the quantised product."""
    return with_operators(linear=plant(ops.linear), quantized_linear=plant(ops.quantized_linear))


def _columns_in_the_tail(spoil: Callable[[Array], Array]) -> Callable[[Linear], Linear]:
    def plant(linear: Linear) -> Linear:
        def operator(*operands: Any) -> Array:
            y = linear(*operands)
            start = _tail(y.shape[-1], LANES)
            return np.concatenate([y[..., :start], spoil(y)[..., start:]], axis=-1)

        return operator

    return plant


def _rows_in_the_tail(linear: Linear) -> Linear:
    """Compute no row beyond a multiple of 4: it stays what the row before it is."""

    def operator(*operands: Any) -> Array:
        y = linear(*operands)
        if y.ndim < 2:
            return y
        rows = y.reshape(-1, y.shape[-1])
        start = _tail(len(rows), TILE)
        return np.concatenate([rows[:start], np.repeat(rows[start - 1 : start], len(rows) - start, axis=0)]).reshape(
            y.shape
        )

    return operator


def _one_row_without_bias(linear: Linear) -> Linear:
    """Take a product of a vector and a matrix for one row, and forget its bias."""

    def operator(*operands: Any) -> Array:
        one = operands[0].size == operands[0].shape[-1]
        bias = 2 if linear is ops.linear else 5
        kept = [None if one and index == bias else operand for index, operand in enumerate(operands)]
        return linear(*kept)

    return operator


def _last_block_of_terms_dropped(x: RealArray, weight: RealArray, bias: RealArray | None = None) -> Float64Array:
    """Sum whole blocks of terms only, when there is at least one."""
    end = _tail(x.shape[-1], BLOCK)
    return ops.linear(x[..., :end], weight[:, :end], bias)


def _last_block_of_products_dropped(a: Array, b: Array, *zero_points: Array) -> Array:
    end = _tail(a.shape[-1], BLOCK)
    return ops.matmul_integer(a[..., :end], b[..., :end, :], *zero_points)


def _columns_not_corrected(a: Array, b: Array, a_zero_point: Array) -> Array:
    """Leave the zero point out of the columns in the tail."""
    start = _tail(b.shape[-1], LANES)
    corrected = ops.matmul_integer(a, b[..., :start], a_zero_point)
    return np.concatenate([corrected, ops.matmul_integer(a, b[..., start:])], axis=-1)


def _long_rows_saturate(a: Array, b: Array, a_zero_point: Array) -> Array:
    """Take 16-bit pairs when there is at least a register of terms."""
    if a.shape[-1] < BLOCK:
        return ops.matmul_integer(a, b, a_zero_point)
    return np.asarray(saturating_pairs(a, b, a_zero_point))


def _in_24_bits(a: Array, b: Array, a_zero_point: Array) -> Array:
    sums = ops.matmul_integer(a, b, a_zero_point)
    return (((sums.astype(np.int64) + 2**23) % 2**24) - 2**23).astype(np.int32)


def _scale_shifted_in_the_tail(accumulator: Array, x_scale: Array, weight_scale: Array) -> Array:
    start = _tail(weight_scale.size, LANES)
    shifted = np.concatenate([weight_scale[:start], np.roll(weight_scale, 1)[start:]])
    return np.asarray(accumulator * (real(x_scale) * real(shifted)))


def _one_token_scale_in_a_batch(accumulator: Array, x_scale: Array, weight_scale: Array) -> Array:
    first = x_scale[:1] if x_scale.ndim == 3 else x_scale
    return np.asarray(accumulator * (real(first) * real(weight_scale)))


def _bias_scaled_before_an_activation(program: Program) -> Program:
    """Scale the bias as the accumulator is, where the epilogue of a static recipe also holds an activation."""
    constants = dict(program.constants)
    for layer in layers(program):
        for step, after in pairwise(layer):
            if step.op == "quantized_linear" and after.op in ("gelu", "relu") and step.inputs[1] in constants:
                _, x_scale, _, _, weight_scale, bias = (str(name) for name in step.inputs)
                constants[bias] = constants[bias] * (constants[x_scale] * constants[weight_scale])
    return program.replace(constants=constants)


def _attention(change: Callable[..., Float64Array]) -> Load:
    return in_whole_programs(with_operators(scaled_dot_product_attention=change))


def _one_key_is_its_value_unseen(
    query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
) -> Float64Array:
    """Skip attention for a sequence of one token, whether it is masked or not, and return the query."""
    if key.shape[-2] == 1 and query.shape == value.shape:
        return real(query)
    return ops.scaled_dot_product_attention(query, key, value, mask, scale=scale)


def _keys_beyond_64_ignored(
    query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
) -> Float64Array:
    near = slice(None, 64)
    kept = mask if mask is None or mask.ndim == 0 or mask.shape[-1] == 1 else mask[..., near]
    return ops.scaled_dot_product_attention(query, key[..., near, :], value[..., near, :], kept, scale=scale)


def _blocks_not_rescaled(
    query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
) -> Float64Array:
    """Take the softmax over blocks of 16 keys by a running maximum, and forget to rescale what was added before."""
    scores = scale * (real(query) @ real(key).swapaxes(-1, -2))
    kept = np.broadcast_to(True if mask is None else mask, scores.shape)
    masked = np.where(kept, scores, -np.inf)
    total = np.zeros((*scores.shape[:-1], 1))
    y = np.zeros((*scores.shape[:-1], value.shape[-1]))
    largest = np.full_like(total, -np.inf)
    for start in range(0, scores.shape[-1], 16):
        block = slice(start, start + 16)
        largest = np.maximum(largest, masked[..., block].max(axis=-1, keepdims=True))
        e = np.where(kept[..., block], np.exp(masked[..., block] - np.where(largest == -np.inf, 0, largest)), 0)
        total = total + e.sum(axis=-1, keepdims=True)
        y = y + e @ np.where(np.isfinite(value), value, 0)[..., block, :]
    return np.divide(y, total, out=np.zeros_like(y), where=total > 0)


def _first_head_inverted(
    query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
) -> Float64Array:
    """Read the mask of the first head the other way round."""
    y = ops.scaled_dot_product_attention(query, key, value, mask, scale=scale)
    if mask is not None and query.ndim == 4 and query.shape[1] > 1:
        kept = np.broadcast_to(mask, (*query.shape[:-1], key.shape[-2]))
        y[:, :1] = ops.scaled_dot_product_attention(query[:, :1], key[:, :1], value[:, :1], ~kept[:, :1], scale=scale)
    return y


def _heads_reversed(
    query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
) -> Float64Array:
    y = ops.scaled_dot_product_attention(query, key, value, mask, scale=scale)
    return y[:, ::-1] if y.ndim == 4 else y


def _causal(
    query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
) -> Float64Array:
    """Let no token see a later one, in batches of heads."""
    if query.ndim == 4:
        earlier = np.tri(query.shape[-2], key.shape[-2], dtype=np.bool_)
        mask = np.asarray(earlier if mask is None else mask & earlier)
    return ops.scaled_dot_product_attention(query, key, value, mask, scale=scale)


def _wide_rows_in_one_pass(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    """Take E[x^2] - E[x]^2 in float32 for rows of at least 16 features."""
    if x.shape[-1] < 16:
        return ops.layer_norm(x, weight, bias, epsilon=epsilon)
    narrow = np.asarray(x, np.float32)
    mean = narrow.mean(axis=-1, keepdims=True)
    variance = np.maximum((narrow * narrow).mean(axis=-1, keepdims=True) - mean * mean, 0)
    return np.asarray(real(narrow - mean) / np.sqrt(real(variance) + epsilon) * real(weight) + real(bias))


def _norm_of_whole_vectors(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    """Leave the tail of a row out of its mean and variance."""
    whole = real(x)[..., : _tail(x.shape[-1], LANES)]
    deviation = np.sqrt(whole.var(axis=-1, keepdims=True) + epsilon)
    return np.asarray((real(x) - whole.mean(axis=-1, keepdims=True)) / deviation * real(weight) + real(bias))


def _range_of_whole_vectors(x: RealArray) -> Any:
    """Look for the range in whole vectors only; what lies beyond saturates."""
    seen = x.ravel()[: _tail(x.size, LANES)]
    scale, zero_point = ops.asymmetric_scale(np.asarray(seen.min(initial=0)), np.asarray(seen.max(initial=0)))
    return ops.quantize(x, scale, zero_point), scale, zero_point


def _range_of_the_first_row(x: RealArray) -> Any:
    seen = x[:1] if x.ndim == 3 else x
    scale, zero_point = ops.asymmetric_scale(np.asarray(seen.min(initial=0)), np.asarray(seen.max(initial=0)))
    return ops.quantize(x, scale, zero_point), scale, zero_point


def _ids_in(dtype: type) -> Load:
    def embedding(input_ids: Array, weight: RealArray) -> Float64Array:
        return real(weight[input_ids.astype(dtype).astype(np.int64) % len(weight)])

    return with_operators(embedding=embedding)


def _first_two_blocks_exchanged(program: Program) -> Program:
    def exchanged(name: str, array: Array) -> Array:
        indptr = program.constants.get(f"{name.removesuffix('data')}indptr")
        if not name.endswith(".data") or indptr is None:
            return array
        blocks = array.copy()
        for start, end in pairwise(indptr):
            if end - start > 1:
                blocks[start : start + 2] = array[start : start + 2][::-1]
        return blocks

    return with_constants(program, exchanged)


def _without_the_last_block(program: Program) -> Program:
    def shortened(name: str, array: Array) -> Array:
        return np.minimum(array, array[-1] - 1) if name.endswith(".indptr") and array[-1] > 0 else array

    def cut(name: str, array: Array) -> Array:
        owner = name.removesuffix("data").removesuffix("indices")
        indptr = program.constants.get(f"{owner}indptr")
        stored = name.endswith((".data", ".indices")) and indptr is not None and len(array) > 0
        return array[:-1] if stored else array

    return with_constants(with_constants(program, shortened), cut)


def _blocks_transposed(program: Program) -> Program:
    def transposed(name: str, array: Array) -> Array:
        square = name.endswith(".data") and array.ndim == 3 and array.shape[1] == array.shape[2]
        return array.swapaxes(1, 2) if square else array

    return with_constants(program, transposed)


def _empty_block_rows_repeat(sparse: Linear) -> Linear:
    """Leave the result of an empty block row as it was for the block row before it."""

    def operator(*operands: Any) -> Array:
        y = sparse(*operands)
        data, _, indptr = operands[1:4] if sparse is ops.block_sparse_linear else operands[3:6]
        out = data.shape[1]
        for row in range(1, len(indptr) - 1):
            if indptr[row] == indptr[row + 1]:
                y[..., row * out : (row + 1) * out] = y[..., (row - 1) * out : row * out]
        return y

    return operator


_QL = ("QL-S1",)

MUTANTS = (
    RuntimeMutant(
        "columns beyond a multiple of 8 are zero", ("LIN-S1", "QL-S1"), _both(_columns_in_the_tail(np.zeros_like))
    ),
    RuntimeMutant(
        "columns beyond a multiple of 8 are those of the next column",
        ("LIN-S1", "QL-S1"),
        _both(_columns_in_the_tail(lambda y: np.roll(y, -1, axis=-1))),
    ),
    RuntimeMutant("rows beyond a multiple of 4 repeat the one before", ("LIN-S1", "QL-S1"), _both(_rows_in_the_tail)),
    RuntimeMutant("a single row has no bias", ("LIN-S2", "QL-S3"), _both(_one_row_without_bias)),
    RuntimeMutant(
        "the last block of terms is dropped beyond 32", ("LIN-S1",), with_operators(linear=_last_block_of_terms_dropped)
    ),
    RuntimeMutant(
        "the last block of integer products is dropped beyond 32",
        _QL,
        with_operators(quantized_linear=linear_by(_last_block_of_products_dropped)),
    ),
    RuntimeMutant(
        "the zero point is ignored in columns beyond a multiple of 8",
        _QL,
        with_operators(quantized_linear=linear_by(_columns_not_corrected)),
    ),
    RuntimeMutant(
        "pairs of products saturate in rows of 32 and more terms",
        _QL,
        with_operators(quantized_linear=linear_by(_long_rows_saturate)),
        seen_in="vpmaddubsw kernels that short rows do not take",
    ),
    RuntimeMutant("sums wrap in 24 bits", _QL, with_operators(quantized_linear=linear_by(_in_24_bits))),
    RuntimeMutant(
        "the scale is that of the channel before in columns beyond a multiple of 8",
        ("QL-S2",),
        with_operators(quantized_linear=linear_by(rescale=_scale_shifted_in_the_tail)),
    ),
    RuntimeMutant(
        "a batch has the token scales of its first row",
        ("QL-S2",),
        in_whole_programs(with_operators(quantized_linear=linear_by(rescale=_one_token_scale_in_a_batch))),
    ),
    RuntimeMutant(
        "an epilogue fused with an activation scales the bias", ("QL-S3",), rewritten(_bias_scaled_before_an_activation)
    ),
    RuntimeMutant("a sequence of one token skips attention", ("SDPA-S3",), _attention(_one_key_is_its_value_unseen)),
    RuntimeMutant("keys beyond 64 are ignored", ("SDPA-S3",), _attention(_keys_beyond_64_ignored)),
    RuntimeMutant(
        "attention over blocks of keys does not rescale",
        ("SDPA-S2",),
        _attention(_blocks_not_rescaled),
        seen_in="first versions of online softmax",
    ),
    RuntimeMutant("the mask of the first head is inverted", ("SDPA-S4", "HEAD-S1"), _attention(_first_head_inverted)),
    RuntimeMutant("heads come out in reverse", ("SDPA-S3", "HEAD-S1"), _attention(_heads_reversed)),
    RuntimeMutant("attention is causal", ("SDPA-S3",), _attention(_causal)),
    RuntimeMutant(
        "the variance of wide rows is taken in one pass",
        ("LN-S3",),
        with_operators(layer_norm=_wide_rows_in_one_pass),
    ),
    RuntimeMutant(
        "mean and variance leave the tail of a row out",
        ("LN-S1", "LN-S3"),
        with_operators(layer_norm=_norm_of_whole_vectors),
    ),
    RuntimeMutant(
        "the range leaves the tail of a tensor out",
        ("DYN-S2",),
        with_operators(dynamic_quantize=_range_of_whole_vectors),
    ),
    RuntimeMutant(
        "the range is that of the first row of a batch",
        ("DYN-S2",),
        with_operators(dynamic_quantize=_range_of_the_first_row),
    ),
    RuntimeMutant("ids are held in 8 bits", ("EMB-S1", "VOC-S1"), _ids_in(np.uint8)),
    RuntimeMutant("ids are held in 16 bits", ("EMB-S1", "VOC-S1"), _ids_in(np.int16)),
    RuntimeMutant(
        "the first two blocks of a row are exchanged", ("UNPK-S1", "SPD-S1"), rewritten(_first_two_blocks_exchanged)
    ),
    RuntimeMutant("the last block is dropped", ("UNPK-S1", "SPD-S1"), rewritten(_without_the_last_block)),
    RuntimeMutant("square blocks are transposed", ("UNPK-S1", "SPD-S1"), rewritten(_blocks_transposed)),
    RuntimeMutant(
        "an empty block row repeats the one before",
        ("BSL-S2", "QBSL-S2"),
        with_operators(
            block_sparse_linear=_empty_block_rows_repeat(ops.block_sparse_linear),
            quantized_block_sparse_linear=_empty_block_rows_repeat(ops.quantized_block_sparse_linear),
        ),
    ),
)
