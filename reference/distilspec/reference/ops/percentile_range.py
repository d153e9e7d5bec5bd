"""``percentile_range``: the range that leaves out the same share of extreme values on either side."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real, round_to_float32
from distilspec.reference.contract.checks import expect, expect_elements, expect_finite, expect_float
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.types import Float32Array, Float64Array, RealArray
from distilspec.reference.ops.minmax_range import Range


def percentile_range(x: RealArray, *, percentile: float) -> Range:
    """
    Leave out the share 1 - percentile / 100 of the values at either end.

    OBSP-C1  x is float32 or float64
    OBSP-C2  x has at least one element
    OBSP-C3  float32(x) is finite
    OBSP-C4  50 < percentile <= 100
    OBSP-S1  s[0] <= ... <= s[n - 1] are the values float32(x) in order, with their signs
    OBSP-S2  t = (100 - percentile) / 100 * (n - 1), k = floor(t)   (float64)
    OBSP-S3  minimum = float32(s[k] + (t - k) * (s[k + 1] - s[k]))   (float64, then one rounding)
    OBSP-S4  maximum is the same from the other end: minus the minimum of -x

    Parameters
    ----------
    x : float [...]
    percentile : float
        100 leaves nothing out.

    Returns
    -------
    minimum, maximum : float32, scalars
        Fresh memory.

    Raises
    ------
    DTypeError
        OBSP-C1.
    ShapeError
        OBSP-C2.
    RangeError
        OBSP-C3, OBSP-C4.

    Accuracy
    --------
    The interpolated real value to within a float32 rounding and 2**-50 of the largest magnitude.

    Special values
    --------------
    NaN and infinities are refused. Both ends are kept: a percentile of |x| would lose the negative side.

    Source
    ------
    Hyndman and Fan, Sample Quantiles in Statistical Packages (1996), definition 7; NumPy's ``linear`` method.
    microsoft/onnxruntime#10571 reports what a lost negative side does to BERT.

    Examples
    --------
    One outlier in five moves the upper end, and the lower end has its own value:

    >>> percentile_range(np.float32([-3, -2, 0, 1, 101]), percentile=87.5)
    Range(minimum=np.float32(-2.5), maximum=np.float32(51.0))
    """
    expect_float("percentile_range", "OBSP-C1", x=x)
    expect_elements("percentile_range", "x", x, why="a range has two ends", clause="OBSP-C2")
    expect(
        50 < percentile <= 100,
        RangeError,
        "percentile_range",
        seen=f"percentile is {percentile}",
        expected="more than 50 and at most 100",
        why="each end leaves out its own side",
        clause="OBSP-C4",
    )
    x32 = round_to_float32(x)
    expect_finite("percentile_range", "x", x32, why="a range ends in numbers", clause="OBSP-C3")
    ordered = real(np.sort(x32, axis=None))  # OBSP-S1
    t = (100 - percentile) / 100 * (x.size - 1)  # OBSP-S2
    return Range(_at(ordered, t), _at(ordered[::-1], t))  # OBSP-S3, OBSP-S4


def _at(ordered: Float64Array, t: float) -> Float32Array:
    k = int(t)
    following = ordered[min(k + 1, ordered.size - 1)]
    return round_to_float32(ordered[k] + (t - k) * (following - ordered[k]))[()]
