"""
Equal inputs give equal bits.

RUN2-S1  two runs on the same inputs give the same bits
RUN2-S2  so do two runs with others between them, on other inputs of the same and of smaller shapes
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from distilspec.conformance.dimensions import MASK, dimensions, parts
from distilspec.conformance.metamorphic.bench import Bench, same_bits
from distilspec.conformance.result import Judgement
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program


def answers(bench: Bench, inputs: Mapping[str, Array]) -> Iterator[Judgement]:
    """Run, then run something else, then run again."""
    first = bench.answer(inputs)
    for others in (_turned_around(bench.program, inputs), _halved(bench.program, inputs)):
        bench.ask(bench.executable, others)
    yield same_bits("the same inputs again, after others", first, bench.ask(bench.executable, inputs))


def _turned_around(program: Program, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the texts in reverse order, which leaves every shape as it is."""
    return parts(program, inputs, dimensions(program).batch, slice(None, None, -1))


def _halved(program: Program, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the first half of the texts, and of the positions of each, at least one."""
    batch, sequence = dimensions(program)
    texts, positions = (max(1, size // 2) for size in np.shape(inputs[MASK]))
    return parts(program, parts(program, inputs, batch, slice(texts)), sequence, slice(positions))
