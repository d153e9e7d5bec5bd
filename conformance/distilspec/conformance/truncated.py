"""Intermediate tensors of a runtime that shows none: the program cut off after each of them, and run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from distilspec.conformance.answer_form import checked_outputs
from distilspec.conformance.runtimes.adapter import Runtime
from distilspec.conformance.staged import copied
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program


def run_truncated(
    runtime: Runtime, program: Program, inputs: Mapping[str, Array], tensors: Sequence[str]
) -> dict[str, Array]:
    """
    Return tensors that a runtime does not show, each as the only output of a program of its own.

    A runtime may fuse, place and order the steps of a truncated program differently than those of the whole, so what
    is found this way is true of the truncated programs, and a report has to say so.

    Parameters
    ----------
    runtime : Runtime
    program : Program
    inputs : mapping of name to array
    tensors : sequence of str
        Names of what steps of the program make.

    Raises
    ------
    ProgramError
        A name is not that of a tensor.
    AnswerError
        The runtime returned something else than the tensor.
    Exception
        Whatever the runtime raises.
    """
    return {tensor: _run_up_to(runtime, program, inputs, tensor) for tensor in tensors}


def _run_up_to(runtime: Runtime, program: Program, inputs: Mapping[str, Array], tensor: str) -> Array:
    truncated = program.extract([tensor])
    given = {name: inputs[name] for name in truncated.inputs}
    return checked_outputs(truncated, given, runtime.load(truncated).run(copied(given)))[tensor]
