"""What a rule is, and the two sums that several rules share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from distilspec.reference.contract.types import Array, Float64Array

#: Gives d quantity / d operand when it is called; None where nothing can move, as for indices and masks.
Pull: TypeAlias = Callable[[], Float64Array] | None

#: ``rule(cotangents, results, *operands, **attributes)`` returns one pull for each operand.
Rule: TypeAlias = Callable[..., tuple[Pull, ...]]


def summed_to(cotangent: Float64Array, shape: tuple[int, ...]) -> Float64Array:
    """
    Sum over the axes along which an operand of this shape was repeated.

    >>> summed_to(np.ones((2, 3)), (1, 3)).tolist(), summed_to(np.ones((2, 3)), (3,)).tolist()
    ([[2.0, 2.0, 2.0]], [2.0, 2.0, 2.0])
    """
    new = cotangent.sum(axis=tuple(range(cotangent.ndim - len(shape))))
    repeated = tuple(axis for axis, size in enumerate(shape) if size == 1 and new.shape[axis] != 1)
    return np.asarray(new.sum(axis=repeated, keepdims=True))


def rows(x: Array) -> Array:
    """Return the tensor as a matrix whose rows are its last axis."""
    return x.reshape(-1, x.shape[-1])
