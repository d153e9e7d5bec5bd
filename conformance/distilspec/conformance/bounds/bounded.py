"""``Bounded``: a tensor's expected value, and how far each element of a legitimate float32 result may lie from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from distilspec.conformance.bounds.model import OVERFLOW, SLACK, TINY, UNIT
from distilspec.reference.arith import real, round_to_float32
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array, BoolArray, Float64Array


@dataclass(frozen=True, eq=False)
class Bounded:
    """
    A value as the reference computes it, and the error that each element may have.

    Every legitimate float32 implementation whose operands lie within their errors ends within ``value`` - ``error`` to
    ``value`` + ``error``. Integers and booleans count in steps of one; a boolean with error 1 is undecided.

    Parameters
    ----------
    value : float64, float32, integer or bool [...]
    error : float64 [...], not negative
        Infinite where nothing can be said.

    >>> Bounded.exact(np.float32([1, 2])).error
    array([0., 0.])
    """

    value: Array
    error: Float64Array

    @classmethod
    def exact(cls, value: Array) -> Bounded:
        """Return ``value`` as known without error, for example a tensor that a runtime holds."""
        return cls(np.asarray(value), np.zeros(np.shape(value)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the tensor."""
        return self.value.shape

    def contains(self, got: Array) -> BoolArray:
        """
        Return, element by element, whether ``got`` is a legitimate result.

        >>> Bounded(np.array([1.0, np.nan]), np.array([0.5, 0.0])).contains(np.float32([1.5, 2.0]))
        array([ True, False])
        """
        expected, actual = real(self.value), real(got)
        with np.errstate(invalid="ignore"):
            near = np.abs(actual - expected) <= self.error
        same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        inside: BoolArray = near | same | np.isposinf(self.error)
        return inside


@dataclass(frozen=True, eq=False)
class BoundedCodes(Bounded):
    """
    Codes that know their zero point, because both move together when the zero point is uncertain.

    ``centred_error`` is the error of ``value - zero_point.value``, which is never more than the sum of both errors.
    """

    centred_error: Float64Array
    zero_point: Bounded


Operand: TypeAlias = Bounded | Array


def lift(x: Operand) -> Bounded:
    """
    Return a constant with the error that it gets when a runtime holds it in float32.

    >>> lift(np.array([0.5, 0.1])).error > 0
    array([False,  True])
    """
    if isinstance(x, Bounded):
        return x
    array = np.asarray(x)
    if array.dtype != np.float64:
        return Bounded.exact(array)
    held = real(round_to_float32(array))
    with np.errstate(invalid="ignore"):
        return Bounded(array, np.where(held == array, 0.0, np.where(np.isnan(array), 0.0, np.abs(held - array))))


def read(x: Operand) -> Bounded:
    """
    Return an operand of an arithmetic operation: a runtime may read a subnormal float32 as zero.

    >>> read(np.float32([1e-40, 1e-30])).error > 0
    array([ True, False])
    """
    x = lift(x)
    if x.value.dtype.kind != "f":
        return x
    size = np.abs(real(x.value))
    return Bounded(x.value, np.where(size - x.error < TINY, np.maximum(size, x.error), x.error))


def decided(operator: str, name: str, x: Operand) -> Array:
    """Return the value of an operand that must be known exactly, such as a mask or indices."""
    x = lift(x)
    if np.any(x.error > 0):
        raise UnsupportedError(
            f"{operator}: {name} depends on a comparison that rounding may turn; expected it to be decided "
            "because a bound follows one choice"
        )
    return x.value


def result(value: Array, error: Float64Array, peak: Float64Array, *operands: Bounded) -> Bounded:
    """
    Return a float result, with an infinite error where float32 may overflow on the way.

    ``peak`` bounds every intermediate result. It is not finite only where an operand is not, and there a NaN or an
    infinity is the result that IEEE 754 demands, unless the error of an operand is itself unbounded.
    """
    error = np.broadcast_to(error, value.shape)
    peak = np.broadcast_to(peak, value.shape)
    known = (peak < OVERFLOW) & ~np.isnan(error)
    error = np.where(known, error * SLACK, np.inf)
    if all(np.isfinite(operand.error).all() for operand in operands):
        error = np.where(np.isfinite(value) | np.isfinite(peak), error, 0.0)
    return Bounded(value, error)


@np.errstate(all="ignore")
def rounded(value: Array, spread: Float64Array, *operands: Bounded) -> Bounded:
    """
    Return the result of one correctly rounded operation on operands that move the real result by ``spread``.

    Where they do not move it, the rounding error is known exactly, so that sums and products of small integers have
    none; an integer operation has none at all.
    """
    if value.dtype.kind != "f":
        return Bounded(value, np.broadcast_to(spread, value.shape))
    size = np.abs(value) + spread
    nearest = np.where(spread == 0, np.abs(round_to_float32(value) - value), UNIT * size)
    flushed = np.where(np.abs(value) - spread < TINY, np.minimum(size, TINY), 0.0)
    return result(value, spread + nearest + flushed, size, *operands)
