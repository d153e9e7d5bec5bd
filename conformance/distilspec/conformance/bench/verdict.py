"""
Whether a runtime computes what it should, asked before it is timed.

The measure is the largest distance of a vector of an output from the float64 reference's, as a share of the length of
the reference's vector. ``distilspec check`` judges by derived bounds; they take minutes for a model of this size, so a
benchmark asks only what tells a runtime that carries out the recipe from one that does something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from distilspec.conformance.result import State
from distilspec.reference.contract.types import Array

#: float32 alone reaches some 1e-6 after six layers; products of bf16 or fp16 exceed 1e-3.
FLOAT32_LIMIT = 1e-3

#: Of the distance between a recipe and float32. Rounding turns codes, and turned codes turn others, so that exact
#: runtimes end 0.4 to 0.6 of that distance from the reference (random weights in the shape of DistilBERT-base); those
#: whose products saturate end at 1.6. Beyond 1 a runtime is farther from the recipe than float32 is.
OF_THE_RECIPE = 1.0

#: Of the same distance, for a runtime with INT8 or bf16 numerics of its own, measured from float32.
OF_OWN_NUMERICS = 2.0


@dataclass(frozen=True)
class Verdict:
    """How far a runtime is from what it should compute, and how far it may be."""

    state: State
    error: float
    limit: float


def distance(expected: Mapping[str, Array], got: Mapping[str, Array]) -> float:
    """
    Return the largest distance of a vector along the last axis, relative to the length of the expected vector.

    Row i of ``got`` is compared with row i modulo the number of rows of ``expected``. An output that is missing, of
    another shape, or not finite, is infinitely far.
    """
    farthest = 0.0
    for label, wanted in expected.items():
        found = got.get(label)
        if found is None or found.ndim != wanted.ndim or found.shape[1:] != wanted.shape[1:]:
            return float("inf")
        want = wanted[np.arange(len(found)) % len(wanted)].astype(np.float64)
        difference = np.linalg.norm(found.astype(np.float64) - want, axis=-1)
        length = np.linalg.norm(want, axis=-1)
        if not np.isfinite(difference).all():
            return float("inf")
        farthest = max(farthest, float((difference / np.maximum(length, np.finfo(np.float32).tiny)).max()))
    return farthest


def judge(error: float, limit: float) -> Verdict:
    """Return PASS where the error is within the limit."""
    return Verdict(State.PASS if error <= limit else State.FAIL, error, limit)
