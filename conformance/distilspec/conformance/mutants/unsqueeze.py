"""Wrong ways to carry out ``unsqueeze``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference.contract.types import Array


def _axes_of_the_operand(x: Array, *, axes: tuple[int, ...]) -> Array:
    for axis in sorted(axes, reverse=True):
        x = np.expand_dims(x, min(axis, x.ndim))
    return x


def _in_front(x: Array, *, axes: tuple[int, ...]) -> Array:
    return np.reshape(x, (1,) * len(axes) + x.shape)


def _at_the_end(x: Array, *, axes: tuple[int, ...]) -> Array:
    return np.reshape(x, x.shape + (1,) * len(axes))


MUTANTS = (
    Mutant("axes are counted in x, not in the result", "unsqueeze", ("USQ-S1",), _axes_of_the_operand),
    Mutant("new axes are all put in front", "unsqueeze", ("USQ-S1",), _in_front),
    Mutant("new axes are all put at the end", "unsqueeze", ("USQ-S1",), _at_the_end),
)
