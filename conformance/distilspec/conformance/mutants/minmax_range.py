"""Wrong ways to carry out ``minmax_range``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference.arith import real, round_to_float32
from distilspec.reference.contract.types import RealArray
from distilspec.reference.ops.minmax_range import Range


def _symmetric(x: RealArray) -> Range:
    largest = np.abs(round_to_float32(x)).max()
    return Range(-largest, largest)


def _holds_0(x: RealArray) -> Range:
    x32 = round_to_float32(x)
    return Range(x32.min(initial=0), x32.max(initial=0))


def _cut_towards_zero(x: RealArray) -> Range:
    x32 = round_to_float32(x)
    inside = np.where(np.abs(real(x32)) > np.abs(real(x)), np.nextafter(x32, np.float32(0)), x32)
    return Range(inside.min(), inside.max())


def _first_row(x: RealArray) -> Range:
    x32 = round_to_float32(x[:1])
    return Range(x32.min(), x32.max())


MUTANTS = (
    Mutant("the range is symmetric", "minmax_range", ("OBSM-S1",), _symmetric),
    Mutant("the range is widened to hold 0", "minmax_range", ("OBSM-S1",), _holds_0),
    Mutant("x is cut to float32, not rounded", "minmax_range", ("OBSM-S1",), _cut_towards_zero),
    Mutant("only the first row is looked at", "minmax_range", ("OBSM-S1",), _first_row),
)
