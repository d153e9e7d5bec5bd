"""Wrong ways to carry out ``add``."""

from __future__ import annotations

from distilspec.conformance.mutants.arithmetic import through_float64, through_int32, to_float16
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Array, NumberArray


def _float16(a: NumberArray, b: NumberArray) -> Array:
    return ops.add(a, b) if a.dtype.kind == "i" else to_float16(ops.add)(a, b)


MUTANTS = (
    Mutant("the sum is held in float16", "add", ("ADD-S1",), _float16),
    Mutant("int64 is added in float64", "add", ("ADD-S2",), through_float64(ops.add)),
    Mutant("int64 is added in 32 bits", "add", ("ADD-S2",), through_int32(ops.add)),
)
