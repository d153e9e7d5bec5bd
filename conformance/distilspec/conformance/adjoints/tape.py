"""``Tape``: one evaluation of a program, and reverse passes through it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from distilspec.conformance.adjoints.float_rules import FLOAT_RULES
from distilspec.conformance.adjoints.quantized_rules import QUANTIZED_RULES
from distilspec.conformance.adjoints.rule import Rule
from distilspec.conformance.adjoints.shape_rules import SHAPE_RULES
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.errors import ShapeError, UnsupportedError
from distilspec.reference.contract.types import Array, Float64Array
from distilspec.reference.program import Program

RULES: Mapping[str, Rule] = {**FLOAT_RULES, **SHAPE_RULES, **QUANTIZED_RULES}


class Tape:
    """
    A program evaluated once on the reference, ready for any number of reverse passes.

    Parameters
    ----------
    program : Program
    inputs : mapping of input name to array
    """

    def __init__(self, program: Program, inputs: Mapping[str, Array]) -> None:
        """Evaluate the program and keep every value."""
        self.program = program
        self._evaluations = list(program.evaluate(ops, inputs))
        made = {
            name: result
            for evaluation in self._evaluations
            for name, result in zip(evaluation.step.outputs, evaluation.results, strict=True)
        }
        self.values: Mapping[str, Array] = {**inputs, **made}

    def sensitivities(self, cotangent: Mapping[str, Array]) -> dict[str, Float64Array]:
        """
        Return d quantity / d tensor for every input and step output that the quantity depends on.

        Quantised steps follow the straight-through rule: a code moves as x / scale does, without rounding and
        saturation, so that its sensitivity is per code. The range of a dynamic quantisation moves nothing: what a
        larger scale changes, smaller codes undo.

        Parameters
        ----------
        cotangent : mapping of output label to array
            d quantity / d output, with the shape of the output.

        Raises
        ------
        ShapeError
            A label does not exist, or its cotangent has another shape than the output.
        UnsupportedError
            The quantity depends on a step whose operator has no rule.
        """
        found: dict[str, Float64Array] = {}
        for label, seed in cotangent.items():
            name = self._output(label, seed)
            found[name] = found[name] + seed if name in found else real(seed)
        for evaluation in reversed(self._evaluations):
            step = evaluation.step
            if not any(name in found for name in step.outputs):
                continue
            if step.op not in RULES:
                raise UnsupportedError(
                    f"program {self.program.name}: step {step.name} has operator {step.op}; "
                    f"expected one with a derivative: {', '.join(sorted(RULES))}"
                )
            cotangents = tuple(
                found.get(name, np.zeros(np.shape(result)))
                for name, result in zip(step.outputs, evaluation.results, strict=True)
            )
            pulls = RULES[step.op](cotangents, evaluation.results, *evaluation.arguments, **evaluation.attributes)
            for operand, pull in zip(step.inputs, pulls, strict=False):
                if pull is not None and operand is not None and operand not in self.program.constants:
                    found[operand] = found[operand] + pull() if operand in found else pull()
        return {name: array for name, array in found.items() if name not in self.program.constants}

    def first_order_bound(self, cotangent: Mapping[str, Array], errors: Mapping[str, Float64Array]) -> float:
        """
        Return the sum over tensors and elements of |d quantity / d element| times the local error of that element.

        Parameters
        ----------
        cotangent : mapping of output label to array
        errors : mapping of tensor name to array
            What each tensor may be off by when everything before it is exact; a tensor that is absent is exact.
        """
        found = self.sensitivities(cotangent)
        return sum(_weighed(found[name], error) for name, error in errors.items() if name in found)

    def _output(self, label: str, seed: Array) -> str:
        outputs = self.program.outputs
        if label not in outputs:
            raise ShapeError(f"program {self.program.name}: no output is {label}; expected {', '.join(outputs)}")
        shape = np.shape(self.values[outputs[label]])
        if np.shape(seed) != shape:
            raise ShapeError(
                f"program {self.program.name}: the cotangent of {label} has shape {np.shape(seed)}; expected {shape}"
            )
        return outputs[label]


def _weighed(sensitivity: Float64Array, error: Float64Array) -> float:
    size = np.abs(sensitivity)
    return float(np.sum(np.multiply(size, error, out=np.zeros_like(size), where=size > 0)))
