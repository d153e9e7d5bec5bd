"""Wrong ways to carry out ``cls_pool``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def _last_token(hidden_states: RealArray) -> Float64Array:
    return real(hidden_states[:, -1])


def _mean(hidden_states: RealArray) -> Float64Array:
    return np.asarray(real(hidden_states).mean(axis=1))


def _first_sequence(hidden_states: RealArray) -> Float64Array:
    return real(np.repeat(hidden_states[:1, 0], len(hidden_states), axis=0))


MUTANTS = (
    Mutant("the last token", "cls_pool", ("CLS-S1",), _last_token),
    Mutant("the mean of the tokens", "cls_pool", ("CLS-S1",), _mean),
    Mutant("the first sequence for every sequence", "cls_pool", ("CLS-S1",), _first_sequence),
)
