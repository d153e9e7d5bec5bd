"""The form of an answer: whether what a runtime returned is an array of the dtype and shape that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from distilspec.reference.contract.errors import ContractError
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program


class AnswerError(ContractError):
    """A runtime returned something else than the arrays that it was asked for."""


def checked_outputs(program: Program, inputs: Mapping[str, Array], answered: Any) -> dict[str, Array]:
    """
    Return the program's outputs as arrays of our own.

    Raises
    ------
    AnswerError
        An output is missing, or is no array of the dtype and shape that the program gives it for these inputs.
    """
    if not isinstance(answered, Mapping):
        raise AnswerError(f"runtime answered with a {type(answered).__name__}; expected arrays by their names")
    for label in program.outputs:
        if label not in answered:
            given = ", ".join(map(str, answered)) or "none"
            raise AnswerError(f"runtime answered with outputs {given:.200}; expected {', '.join(program.outputs)}")
        wrong = misfit(program, inputs, program.outputs[label], answered[label])
        if wrong:
            raise AnswerError(f"output {label} {wrong}")
    return {label: answered[label].copy() for label in program.outputs}


def misfit(program: Program, inputs: Mapping[str, Array], tensor: str, got: Any) -> str:
    """Return what is wrong with the form of an answer for ``tensor``, and nothing where it is right."""
    if not isinstance(got, (np.ndarray, np.generic)):  # NumPy makes a scalar of an array without axes
        return f"is a {type(got).__name__}; expected an array"
    spec = program.spec(tensor)
    dtypes = ("float32", "float64") if spec.dtype in ("float", "float64") else (spec.dtype,)
    if str(got.dtype) not in dtypes:
        return f"has dtype {got.dtype}; expected {dtypes[0]}"
    sizes = {
        dimension: size
        for name, given in program.inputs.items()
        for dimension, size in zip(given.shape, inputs[name].shape, strict=True)
    }
    shape = tuple(sizes.get(size, size) for size in spec.shape)
    fits = len(got.shape) == len(shape) and all(
        isinstance(b, str) or a == b for a, b in zip(got.shape, shape, strict=True)
    )
    return "" if fits else f"has shape {got.shape}; expected {shape}"


def by_form(
    program: Program, inputs: Mapping[str, Array], values: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, str]]:
    """Return those of ``values`` that have the right form, and what is wrong with the tensors that have not."""
    wrong = {name: misfit(program, inputs, name, array) for name, array in values.items() if name in program.tensors}
    misfits = {name: detail for name, detail in wrong.items() if detail}
    return {name: array for name, array in values.items() if name not in misfits}, misfits
