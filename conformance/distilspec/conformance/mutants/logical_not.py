"""Wrong ways to carry out ``logical_not``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference.contract.types import BoolArray


def _copy(x: BoolArray) -> BoolArray:
    return x.copy()


def _bitwise(x: BoolArray) -> BoolArray:
    return np.asarray(~x.astype(np.uint8) != 0)


MUTANTS = (
    Mutant("the mask is left as it is", "logical_not", ("NOT-S1",), _copy),
    Mutant("the bits of 1 are flipped to 254, which is True", "logical_not", ("NOT-S1",), _bitwise),
)
