"""``dynamic_quantize``: codes with one scale and zero point for the tensor, taken from its own values."""

from __future__ import annotations

from typing import NamedTuple

from distilspec.reference.arith import round_to_float32
from distilspec.reference.contract.checks import expect_finite, expect_float
from distilspec.reference.contract.types import CodeArray, Float32Array, RealArray
from distilspec.reference.ops.asymmetric_scale import asymmetric_scale
from distilspec.reference.ops.quantize import quantize


class DynamicQuantized(NamedTuple):
    """Codes, and the scale and zero point that were derived from the data."""

    codes: CodeArray
    scale: Float32Array
    zero_point: CodeArray


def dynamic_quantize(x: RealArray) -> DynamicQuantized:
    """
    Quantize to uint8 over the range of the values, widened to hold 0.

    DYN-C1  x is float32 or float64
    DYN-C2  float32(x) is finite, and the distance of its ends too (ASYM-C3)
    DYN-S1  x32 = float32(x)   (round to nearest, ties to even)
    DYN-S2  low = min(0, smallest of x32), high = max(0, largest of x32)
    DYN-S3  scale = (high - low) / 255, or 1 where that is 0 or subnormal   (float32, as ASYM-S2 and ASYM-S3)
    DYN-S4  zero_point = saturate(round_half_even(-low / scale))   (float32, as ASYM-S4)
    DYN-S5  codes = quantize(x32, scale, zero_point)   (as Q-S2 to Q-S4)

    Parameters
    ----------
    x : float [...]

    Returns
    -------
    codes : uint8 [...]
    scale : float32, scalar
    zero_point : uint8, scalar
        Fresh memory.

    Raises
    ------
    DTypeError
        DYN-C1.
    RangeError
        DYN-C2.

    Accuracy
    --------
    Exact. What a runtime may return that takes reciprocals is derived in docs/derivations/dynamic_quantize.md.

    Special values
    --------------
    An x without elements, or of zeros, gives scale 1 and zero point 0. NaN and infinities are refused: they have no
    range. Every position counts, padding too: with this scale a result depends on what else is in the batch.

    Source
    ------
    ONNX DynamicQuantizeLinear, whose specification leaves the range of zeros open: there the ONNX reference evaluator
    gives scale 1 / 255.

    Examples
    --------
    -1.5 is half-way between two zero points, and the even one is taken; the codes round before it is added:

    >>> codes, scale, zero_point = dynamic_quantize(np.float32([-1.5, -0.5, 0.5, 253.5]))
    >>> codes.tolist(), float(scale), int(zero_point)
    ([0, 2, 2, 255], 1.0, 2)
    """
    expect_float("dynamic_quantize", "DYN-C1", x=x)
    x32 = round_to_float32(x)  # DYN-S1
    expect_finite("dynamic_quantize", "x", x32, why="a range ends in numbers", clause="DYN-C2")
    low, high = x32.min(initial=0), x32.max(initial=0)  # DYN-S2
    scale, zero_point = asymmetric_scale(low, high)  # DYN-S3, DYN-S4
    return DynamicQuantized(quantize(x32, scale, zero_point), scale, zero_point)  # DYN-S5
