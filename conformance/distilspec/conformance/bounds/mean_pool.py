"""Bound of ``mean_pool``: docs/derivations/mean_pool.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, decided, read, result
from distilspec.conformance.bounds.model import DIVISION, accumulated, gamma, rounding, roundings
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


@np.errstate(all="ignore")
def mean_pool(hidden_states: Operand, attention_mask: Operand) -> Bounded:
    """Bound the mean of the kept tokens: the mean of their errors, one rounding for each, and a division."""
    hidden_states, mask = read(hidden_states), decided("mean_pool", "attention_mask", attention_mask)
    value = reference.mean_pool(hidden_states.value, mask)
    kept = mask[..., np.newaxis]
    count = np.maximum(kept.sum(axis=1), 1)
    moved = np.where(kept, hidden_states.error, 0.0).sum(axis=1) / count
    total = np.where(kept, np.abs(real(hidden_states.value)) + hidden_states.error, 0.0).sum(axis=1)
    error = moved + rounding(total / count, accumulated(roundings(count) + DIVISION), count + 2)
    return result(value, error, total * (1 + gamma(count)), hidden_states)
