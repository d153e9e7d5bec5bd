"""
Padding changes nothing.

PAD-S1  with more padding, whatever ids stand there, the answers for the tokens differ by no more than the bounds of two
    runs   (recipes that take one scale from a whole tensor are exempt)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from distilspec.conformance.adjoints.first_order import FirstOrder
from distilspec.conformance.dimensions import MASK, dimensions, takes_one_scale
from distilspec.conformance.metamorphic.bench import Bench
from distilspec.conformance.result import Judgement
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program

#: So many positions are added: one, and a number that changes what is left over by every vector width.
ADDED = (1, 19)


def answers(bench: Bench, inputs: Mapping[str, Array]) -> Iterator[Judgement]:
    """Compare the batch with the same batch in longer rows."""
    program = bench.program
    if takes_one_scale(program):
        raise UnsupportedError(f"{program.recipe} is exempt: it takes one scale from a whole tensor, padding included")
    sequence = dimensions(program).sequence
    here = np.shape(inputs[MASK])[1]
    room = min(positions(program, sequence) - here, max(ADDED))
    if room < 1:
        raise UnsupportedError(f"no batch leaves room for padding: {here} positions is the most that the model has")
    first = bench.answer(inputs)
    for count in sorted({min(count, room) for count in ADDED}):
        longer = partial(_longer, program, sequence, count)
        second = bench.ask(bench.executable, {name: longer(name, array) for name, array in inputs.items()})
        limits = FirstOrder(program, second.inputs)
        yield from bench.compare(f"{count} more positions of padding", limits, first, second, view=longer)


def positions(program: Program, sequence: str) -> int:
    """Return how many positions the program has room for: the rows of the tables that it slices by the sequence."""
    tables = [
        program.spec(str(step.inputs[0])).shape[0]
        for step in program.steps
        if step.op == "slice" and step.attributes.get("stop") == sequence and step.inputs[0] in program.constants
    ]
    return min((int(rows) for rows in tables), default=2**31)


def _longer(program: Program, sequence: str, count: int, tensor: str, array: Array) -> Array:
    """Return the tensor with ``count`` more positions: masked out, and elsewhere what stands at the row's beginning."""
    axes = [axis for axis, size in enumerate(program.spec(tensor).shape) if size == sequence]
    for axis in axes:
        first = np.take(array, [0], axis=axis)
        added = np.repeat(np.zeros_like(first) if tensor == MASK else first, count, axis=axis)
        array = np.concatenate([array, added], axis=axis)
    return array
