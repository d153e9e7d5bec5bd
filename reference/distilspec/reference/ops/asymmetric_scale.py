"""``asymmetric_scale``: scale and zero point of unsigned codes for a range of values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from distilspec.reference.arith import round_half_even, round_to_float32, saturate
from distilspec.reference.contract.checks import expect, expect_finite, expect_float, expect_shape
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.types import CodeArray, Float32Array, RealArray


class AsymmetricScale(NamedTuple):
    """Scale and zero point of an unsigned 8-bit range."""

    scale: Float32Array
    zero_point: CodeArray


def asymmetric_scale(minimum: RealArray, maximum: RealArray) -> AsymmetricScale:
    """
    Spread the 256 unsigned codes over a range, widened to hold 0.

    ASYM-C1  minimum and maximum are float32 or float64 and have one shape
    ASYM-C2  float32(minimum) <= float32(maximum)
    ASYM-C3  minimum, maximum and their distance are finite in float32
    ASYM-S1  low = min(float32(minimum), 0), high = max(float32(maximum), 0)   (0 is exactly representable)
    ASYM-S2  scale = (high - low) / 255   (one float32 subtraction, one float32 division)
    ASYM-S3  scale = 1 where that quotient is 0 or subnormal
    ASYM-S4  zero_point = saturate(round_half_even(-low / scale))   (one float32 division; uint8)

    Parameters
    ----------
    minimum, maximum : float [...]
        Ends of the range of each tensor.

    Returns
    -------
    scale : float32 [...]
    zero_point : uint8 [...]
        Fresh memory.

    Raises
    ------
    DTypeError
        ASYM-C1.
    ShapeError
        ASYM-C1.
    RangeError
        ASYM-C2, ASYM-C3.

    Accuracy
    --------
    Exact. What a runtime may return that multiplies by 1 / 255 is derived in docs/derivations/dynamic_quantize.md.

    Special values
    --------------
    A range of zero width at 0 gives scale 1 and zero point 0. NaN and infinities are refused: they have no range.

    Source
    ------
    ONNX DynamicQuantizeLinear for the formula; gemmlowp, doc/quantization.md, for why 0 is exactly representable.

    Examples
    --------
    A range above 0 is widened down to 0, and a tie of the zero point goes to even:

    >>> scale, zero_point = asymmetric_scale(np.float32([100, -0.5, -1.5]), np.float32([255, 254.5, 253.5]))
    >>> scale.tolist(), zero_point.tolist()
    ([1.0, 1.0, 1.0], [0, 0, 2])
    """
    expect_float("asymmetric_scale", "ASYM-C1", minimum=minimum, maximum=maximum)
    expect_shape("asymmetric_scale", "maximum", maximum, minimum.shape, why="they are pairs", clause="ASYM-C1")
    minimum32, maximum32 = round_to_float32(minimum), round_to_float32(maximum)
    why = "a range ends in numbers"
    expect_finite("asymmetric_scale", "minimum", minimum32, why=why, clause="ASYM-C3")
    expect_finite("asymmetric_scale", "maximum", maximum32, why=why, clause="ASYM-C3")
    crossed = np.flatnonzero(minimum32 > maximum32)
    expect(
        crossed.size == 0,
        RangeError,
        "asymmetric_scale",
        seen=f"minimum is {minimum32.ravel()[crossed[0]]}" if crossed.size else "",
        expected=f"at most {maximum32.ravel()[crossed[0]]}" if crossed.size else "",
        why="that is the maximum",
        clause="ASYM-C2",
    )
    low, high = np.minimum(minimum32, np.float32(0)), np.maximum(maximum32, np.float32(0))  # ASYM-S1
    with np.errstate(over="ignore", under="ignore"):
        distance = high - low  # ASYM-S2
        expect_finite("asymmetric_scale", "maximum - minimum", distance, why="codes divide it", clause="ASYM-C3")
        quotient = distance / np.float32(255)  # ASYM-S2
        scale = np.where(quotient < np.finfo(np.float32).tiny, np.float32(1), quotient)  # ASYM-S3
        zero_point = saturate(round_half_even(-low / scale), np.uint8)  # ASYM-S4
    return AsymmetricScale(scale, zero_point)
