"""Wrong ways to carry out ``logical_and``."""

from __future__ import annotations

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import BoolArray


def _equality(a: BoolArray, b: BoolArray) -> BoolArray:
    return ops.equal(a, b)


MUTANTS = (
    Mutant("True where either operand is", "logical_and", ("AND-S1",), ops.logical_or),
    Mutant("True where both are False", "logical_and", ("AND-S1",), _equality),
)
