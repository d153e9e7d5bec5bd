"""
The other texts of a batch change nothing.

BATCH-S1  the texts of a batch in reverse order, and each alone with the padding that it had, give answers that differ
    by no more than the bounds of two runs   (alone: recipes that take one scale from a whole tensor are exempt)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from distilspec.conformance.adjoints.first_order import FirstOrder
from distilspec.conformance.dimensions import MASK, dimensions, part, parts, takes_one_scale
from distilspec.conformance.metamorphic.bench import Answer, Bench, View
from distilspec.conformance.result import Judgement
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program

#: Every text is run alone; those that differ most are judged, because a bound costs much more than a run.
JUDGED = 3


def answers(bench: Bench, inputs: Mapping[str, Array]) -> Iterator[Judgement]:
    """Compare the batch with the batch in reverse order, and texts of it with the same texts alone."""
    program, texts = bench.program, range(len(inputs[MASK]))
    batch = dimensions(program).batch
    if len(texts) < 2:
        raise UnsupportedError("no batch has two texts")
    together = bench.answer(inputs)
    turned = slice(None, None, -1)
    reverse = bench.ask(bench.executable, parts(program, inputs, batch, turned))
    view = partial(_texts, program, batch, turned)
    limits = FirstOrder(program, reverse.inputs)
    yield from bench.compare("the texts in reverse order", limits, together, reverse, view=view)
    if takes_one_scale(program):
        return
    rows = [slice(index, index + 1) for index in texts]
    views = [partial(_texts, program, batch, row) for row in rows]
    alone = [bench.ask(bench.executable, parts(program, inputs, batch, row)) for row in rows]
    moved = [_moved(program, together, alone[index], views[index]) for index in texts]
    for index in np.argsort(moved)[: -JUDGED - 1 : -1]:
        limits = FirstOrder(program, alone[index].inputs)
        yield from bench.compare(f"text {index} alone", limits, together, alone[index], view=views[index])


def _texts(program: Program, batch: str, chosen: slice, tensor: str, array: Array) -> Array:
    return part(program, tensor, array, batch, chosen)


@np.errstate(invalid="ignore")
def _moved(program: Program, together: Answer, alone: Answer, view: View) -> float:
    """Return the largest difference of any element of any output; what is not a number is the largest of all."""
    differences = [
        np.abs(view(tensor, together.outputs[label]) - alone.outputs[label].astype(np.float64))
        for label, tensor in program.outputs.items()
    ]
    return max(float(np.max(np.nan_to_num(difference, nan=np.inf), initial=0.0)) for difference in differences)
