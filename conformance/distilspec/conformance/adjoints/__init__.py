"""How a decision moves with every tensor of a program: reverse-mode sensitivities in float64, without a framework."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from distilspec.conformance.adjoints import dense, elementwise, quantised, shape
from distilspec.conformance.adjoints.rule import Applied, Rule
from distilspec.conformance.segments import QUANTISERS, rounding_offsets
from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array, Float64Array
from distilspec.reference.program import Evaluation, Program

#: The reverse rule of every operator through which a decision can be differentiated.
RULES: Mapping[str, Rule] = {
    name: rule
    for module in (dense, elementwise, quantised, shape)
    for name, rule in vars(module).items()
    if name in ops.OPERATORS and callable(rule)
}

#: Operators whose results do not move with their operands.
FLAT = frozenset({"embedding", "equal", "greater", "less", "logical_and", "logical_not", "logical_or"})


class Tape:
    """
    A program evaluated once on the reference, ready for any number of reverse passes.

    Parameters
    ----------
    program : Program
    inputs : mapping of name to array
    """

    def __init__(self, program: Program, inputs: Mapping[str, Array]) -> None:
        """Evaluate the program and keep every value."""
        self._program = program
        self._inputs = program.checked(inputs)
        self._record = list(program.evaluate(ops, inputs))
        self._made = {
            name: value
            for evaluation in self._record
            for name, value in zip(evaluation.step.outputs, evaluation.results, strict=True)
        }

    def value(self, tensor: str) -> Array:
        """Return the value of a tensor that a step makes."""
        return np.asarray(self._made[tensor])

    def rounding_offsets(self) -> dict[str, Float64Array]:
        """Return what rounding and saturation added to the codes of every quantise step, in codes."""
        return rounding_offsets(self._program, {**self._inputs, **self._made})

    def sensitivities(
        self, cotangents: Mapping[str, Float64Array], *, codes_fixed: bool = False
    ) -> dict[str, Float64Array]:
        """
        Return d quantity / d tensor for every tensor that a step makes and that the quantity depends on.

        Parameters
        ----------
        cotangents : mapping of output label to float64 array
            d quantity / d output.
        codes_fixed : bool
            Whether codes stay as they are when the value that they stand for moves. Scales move all the same.

        Raises
        ------
        UnsupportedError
            The quantity depends on an operator that has no reverse rule.
        """
        found: dict[str, Float64Array] = {}
        for label, cotangent in cotangents.items():
            _accumulate(found, self._program.outputs[label], np.asarray(cotangent, np.float64))
        for evaluation in reversed(self._record):
            if evaluation.step.op in FLAT or not any(name in found for name in evaluation.step.outputs):
                continue
            if codes_fixed and evaluation.step.op in QUANTISERS:
                found.pop(evaluation.step.name, None)
            for operand, gradient in _pulled_back(evaluation, found, self._program).items():
                _accumulate(found, operand, gradient)
        return found

    def first_order_bound(
        self, cotangents: Mapping[str, Float64Array], local_errors: Mapping[str, Float64Array]
    ) -> float:
        """
        Return how far the quantity may move, to first order, when each tensor moves by its own local error.

        docs/derivations/decisions.md, equation (2).
        """
        return worst_movement(self.sensitivities(cotangents), local_errors)


def sensitivities(
    program: Program, inputs: Mapping[str, Array], cotangents: Mapping[str, Float64Array]
) -> dict[str, Float64Array]:
    """Return ``Tape.sensitivities`` of a program that is evaluated for this one pass."""
    return Tape(program, inputs).sensitivities(cotangents)


def first_order_bound(
    program: Program,
    inputs: Mapping[str, Array],
    cotangents: Mapping[str, Float64Array],
    local_errors: Mapping[str, Float64Array],
) -> float:
    """Return ``Tape.first_order_bound`` of a program that is evaluated for this one pass."""
    return Tape(program, inputs).first_order_bound(cotangents, local_errors)


def worst_movement(sensitivity: Mapping[str, Float64Array], errors: Mapping[str, Float64Array]) -> float:
    """Return the sum of |d quantity / d tensor| * error: every error at its worst sign, where the quantity moves."""
    return float(sum(_weighed(sensitivity[name], error) for name, error in errors.items() if name in sensitivity))


def root_sum_square(sensitivity: Mapping[str, Float64Array], errors: Mapping[str, Float64Array]) -> float:
    """Return the root of the sum of (d quantity / d tensor * error)^2: every error with a sign of its own."""
    squares = (_weighed(sensitivity[name] ** 2, error**2) for name, error in errors.items() if name in sensitivity)
    return math.sqrt(sum(squares))


def movement(sensitivity: Mapping[str, Float64Array], changes: Mapping[str, Float64Array]) -> float:
    """Return the sum of d quantity / d tensor * change: how far the quantity moves under these changes."""
    return float(sum(np.sum(sensitivity[name] * change) for name, change in changes.items() if name in sensitivity))


def _weighed(sensitivity: Float64Array, error: Float64Array) -> float:
    size = np.abs(sensitivity)
    return float(np.sum(np.multiply(size, error, out=np.zeros_like(size), where=size > 0)))


def _pulled_back(
    evaluation: Evaluation, found: Mapping[str, Float64Array], program: Program
) -> dict[str, Float64Array]:
    step = evaluation.step
    if step.op not in RULES:
        raise UnsupportedError(
            f"sensitivity: step {step.name} is a {step.op}; expected an operator with a reverse rule"
        )
    cotangents = tuple(
        found.get(name, np.zeros(np.shape(value))) for name, value in zip(step.outputs, evaluation.results, strict=True)
    )
    pullback = RULES[step.op](Applied(evaluation.arguments, evaluation.attributes, evaluation.results, cotangents))
    gradients: dict[str, Float64Array] = {}
    for position, gradient in pullback.items():
        name = step.inputs[position] if position < len(step.inputs) else None
        if name is not None and name in program.tensors:
            _accumulate(gradients, name, gradient())
    return gradients


def _accumulate(into: dict[str, Float64Array], name: str, gradient: Float64Array) -> None:
    into[name] = into[name] + gradient if name in into else gradient
