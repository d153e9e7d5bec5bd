"""
What codes that nobody has seen may do to a quantity.

Rounding upstream turns codes, and a code that turned turns others. How many, and which, cannot be bounded in advance;
how far all of them together move a quantity can, except with a stated probability: docs/derivations/decisions.md,
section 4.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from distilspec.conformance.segments import QUANTISERS
from distilspec.reference.contract.types import Float64Array
from distilspec.reference.program import Program

#: One verdict in so many may be wrong by chance, where codes are unseen.
FAILURE = 1e-9

#: A turn is a random number with mean 0 in an interval of length 1; by Hoeffding's lemma it is sub-Gaussian with this.
VARIANCE_PROXY = 1 / 4


def unseen_codes(program: Program, sensitivity: Mapping[str, Float64Array], seen: Collection[str] = ()) -> float:
    """Return sigma, the scale of the movement by the codes that are not among ``seen``: equation (5)."""
    names = (step.name for step in program.steps if step.op in QUANTISERS and step.name not in seen)
    return math.sqrt(
        VARIANCE_PROXY * sum(float(np.sum(sensitivity[name] ** 2)) for name in names if name in sensitivity)
    )


def deviations(candidates: int = 1) -> float:
    """
    Return lambda: none of ``candidates`` movements exceeds lambda times its scale, except with probability FAILURE.

    Equation (6).

    >>> round(deviations(), 2), round(deviations(30522), 2)
    (6.54, 7.97)
    """
    return math.sqrt(2 * math.log(2 * candidates / FAILURE))


def deviations_of_vectors(dimension: int, candidates: int = 1) -> float:
    """
    Return lambda for vectors: it holds for all directions of ``candidates`` vectors of ``dimension`` at once.

    Equation (7).

    >>> round(deviations_of_vectors(384), 1)
    24.6
    """
    t = math.log(candidates / FAILURE)
    return math.sqrt(dimension + 2 * math.sqrt(dimension * t) + 2 * t)
