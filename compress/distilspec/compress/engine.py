"""What a program answers on the fast engine: the one place where the pipeline asks it (decision 0013)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

import distilspec.fast
from distilspec.compress.batches import READING, EncodedRows, turns
from distilspec.reference.contract.types import Array, Float32Array
from distilspec.reference.program import Program


def answers(program: Program, batches: Iterable[Mapping[str, Array]], output: str) -> list[Array]:
    """Return one output of the program for each batch; what the program does not read may be in a batch too."""
    with distilspec.fast.compile(program) as engine:
        return [engine.run({name: batch[name] for name in program.inputs})[output] for batch in batches]


def program_logits(program: Program, rows: EncodedRows, advance: Callable[[], None] = lambda: None) -> Float32Array:
    """
    Return the logits of all rows in their order, float32 [rows, labels], read in the batches of ``logits_of``.

    ``advance`` is called after each of them.
    """
    order = rows.by_length(READING)
    found = answers(program, turns((rows.inputs(numbers) for numbers in order), advance), "logits")
    logits: Float32Array = np.concatenate(found)[np.argsort([row for numbers in order for row in numbers])]
    return logits
