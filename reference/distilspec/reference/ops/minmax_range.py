"""``minmax_range``: the range from the smallest to the largest observed value."""

from __future__ import annotations

from typing import NamedTuple

from distilspec.reference.arith import round_to_float32
from distilspec.reference.contract.checks import expect_elements, expect_finite, expect_float
from distilspec.reference.contract.types import Float32Array, RealArray


class Range(NamedTuple):
    """Smallest and largest value that the codes must represent."""

    minimum: Float32Array
    maximum: Float32Array


def minmax_range(x: RealArray) -> Range:
    """
    Take the smallest and the largest observed value.

    OBSM-C1  x is float32 or float64
    OBSM-C2  x has at least one element
    OBSM-C3  float32(x) is finite
    OBSM-S1  minimum = smallest, maximum = largest of float32(x)

    Parameters
    ----------
    x : float [...]

    Returns
    -------
    minimum, maximum : float32, scalars
        Fresh memory.

    Raises
    ------
    DTypeError
        OBSM-C1.
    ShapeError
        OBSM-C2.
    RangeError
        OBSM-C3.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    NaN and infinities are refused: a range ends in numbers. The range need not hold 0; ``asymmetric_scale`` widens it.

    Source
    ------
    The MinMax calibrator of ONNX Runtime and the MinMaxObserver of torch.

    Examples
    --------
    Both ends are float32, rounded before they are compared:

    >>> minmax_range(np.array([-0.1, 16777217.0])) == (np.float32(-0.1), np.float32(16777216))
    True
    """
    expect_float("minmax_range", "OBSM-C1", x=x)
    expect_elements("minmax_range", "x", x, why="a range has two ends", clause="OBSM-C2")
    x32 = round_to_float32(x)
    expect_finite("minmax_range", "x", x32, why="a range ends in numbers", clause="OBSM-C3")
    return Range(x32.min(), x32.max())  # OBSM-S1
