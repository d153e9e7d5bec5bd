"""
The other texts of a batch change nothing.

BATCH-S1  a text alone, with the padding that it had, and in a batch gives answers that differ by no more than the
    bounds of two runs   (recipes that take one scale from a whole tensor are exempt)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from distilspec.conformance.adjoints.first_order import FirstOrder
from distilspec.conformance.dimensions import MASK, dimensions, part, parts
from distilspec.conformance.metamorphic.bench import Answer, Bench, View, expect_no_common_scale
from distilspec.conformance.result import Judgement
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program

#: Every text is run alone; those that differ most are judged, because a bound costs much more than a run.
JUDGED = 3


def answers(bench: Bench, inputs: Mapping[str, Array]) -> Iterator[Judgement]:
    """Compare texts of the batch with the same texts alone."""
    expect_no_common_scale(bench.program)
    texts = range(len(inputs[MASK]))
    batch = dimensions(bench.program).batch
    if len(texts) < 2:
        raise UnsupportedError("no batch has two texts")
    together = bench.answer(inputs)
    views = [partial(_text, bench.program, batch, index) for index in texts]
    alone = [
        bench.ask(bench.executable, parts(bench.program, inputs, batch, slice(index, index + 1))) for index in texts
    ]
    moved = [_moved(bench.program, together, alone[index], views[index]) for index in texts]
    for index in np.argsort(moved)[: -JUDGED - 1 : -1]:
        limits = FirstOrder(bench.program, alone[index].inputs)
        yield from bench.compare(f"text {index} alone", limits, together, alone[index], view=views[index])


def _text(program: Program, batch: str, index: int, tensor: str, array: Array) -> Array:
    return part(program, tensor, array, batch, slice(index, index + 1))


def _moved(program: Program, together: Answer, alone: Answer, view: View) -> float:
    """Return the largest difference of any element of any output; what is not a number is the largest of all."""
    differences = [
        np.abs(view(tensor, together.outputs[label]) - alone.outputs[label].astype(np.float64))
        for label, tensor in program.outputs.items()
    ]
    return max(float(np.max(np.nan_to_num(difference, nan=np.inf), initial=0.0)) for difference in differences)
