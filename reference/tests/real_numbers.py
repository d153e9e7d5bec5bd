"""Losses in 50-digit arithmetic: arrays of mpmath numbers, their softmax, and derivatives by central differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mpmath as mp
import numpy as np

from distilspec.reference.contract.types import Array
from distilspec.reference.objectives import Loss

#: Relative to the largest number of a case, what a float64 evaluation of some hundred operations may be off by.
ROUNDING = 2.0**-42

#: Half the distance of a central difference. Its own error is about the square of it, 1e-40.
_STEP = mp.mpf(10) ** -20

exp = np.frompyfunc(mp.exp, 1, 1)
log = np.frompyfunc(mp.log, 1, 1)


def lift(x: Array) -> Any:
    """Return the array with exact mpmath numbers in it."""
    return np.frompyfunc(mp.mpf, 1, 1)(np.asarray(x, np.float64))


def softmax(row: Any) -> Any:
    """Return the softmax of one row; with 50 digits and these exponents nothing overflows."""
    powers = exp(row)
    return powers / powers.sum()


def slopes(function: Callable[..., Any], operands: Mapping[str, Array], name: str) -> Array:
    """Return the derivative of ``function(**operands)`` with respect to every element of one operand."""
    slope = np.zeros(operands[name].shape)
    for index in np.ndindex(slope.shape):
        ends = []
        for step in (-_STEP, _STEP):
            moved = {key: lift(operand) for key, operand in operands.items()}
            moved[name][index] += step
            ends.append(function(**moved))
        slope[index] = float((ends[1] - ends[0]) / (2 * _STEP))
    return slope


def assert_real(loss: Loss, function: Callable[..., Any], operands: Mapping[str, Array]) -> None:
    """Check value and every gradient of ``loss`` against ``function(**operands)``, evaluated in 50 digits."""
    with mp.workdps(50):
        value = function(**{name: lift(operand) for name, operand in operands.items()})
        assert abs(loss.value - value) <= ROUNDING * max(1, abs(value))
        for name, gradient in loss.gradients.items():
            expected = slopes(function, operands, name)
            assert gradient.dtype == np.float64
            assert gradient.shape == expected.shape
            assert np.abs(gradient - expected).max() <= ROUNDING * max(1, np.abs(expected).max())
