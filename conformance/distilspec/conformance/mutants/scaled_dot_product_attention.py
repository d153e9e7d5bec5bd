"""Wrong ways to carry out ``scaled_dot_product_attention``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.conformance.mutants import softmax as wrong
from distilspec.conformance.mutants.arithmetic import bfloat16, float16
from distilspec.conformance.mutants.linear import whole_vectors
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, BoolArray, Float64Array, RealArray


def _attend(weights: Array, value: RealArray) -> Float64Array:
    """Return the weighted sum of the values, as if those without weight were finite."""
    return np.asarray(real(weights) @ np.nan_to_num(real(value), posinf=0.0, neginf=0.0))


def _with_scale(wrong_scale: Callable[[float, int], float]) -> Callable[..., Float64Array]:
    def operator(
        query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
    ) -> Float64Array:
        used = wrong_scale(scale, query.shape[-1])
        return ops.scaled_dot_product_attention(query, key, value, mask, scale=used)

    return operator


def _with_softmax(softmax: Callable[..., Array]) -> Callable[..., Float64Array]:
    def operator(
        query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
    ) -> Float64Array:
        scores = scale * (real(query) @ real(key).swapaxes(-1, -2))
        return _attend(softmax(scores, mask), value)

    return operator


def _key_in_bfloat16(
    query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
) -> Float64Array:
    return ops.scaled_dot_product_attention(bfloat16(query), bfloat16(key), value, mask, scale=scale)


def _over_the_queries(scores: RealArray, mask: BoolArray | None = None) -> Float64Array:
    return ops.softmax(scores, mask, axis=-2)


def _mask_transposed(scores: RealArray, mask: BoolArray | None = None) -> Float64Array:
    if mask is None or mask.ndim < 2 or scores.shape[-1] != scores.shape[-2]:
        return ops.softmax(scores, mask)
    return ops.softmax(scores, mask.swapaxes(-1, -2))


def _mask_negated(scores: RealArray, mask: BoolArray | None = None) -> Float64Array:
    return ops.softmax(scores, mask if mask is None else ~mask)


def _keys_beyond_16_dropped(
    query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
) -> Float64Array:
    covered = whole_vectors(key.shape[-2])
    weights = ops.softmax(scale * (real(query) @ real(key).swapaxes(-1, -2)), mask)
    return _attend(weights[..., :covered], value[..., :covered, :])


def _weights_in_float16(
    query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
) -> Float64Array:
    weights = ops.softmax(scale * (real(query) @ real(key).swapaxes(-1, -2)), mask)
    return _attend(float16(weights), value)


def _zero_times_nan(
    query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
) -> Float64Array:
    weights = ops.softmax(scale * (real(query) @ real(key).swapaxes(-1, -2)), mask)
    return np.asarray(weights @ real(value))


def _nan_score_plus_mask(
    query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
) -> Float64Array:
    scores = scale * (real(query) @ real(key).swapaxes(-1, -2))
    y = ops.scaled_dot_product_attention(query, key, value, mask, scale=scale)
    return np.where(np.isnan(scores).any(axis=-1, keepdims=True), np.nan, y)


_NAME = "scaled_dot_product_attention"

MUTANTS = (
    Mutant("the scale is forgotten", _NAME, ("SDPA-S1",), _with_scale(lambda _scale, _size: 1.0)),
    Mutant(
        "the scale is applied to query and key", _NAME, ("SDPA-S1",), _with_scale(lambda scale, _size: scale * scale)
    ),
    Mutant(
        "the scale is 1 / sqrt(head_dim), whatever is asked",
        _NAME,
        ("SDPA-S1",),
        _with_scale(lambda _scale, size: size**-0.5),
    ),
    Mutant("query and key are rounded to bfloat16", _NAME, ("SDPA-S1",), _key_in_bfloat16),
    Mutant(
        "the maximum of the scores is not subtracted", _NAME, ("SDPA-S2",), _with_softmax(wrong.maximum_not_subtracted)
    ),
    Mutant("weights sum to one over the queries", _NAME, ("SDPA-S2",), _with_softmax(_over_the_queries)),
    Mutant("the mask is ignored", _NAME, ("SDPA-S2",), _with_softmax(wrong.mask_ignored)),
    Mutant("the mask is transposed", _NAME, ("SDPA-S2",), _with_softmax(_mask_transposed)),
    Mutant(
        "True masks a key",
        _NAME,
        ("SDPA-S2",),
        _with_softmax(_mask_negated),
        seen_in="key_padding_mask of torch.nn.MultiheadAttention",
    ),
    Mutant("the keys beyond a multiple of 16 are dropped", _NAME, ("SDPA-S3",), _keys_beyond_16_dropped),
    Mutant("weights are held in float16", _NAME, ("SDPA-S3",), _weights_in_float16),
    Mutant("a masked value is multiplied by zero, which NaN survives", _NAME, ("SDPA-S4",), _zero_times_nan),
    Mutant("a masked NaN score spoils its query", _NAME, ("SDPA-S4",), _nan_score_plus_mask),
    Mutant(
        "a query with every key masked gets the mean of the values",
        _NAME,
        ("SDPA-S5",),
        _with_softmax(wrong.uniform_where_all_is_masked),
        seen_in="Transformers' eager attention",
    ),
    Mutant(
        "a query with every key masked gets NaN",
        _NAME,
        ("SDPA-S5",),
        _with_softmax(wrong.nan_where_all_is_masked),
        seen_in="torch with a -infinity mask",
    ),
)
