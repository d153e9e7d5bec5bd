"""
What belongs to the caller stays as it is.

OWN-S1  the arrays that a run was given hold afterwards what they held before
OWN-S2  what a run returned stays as it is while the same inputs run again, and others of the same shape
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from distilspec.conformance.answer_form import checked_outputs
from distilspec.conformance.dimensions import dimensions, parts
from distilspec.conformance.metamorphic.bench import Bench, called
from distilspec.conformance.result import Judgement, State, Unit
from distilspec.conformance.staged import copied
from distilspec.reference.contract.types import Array


def answers(bench: Bench, inputs: Mapping[str, Array]) -> Iterator[Judgement]:
    """Run, keep copies of what was given and of what came back, and run twice more."""
    program = bench.program
    turned_around = parts(program, inputs, dimensions(program).batch, slice(None, None, -1))
    given = copied(inputs)
    returned = called(lambda: bench.executable.run(given))
    kept = called(lambda: checked_outputs(program, inputs, returned))
    yield _unchanged("input", given, inputs)
    for others in (inputs, turned_around):
        bench.ask(bench.executable, others)
    yield _unchanged("output", returned, kept)


def _unchanged(what: str, now: Mapping[str, Array], before: Mapping[str, Array]) -> Judgement:
    for name, array in before.items():
        if now[name].tobytes() != array.tobytes():
            detail = f"{what} {name} was overwritten by a run; expected it to stay because it is the caller's"
            return Judgement(Unit.METAMORPHIC, State.FAIL, math.inf, math.inf, detail)
    return Judgement(Unit.METAMORPHIC, State.PASS, 0.0, 0.0)
