"""Wrong ways to carry out ``logical_or``."""

from __future__ import annotations

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import BoolArray


def _exclusive(a: BoolArray, b: BoolArray) -> BoolArray:
    return a ^ b


MUTANTS = (
    Mutant("False where both operands are True", "logical_or", ("OR-S1",), _exclusive),
    Mutant("True only where both operands are", "logical_or", ("OR-S1",), ops.logical_and),
)
