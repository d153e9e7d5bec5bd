"""Wrong ways to carry out ``mean_pool``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, BoolArray, Float64Array, RealArray


def _sum(hidden_states: RealArray, attention_mask: BoolArray) -> Array:
    return np.asarray(real(hidden_states).sum(axis=1, where=attention_mask[:, :, np.newaxis]))


def _padding_counted(hidden_states: RealArray, attention_mask: BoolArray) -> Float64Array:
    return np.asarray(_sum(hidden_states, attention_mask) / max(attention_mask.shape[1], 1))


def _count_of_the_batch(hidden_states: RealArray, attention_mask: BoolArray) -> Float64Array:
    longest = attention_mask.sum(axis=1).max(initial=1)
    return np.asarray(_sum(hidden_states, attention_mask) / longest)


def _padding_summed(hidden_states: RealArray, attention_mask: BoolArray) -> Float64Array:
    total = np.nan_to_num(real(hidden_states)).sum(axis=1)
    return np.asarray(total / np.maximum(attention_mask.sum(axis=1), 1)[:, np.newaxis])


def _square_root_of_the_count(hidden_states: RealArray, attention_mask: BoolArray) -> Float64Array:
    count = np.maximum(attention_mask.sum(axis=1), 1)[:, np.newaxis]
    return np.asarray(ops.mean_pool(hidden_states, attention_mask) * np.sqrt(count))


def _mask_multiplied(hidden_states: RealArray, attention_mask: BoolArray) -> Float64Array:
    total = (real(hidden_states) * attention_mask[:, :, np.newaxis]).sum(axis=1)
    return np.asarray(total / np.maximum(attention_mask.sum(axis=1), 1)[:, np.newaxis])


def _zero_by_zero(hidden_states: RealArray, attention_mask: BoolArray) -> Float64Array:
    return np.asarray(_sum(hidden_states, attention_mask) / attention_mask.sum(axis=1)[:, np.newaxis])


MUTANTS = (
    Mutant("padding is counted", "mean_pool", ("MEAN-S1",), _padding_counted, seen_in="last_hidden_state.mean(dim=1)"),
    Mutant("the longest sequence's count serves for all", "mean_pool", ("MEAN-S1",), _count_of_the_batch),
    Mutant("padding is summed", "mean_pool", ("MEAN-S2",), _padding_summed),
    Mutant(
        "divided by the square root of the count",
        "mean_pool",
        ("MEAN-S2",),
        _square_root_of_the_count,
        seen_in="pooling_mode_mean_sqrt_len_tokens",
    ),
    Mutant(
        "padding is multiplied by zero, which NaN survives",
        "mean_pool",
        ("MEAN-S3",),
        _mask_multiplied,
        seen_in="sentence-transformers",
    ),
    Mutant("a sequence without a kept token gives NaN", "mean_pool", ("MEAN-S4",), _zero_by_zero),
)
