"""Wrong ways to carry out ``multiply``."""

from __future__ import annotations

from distilspec.conformance.mutants.arithmetic import bfloat16, through_float64, through_int32
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Array, NumberArray


def _bfloat16(a: NumberArray, b: NumberArray) -> Array:
    return ops.multiply(a, b) if a.dtype.kind == "i" else ops.multiply(bfloat16(a), bfloat16(b))


MUTANTS = (
    Mutant("the operands are rounded to bfloat16", "multiply", ("MUL-S1",), _bfloat16),
    Mutant("int64 is multiplied in float64", "multiply", ("MUL-S2",), through_float64(ops.multiply)),
    Mutant("int64 is multiplied in 32 bits", "multiply", ("MUL-S2",), through_int32(ops.multiply)),
)
