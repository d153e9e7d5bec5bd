"""Wrong ways to carry out ``subtract``."""

from __future__ import annotations

from distilspec.conformance.mutants.arithmetic import through_float64, through_int32
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Array, NumberArray


def _swapped(a: NumberArray, b: NumberArray) -> Array:
    return ops.subtract(b, a)


MUTANTS = (
    Mutant("the operands are swapped", "subtract", ("SUB-S1", "SUB-S2"), _swapped),
    Mutant("int64 is subtracted in float64", "subtract", ("SUB-S2",), through_float64(ops.subtract)),
    Mutant("int64 is subtracted in 32 bits", "subtract", ("SUB-S2",), through_int32(ops.subtract)),
)
