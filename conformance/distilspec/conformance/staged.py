"""What a runtime shows of a program, and whether showing it altered what is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from distilspec.conformance.runtimes.adapter import Executable
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program


@dataclass(frozen=True)
class Staged:
    """
    One run with everything shown that survives, beside a run with nothing shown.

    Parameters
    ----------
    outputs : mapping of label to array
        What the run with nothing shown returned.
    values : mapping of tensor name to array
        The program's inputs, what was shown, and the outputs by their tensors' names.
    unaltered : bool
        Whether both runs returned the same outputs, bit for bit; otherwise ``values`` belong to another program.
    shown : int
        How many tensors were shown.
    between : int
        How many of these are neither inputs nor outputs of the program.
    """

    outputs: Mapping[str, Array]
    values: Mapping[str, Array]
    unaltered: bool
    shown: int
    between: int


def stage(executable: Executable, program: Program, inputs: Mapping[str, Array], plain: Mapping[str, Array]) -> Staged:
    """Run ``executable`` with everything shown that survives; ``plain`` is what it returned with nothing shown."""
    survivors = executable.survivors()
    shown = copied(executable.run_exposed(copied(inputs), survivors))
    finals = {name: shown[label] for label, name in program.outputs.items() if name in program.tensors}
    masks = [name for name, spec in program.inputs.items() if spec.dtype == "bool"]
    given = {name: array.astype(np.bool_) if name in masks else array for name, array in inputs.items()}
    values = {**given, **{name: shown[name] for name in survivors}, **finals}
    unaltered = equal_bits(plain, {label: shown[label] for label in plain})
    between = set(survivors) & set(program.tensors) - set(program.outputs.values())
    return Staged(plain, values, unaltered, len(survivors), len(between))


def copied(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return arrays of our own: a runtime may write into its inputs, and into what it returned before."""
    return {name: array.copy() for name, array in arrays.items()}


def equal_bits(first: Mapping[str, Array], second: Mapping[str, Array]) -> bool:
    """Return whether every array of ``first`` is in ``second``, bit for bit."""
    return all(first[label].tobytes() == second[label].tobytes() for label in first)
