"""One application of an operator as a program of one step, so that operators and whole models reach a runtime alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from distilspec.conformance.goldens import GoldenCase
from distilspec.reference.contract.types import Array, Attribute, TensorSpec
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
    """Return a program whose only step is the golden's operator, labelled as its answer is, and the inputs for it."""
    labels = [expected.name for expected in case.expected]
    return one_step(case.operator, case.inputs, case.attributes, labels, recipe=case.recipe or "fp32")


def one_step(
    operator: str,
    operands: Mapping[str, Array | None],
    attributes: Mapping[str, Attribute],
    labels: Sequence[str],
    *,
    recipe: str = "fp32",
    fed: Collection[str] = (),
) -> tuple[Program, Mapping[str, Array]]:
    """
    Return a program whose only step is ``operator``, and the inputs to run it on.

    Weights, scales and zero points become constants, unless ``fed`` names them; an operand through which data flows
    becomes an input.

    Parameters
    ----------
    operator : str
    operands : mapping of parameter to array or None
        In the order of the operator's parameters; None is an absent operand.
    attributes : mapping of str to attribute
    labels : sequence of str
        The names of the outputs.
    recipe : str
    fed : collection of str
        Operands that become inputs although they usually are constants.
    """
    present = {name: array for name, array in operands.items() if array is not None}
    usual = {name for name in present if name in CONSTANT_OPERANDS or (operator, name) == INTEGER_WEIGHT}
    constants = usual.difference(fed)
    inputs = {name: array for name, array in present.items() if name not in constants}
    specs = {name: _spec(array, rounded=name in usual) for name, array in inputs.items()}
    builder = Builder(operator, specs, {"recipe": recipe})
    for name, array in present.items():
        if name in constants:
            builder.constant(name, array)
    names = [name if array is not None else None for name, array in operands.items()]
    while names and names[-1] is None:
        names.pop()
    outputs = builder.emit(f"{operator}.result", operator, names, attributes)
    return builder.finish(dict(zip(labels, outputs, strict=True))), inputs


def _spec(array: Array, *, rounded: bool) -> TensorSpec:
    """Describe an input: a real number, or a scale, which the specification itself rounds to float32."""
    real = array.dtype.kind == "f" and not (rounded and array.dtype == np.float32)
    return TensorSpec("float" if real else str(array.dtype), array.shape)
