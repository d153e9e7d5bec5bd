"""What every distillation loss returns, and the logarithm that several of them share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from distilspec.reference.contract.checks import expect
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.types import BoolArray, Float64Array


class Loss(NamedTuple):
    """A loss and its derivative with respect to each operand that training moves, by that operand's name."""

    value: float
    gradients: Mapping[str, Float64Array]


def log_softmax(x: Float64Array, mask: BoolArray | None = None) -> Float64Array:
    """
    Return the logarithm of the softmax over the kept entries of the last axis; a masked entry is 0.

    >>> log_softmax(np.array([0.0, 1000.0])).tolist()
    [-1000.0, 0.0]
    """
    kept = np.broadcast_to(True if mask is None else mask, x.shape)
    shifted = x - np.max(x, axis=-1, keepdims=True, where=kept, initial=-np.inf)
    total = np.sum(np.exp(shifted, where=kept, out=np.zeros(x.shape)), axis=-1, keepdims=True)
    return np.where(kept, shifted - np.log(total, where=total > 0, out=np.zeros(total.shape)), 0.0)


def expect_variant(objective: str, variant: str, known: tuple[str, ...], *, clause: str) -> None:
    """Raise ``RangeError`` unless ``variant`` is one of ``known``."""
    expect(
        variant in known,
        RangeError,
        objective,
        seen=f"variant is {variant!r:.60}",
        expected=" or ".join(known),
        why="the published forms differ",
        clause=clause,
    )


def expect_temperature(objective: str, temperature: float, *, clause: str) -> None:
    """Raise ``RangeError`` unless ``temperature`` is a positive finite number."""
    expect(
        0 < temperature < np.inf,
        RangeError,
        objective,
        seen=f"temperature is {temperature}",
        expected="a positive finite number",
        why="logits are divided by it",
        clause=clause,
    )
