"""``mean_sigma_range``: the mean plus and minus some standard deviations."""

from __future__ import annotations

import math

import numpy as np

from distilspec.reference.arith import real, round_to_float32
from distilspec.reference.contract.checks import expect, expect_elements, expect_finite, expect_float
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.types import RealArray
from distilspec.reference.ops.minmax_range import Range


def mean_sigma_range(x: RealArray, *, sigmas: float) -> Range:
    """
    Take the mean plus and minus ``sigmas`` standard deviations, but nothing beyond the observed values.

    OBSS-C1  x is float32 or float64
    OBSS-C2  x has at least one element
    OBSS-C3  float32(x) is finite
    OBSS-C4  sigmas is finite and positive
    OBSS-S1  mean = sum of float32(x) / n   (real number)
    OBSS-S2  sigma = sqrt(sum of (float32(x) - mean) ** 2 / n)   (real number; divided by n, in two passes)
    OBSS-S3  minimum = float32(max(mean - sigmas * sigma, smallest value))
    OBSS-S4  maximum = float32(min(mean + sigmas * sigma, largest value))

    Parameters
    ----------
    x : float [...]
    sigmas : float

    Returns
    -------
    minimum, maximum : float32, scalars
        Fresh memory.

    Raises
    ------
    DTypeError
        OBSS-C1.
    ShapeError
        OBSS-C2.
    RangeError
        OBSS-C3, OBSS-C4.

    Accuracy
    --------
    Real value, evaluated in float64 and rounded once to float32.

    Special values
    --------------
    NaN and infinities are refused. The range ends at the observed values, because codes beyond them would never be used
    (OBSS-S3, OBSS-S4).

    Source
    ------
    Distiller's clipping by mean and n standard deviations, which ends at the observed values too, but divides by n - 1.

    Examples
    --------
    Mean 2 and sigma 4, since n = 5 divides; the lower end would be -2, but 0 is the smallest value:

    >>> mean_sigma_range(np.float32([0, 0, 0, 0, 10]), sigmas=1)
    Range(minimum=np.float32(0.0), maximum=np.float32(6.0))
    """
    expect_float("mean_sigma_range", "OBSS-C1", x=x)
    expect_elements("mean_sigma_range", "x", x, why="a range has two ends", clause="OBSS-C2")
    expect(
        math.isfinite(sigmas) and sigmas > 0,
        RangeError,
        "mean_sigma_range",
        seen=f"sigmas is {sigmas}",
        expected="a finite positive number",
        why="the range holds the mean",
        clause="OBSS-C4",
    )
    x32 = round_to_float32(x)
    expect_finite("mean_sigma_range", "x", x32, why="a range ends in numbers", clause="OBSS-C3")
    values = real(x32)
    mean = values.mean()  # OBSS-S1
    sigma = np.sqrt(((values - mean) ** 2).mean())  # OBSS-S2
    minimum = np.maximum(mean - sigmas * sigma, values.min())  # OBSS-S3
    maximum = np.minimum(mean + sigmas * sigma, values.max())  # OBSS-S4
    return Range(round_to_float32(minimum)[()], round_to_float32(maximum)[()])
