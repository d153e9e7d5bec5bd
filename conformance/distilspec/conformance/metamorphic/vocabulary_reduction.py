"""
Words that do not occur can be taken out of the vocabulary.

VOC-S1  with only the rows of the word table that the batch uses, in another order, and its ids renumbered, the answers
    differ by no more than the bounds of two runs   (a look-up is exact)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from distilspec.conformance.metamorphic.bench import Bench
from distilspec.conformance.result import Judgement
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program, Step

#: The order of the rows that stay is drawn from this.
SEED = 0


def answers(bench: Bench, inputs: Mapping[str, Array]) -> Iterator[Judgement]:
    """Compare the program with the one that knows the batch's words only."""
    program, renumbered = reduced(bench.program, inputs)
    first, second = bench.answer(inputs), bench.ask(bench.load(program), renumbered, program)
    what = "a vocabulary of the words that occur"
    yield from bench.compare(what, bench.limits(inputs), first, second, same_program=False)


def reduced(program: Program, inputs: Mapping[str, Array]) -> tuple[Program, dict[str, Array]]:
    """
    Return the program with a smaller word table, and the inputs for it.

    Raises
    ------
    UnsupportedError
        No input has only the use of looking words up.
    """
    look_up = _look_up(program)
    ids, table = map(str, look_up.inputs)
    used = np.random.default_rng(SEED).permutation(np.unique(inputs[ids]))
    numbers = np.zeros(len(program.constants[table]), np.int64)
    numbers[used] = np.arange(len(used))
    name = f"{table}.used"
    step = dataclasses.replace(look_up, inputs=(ids, name))
    steps = tuple(step if other is look_up else other for other in program.steps)
    constants = {**program.constants, name: program.constants[table][used]}
    if not any(table in other.inputs for other in steps):
        del constants[table]
    return program.replace(steps=steps, constants=constants), {**inputs, ids: numbers[inputs[ids]]}


def _look_up(program: Program) -> Step:
    """Return the step that looks rows of the largest constant table up by an input that nothing else reads."""
    readers = {name: [step for step in program.steps if name in step.inputs] for name in program.inputs}
    found = [
        step
        for step in program.steps
        if step.op == "embedding"
        and step.inputs[1] in program.constants
        and step.inputs[0] in readers
        and readers[step.inputs[0]] == [step]
    ]
    if not found:
        raise UnsupportedError(f"program {program.name} has no input of which words are looked up and nothing else")
    return max(found, key=lambda step: len(program.constants[str(step.inputs[1])]))
