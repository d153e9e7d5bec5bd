"""Naming the bug: which known wrong arithmetic explains what a failing segment returned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from distilspec.conformance.bounds.model import UNIT
from distilspec.conformance.integer_products import integer_products
from distilspec.conformance.judge import judge
from distilspec.conformance.mutants import all_mutants
from distilspec.conformance.result import State
from distilspec.conformance.segments import Segment
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, Float64Array

#: The bound belongs to the right value; a wrong one may be larger and is rounded as often as a fused epilogue rounds.
ROUNDINGS_OF_A_WRONG_VALUE = 8


def diagnose(segment: Segment, inputs: Mapping[str, Array], got: Array, error: Float64Array) -> str:
    """Return the first known bug that explains a failure, or an empty string; the parameters are ``explanations``'."""
    return next(explanations(segment, inputs, got, error), "")


def explanations(segment: Segment, inputs: Mapping[str, Array], got: Array, error: Float64Array) -> Iterator[str]:
    """
    Iterate over the known bugs under which every element of ``got`` is within its bound.

    ``got`` is what failed; ``error`` the bound that it left. A bug that the segment's inputs do not show is passed
    over, and so is one under which the segment cannot be run. Bugs are planted in the segment's steps, and in their
    form with integer products.
    """
    integer = integer_products(segment.program)
    for program in (segment.program, *([integer] if integer is not None else [])):
        operators = {step.op for step in program.steps}
        right = np.asarray(program.run(ops, inputs)[segment.target])
        for mutant in all_mutants():
            if mutant.replaces not in operators:
                continue
            try:
                explained = np.asarray(program.run(mutant.namespace, inputs)[segment.target])
            except (ValueError, IndexError):
                continue
            fits = explained.shape == error.shape and not np.array_equal(explained, right, equal_nan=True)
            if fits and judge(got, explained, error + _rounding(explained)).state is not State.FAIL:
                yield f"{mutant.name} [{', '.join(mutant.clauses)}]"


def _rounding(explained: Array) -> Float64Array:
    size = np.where(np.isfinite(explained), np.abs(real(explained)), 0.0)
    return ROUNDINGS_OF_A_WRONG_VALUE * UNIT * size if explained.dtype.kind == "f" else np.zeros(explained.shape)
