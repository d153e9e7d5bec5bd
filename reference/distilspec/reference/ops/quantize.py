"""``quantize``: real numbers to 8-bit codes."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import along_axis, round_half_even, round_to_float32, saturate
from distilspec.reference.contract.operands.quantize import expect_quantize
from distilspec.reference.contract.types import CodeArray, Float32Array, RealArray


def quantize(x: RealArray, scale: Float32Array, zero_point: CodeArray, *, axis: int | None = None) -> CodeArray:
    """
    Divide by the scale, round half to even, add the zero point, saturate.

    Q-C1  x is float32 or float64; zero_point is uint8 or int8 and names the dtype of the codes
    Q-C2  without an axis, scale and zero_point broadcast against x without enlarging it
    Q-C3  scale is float32, finite and positive
    Q-C4  with an axis, it is an axis of x, and scale and zero_point have shape (x.shape[axis],)
    Q-S1  x32 = float32(x)   (round to nearest, ties to even)
    Q-S2  t = x32 / scale   (one float32 division)
    Q-S3  r = round_half_even(t)   (before the zero point is added)
    Q-S4  q = saturate(r + zero_point)   (clip to the range of the codes, then cast; infinities saturate)
    Q-S5  a NaN in x may give any code and changes no other code
    Q-S6  with an axis, element i of scale and zero_point belongs to index i of that axis

    Parameters
    ----------
    x : float [...]
    scale : float32, broadcasts to x; a scalar, or one per row as [..., 1]; with an axis [x.shape[axis]]
    zero_point : uint8 or int8, broadcasts to x; with an axis [x.shape[axis]]
    axis : int, optional
        The axis with one scale and zero point per index; negative ones count from the last.

    Returns
    -------
    uint8 or int8 [...]
        Codes with the dtype of ``zero_point``; fresh memory.

    Raises
    ------
    DTypeError
        Q-C1, and a scale that is not float32 (Q-C3).
    ShapeError
        Q-C2, and the shapes of Q-C4.
    RangeError
        A scale that is not finite and positive (Q-C3), an axis that does not exist (Q-C4).

    Accuracy
    --------
    Exact. A runtime that multiplies by the reciprocal may also return the other code beside a boundary, as
    docs/derivations/quantize.md derives; an exact tie is never free.

    Special values
    --------------
    Infinities saturate; -0.0 gives the zero point; NaN gives 0 here and is unspecified for others (Q-S5).

    Source
    ------
    ONNX QuantizeLinear. StableHLO adds the zero point before rounding, gemmlowp rounds half away from zero;
    docs/decisions/0001-rounding-and-zero-point.md says why we follow ONNX.

    Examples
    --------
    Ties go to even before the zero point is added, which tells all four published rules apart:

    >>> quantize(np.float32([1, 3, -1]), np.float32(2), np.uint8(1)).tolist()
    [1, 3, 1]
    """
    expect_quantize(x, scale, zero_point, axis)  # Q-C1 to Q-C4
    if axis is not None:
        scale, zero_point = along_axis(scale, axis, x.ndim), along_axis(zero_point, axis, x.ndim)  # Q-S6
    x32 = round_to_float32(x)  # Q-S1
    with np.errstate(over="ignore", under="ignore"):
        quotient = x32 / scale  # Q-S2
    rounded = round_half_even(quotient).astype(np.float64)  # Q-S3
    return saturate(rounded + zero_point, zero_point.dtype)  # Q-S4, Q-S5
