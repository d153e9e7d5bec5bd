"""Wrong ways to carry out ``squeeze``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference.contract.types import Array


def _every_axis_of_size_1(x: Array, *, axes: tuple[int, ...]) -> Array:  # noqa: ARG001
    return np.squeeze(x)


def _order_reversed(x: Array, *, axes: tuple[int, ...]) -> Array:
    return np.squeeze(x, axes).T


MUTANTS = (
    Mutant("axes of size 1 that are not named vanish too", "squeeze", ("SQZ-S1",), _every_axis_of_size_1),
    Mutant("the remaining axes are reversed", "squeeze", ("SQZ-S1",), _order_reversed),
)
