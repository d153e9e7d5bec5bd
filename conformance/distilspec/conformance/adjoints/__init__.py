"""
Reverse-mode sensitivities of a decision with respect to every tensor of a program, and the first-order bound on it.

``sensitivities`` evaluates a program and runs back through it once; a ``Tape`` keeps the evaluation for more passes.
"""

from __future__ import annotations

from collections.abc import Mapping

from distilspec.conformance.adjoints.local_errors import local_errors
from distilspec.conformance.adjoints.tape import Tape
from distilspec.reference.contract.types import Array, Float64Array
from distilspec.reference.program import Program

__all__ = ["Tape", "first_order_bound", "local_errors", "sensitivities"]


def sensitivities(
    program: Program, inputs: Mapping[str, Array], cotangent: Mapping[str, Array]
) -> dict[str, Float64Array]:
    """Return d quantity / d tensor for every tensor of ``program``: see ``Tape.sensitivities``."""
    return Tape(program, inputs).sensitivities(cotangent)


def first_order_bound(
    program: Program,
    inputs: Mapping[str, Array],
    cotangent: Mapping[str, Array],
    errors: Mapping[str, Float64Array],
) -> float:
    """Return how far local errors can move the quantity to first order: see ``Tape.first_order_bound``."""
    return Tape(program, inputs).first_order_bound(cotangent, errors)
