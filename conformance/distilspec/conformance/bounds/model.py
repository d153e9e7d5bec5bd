"""The model of arithmetic: what a legitimate float32 implementation may do. docs/derivations/README.md explains it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from distilspec.reference.contract.types import Array, Float64Array

#: Unit roundoff of float32: a correctly rounded result differs from the real one by at most this share of it.
UNIT = 2.0**-24

#: Smallest normal float32. A result or an operand below it may be taken as zero.
TINY = 2.0**-126

#: Real results of this magnitude or more round to an infinity.
OVERFLOW = 2.0**128 - 2.0**103

#: Relative errors of single operations. One ulp is at most 2 * UNIT of the value that it belongs to.
DIVISION = 4 * UNIT  # 2 ulp; covers the product with a rounded reciprocal
SQUARE_ROOT = 4 * UNIT  # 2 ulp
EXP = ERF = TANH = POWER = 16 * UNIT  # 8 ulp

#: The same four budgets, in units in the last place of the result itself.
BUDGET = 8

#: Every error is enlarged by this factor, which covers the float64 roundings of the reference and of the bound itself.
SLACK = 1 + 2.0**-20


#: How many roundings the bound of a chain of n counts.
_counting: ContextVar[Callable[[Float64Array], Float64Array]] = ContextVar("counting", default=np.positive)


@contextmanager
def counting(count: Callable[[Float64Array], Float64Array]) -> Iterator[None]:
    """
    Count ``count(n)`` roundings for a chain of n: what a bound then gives is no longer a limit.

    docs/derivations/statistics.md says what it is for ``numpy.sqrt`` and for ``numpy.zeros_like``.

    >>> with counting(np.sqrt):
    ...     (gamma(10000) / UNIT).round(2)
    np.float64(100.0)
    """
    token = _counting.set(count)
    try:
        yield
    finally:
        _counting.reset(token)


def roundings(count: float | Array) -> Float64Array:
    """Return the relative error of a chain of ``count`` roundings, to first order."""
    return UNIT * _counting.get()(np.asarray(count, np.float64))


def gamma(count: float | Array) -> Float64Array:
    """
    Return n u / (1 - n u): the relative error of a product of ``count`` factors 1 + d or 1 / (1 + d) with |d| <= u.

    >>> (gamma(1000) / UNIT).round(2)
    np.float64(1000.06)
    """
    return accumulated(roundings(count))


@np.errstate(all="ignore")
def accumulated(relative: float | Float64Array) -> Float64Array:
    """Return the relative error of a product of factors 1 + d or 1 / (1 + d), where the sum of |d| is ``relative``."""
    share = np.asarray(relative, np.float64)
    return np.where(share < 1, share / (1 - share), np.inf)[()]


def ulps(count: float, size: Float64Array) -> Float64Array:
    """
    Return ``count`` units in the last place of float32 numbers as large as ``size``.

    >>> (ulps(8, np.array([0.99, 1.0, 0.0])) / UNIT).tolist()
    [8.0, 16.0, 0.0]
    """
    _, exponent = np.frexp(size)
    return np.where(size == 0, 0.0, np.ldexp(np.float64(count), np.maximum(exponent, -125) - 24))


@np.errstate(all="ignore")
def rounding(magnitude: Float64Array, relative: float | Float64Array, flushes: float | Array = 1) -> Float64Array:
    """
    Return a relative error of ``magnitude``, and TINY for each result that may be flushed on the way.

    A magnitude of 0 says that only exact zeros were added and multiplied: no error at all.
    """
    return np.where(magnitude == 0, 0.0, magnitude * relative + np.asarray(flushes) * TINY)
