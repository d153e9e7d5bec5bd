"""The interval between two ends, as a value with an error."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded
from distilspec.conformance.bounds.model import SLACK
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array


@np.errstate(all="ignore")
def around(value: Array, lowest: Array, highest: Array, *operands: Bounded) -> Bounded:
    """Return ``value`` with the error that reaches both ends, for an operation that does not round."""
    far = np.maximum(real(highest) - real(value), real(value) - real(lowest))
    far = np.where(real(lowest) == real(highest), 0.0, far * SLACK)
    known = all(np.isfinite(operand.error).all() for operand in operands)
    return Bounded(value, np.where(np.isnan(far), 0.0 if known else np.inf, far))
