"""A golden case as a program of one step, so that operators and whole models reach a runtime in the same way."""

from __future__ import annotations

from collections.abc import Mapping

from distilspec.conformance.goldens import GoldenCase
from distilspec.reference.contract.types import Array, TensorSpec
from distilspec.reference.program import Program
from distilspec.reference.tracer import Builder

#: Operands that a deployed model holds as constants, which a runtime may prepare or fold ahead of time.
CONSTANT_OPERANDS = frozenset(
    {"weight", "bias", "data", "indices", "indptr", "scale", "zero_point"}
    | {f"{operand}_{part}" for operand in ("x", "weight", "y", "a", "b") for part in ("scale", "zero_point")}
)


#: The second factor of an integer product is a weight, although its operator does not call it one.
INTEGER_WEIGHT = ("matmul_integer", "b")


def one_step_program(case: GoldenCase) -> tuple[Program, Mapping[str, Array]]:
    """
    Return a program whose only step is the case's operator, and the inputs to run it on.

    Weights, scales and zero points become constants; an operand through which data flows becomes an input.
    The program's outputs are labelled as the case's expected values are.
    """
    present = {name: array for name, array in case.inputs.items() if array is not None}
    constants = {name for name in present if name in CONSTANT_OPERANDS or (case.operator, name) == INTEGER_WEIGHT}
    inputs = {name: array for name, array in present.items() if name not in constants}
    specs = {
        name: TensorSpec("float" if array.dtype.kind == "f" else str(array.dtype), array.shape)
        for name, array in inputs.items()
    }
    builder = Builder(case.operator, specs, {"recipe": case.recipe or "fp32"})
    for name, array in present.items():
        if name in constants:
            builder.constant(name, array)
    operands = [name if array is not None else None for name, array in case.inputs.items()]
    while operands and operands[-1] is None:
        operands.pop()
    outputs = builder.emit(f"{case.operator}.result", case.operator, operands, case.attributes)
    labels = [expected.name for expected in case.expected]
    return builder.finish(dict(zip(labels, outputs, strict=True))), inputs
