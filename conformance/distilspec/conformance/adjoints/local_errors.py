"""``local_errors``: what each step of a program may be off by when its operands are exact."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded, BoundedCodes
from distilspec.reference import ops
from distilspec.reference.contract.types import Array, Float64Array
from distilspec.reference.program import Evaluation, Program


def local_errors(program: Program, inputs: Mapping[str, Array]) -> dict[str, Float64Array]:
    """
    Return the error of every step output that has one, each step judged on the reference's own operands.

    Codes and their zero point move together, so that codes have the error of code - zero_point and the zero point
    has none. float64 constants have the error of their float32 rounding, which the step that reads them passes on.
    """
    errors: dict[str, Float64Array] = {}
    for evaluation in program.evaluate(ops, inputs):
        operands = [
            None if name is None else bounds.constant(value) if name in program.constants else Bounded.exact(value)
            for name, value in zip(evaluation.step.inputs, evaluation.arguments, strict=True)
        ]
        bounded = getattr(bounds, evaluation.step.op)(*operands, **evaluation.attributes)
        results = tuple(bounded) if len(evaluation.step.outputs) > 1 else (bounded,)
        errors |= {name: error for name, error in _errors_of(evaluation, results).items() if np.any(error > 0)}
    return errors


def _errors_of(evaluation: Evaluation, results: tuple[Bounded, ...]) -> dict[str, Float64Array]:
    together = [result.zero_point for result in results if isinstance(result, BoundedCodes)]
    return {
        name: result.centred_error if isinstance(result, BoundedCodes) else result.error
        for name, result in zip(evaluation.step.outputs, results, strict=True)
        if not any(result is zero for zero in together)
    }
