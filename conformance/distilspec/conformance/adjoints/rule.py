"""What the reverse rule of an operator is, and the sums that several rules share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from distilspec.reference.contract.types import Array, Float64Array

#: For each operand that a derivative exists for: a function that calculates it, called only where it is needed.
Pullback: TypeAlias = Mapping[int, Callable[[], Float64Array]]


@dataclass(frozen=True)
class Applied:
    """
    One evaluated step, seen from its result.

    ``cotangents`` holds d quantity / d result, one array for each result of the step.
    """

    operands: tuple[Any, ...]
    attributes: Mapping[str, Any]
    results: tuple[Array, ...]
    cotangents: tuple[Float64Array, ...]

    @property
    def result(self) -> Array:
        """Return the first result."""
        return self.results[0]

    @property
    def cotangent(self) -> Float64Array:
        """Return the derivative with respect to the first result."""
        return self.cotangents[0]


Rule: TypeAlias = Callable[[Applied], Pullback]


def summed_to(gradient: Float64Array, shape: tuple[int, ...]) -> Float64Array:
    """
    Sum over the axes along which an operand of ``shape`` was broadcast.

    >>> summed_to(np.ones((2, 3)), (3,)).tolist()
    [2.0, 2.0, 2.0]
    """
    extra = gradient.ndim - len(shape)
    gradient = gradient.sum(axis=tuple(range(extra)))
    spread = tuple(axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis] != 1)
    return np.asarray(gradient.sum(axis=spread, keepdims=True))
