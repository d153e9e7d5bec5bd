"""``dequantize``: codes to the real numbers that they stand for."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import along_axis, real
from distilspec.reference.contract.operands.dequantize import expect_dequantize
from distilspec.reference.contract.types import Array, CodeArray, Float32Array, Float64Array, Int32Array


def dequantize(
    codes: CodeArray | Int32Array,
    scale: Float32Array,
    zero_point: CodeArray | Int32Array | None = None,
    *,
    axis: int | None = None,
) -> Float64Array:
    """
    Subtract the zero point and multiply by the scale.

    DQ-C1  codes is uint8, int8 or int32; zero_point, when given, has the dtype of codes
    DQ-C2  without an axis, scale and zero_point broadcast against codes without enlarging them
    DQ-C3  scale is float32, finite and positive
    DQ-C4  with an axis, it is an axis of codes, and scale and zero_point have shape (codes.shape[axis],)
    DQ-S1  y = scale * (codes - zero_point)   (real number; the difference is an exact integer)
    DQ-S2  without a zero_point it is 0
    DQ-S3  with an axis, element i of scale and zero_point belongs to index i of that axis

    Parameters
    ----------
    codes : uint8, int8 or int32 [...]
    scale : float32, broadcasts to codes; with an axis [codes.shape[axis]]
    zero_point : dtype of codes, broadcasts to codes, optional; with an axis [codes.shape[axis]]
    axis : int, optional
        The axis with one scale and zero point per index; negative ones count from the last.

    Returns
    -------
    float64 [...]
        Fresh memory.

    Raises
    ------
    DTypeError
        DQ-C1, and a scale that is not float32 (DQ-C3).
    ShapeError
        DQ-C2, and the shapes of DQ-C4.
    RangeError
        A scale that is not finite and positive (DQ-C3), an axis that does not exist (DQ-C4).

    Accuracy
    --------
    Exact for 8-bit codes: 9 bits times 24 bits fit in float64. One float64 rounding for int32 codes.
    A float32 runtime rounds once: within 2**-24 * |y|, or 2**-150 where y is subnormal.

    Special values
    --------------
    The zero point gives 0.0 exactly.

    Source
    ------
    ONNX DequantizeLinear; gemmlowp, doc/quantization.md, equation (3).

    Examples
    --------
    The difference of two 8-bit codes does not fit in 8 bits:

    >>> dequantize(np.int8([-128, 127]), np.float32(0.5), np.int8(127)).tolist()
    [-127.5, 0.0]
    """
    expect_dequantize(codes, scale, zero_point, axis)  # DQ-C1 to DQ-C4
    zero: Array = np.zeros(scale.shape, codes.dtype) if zero_point is None else zero_point  # DQ-S2
    if axis is not None:
        scale, zero = along_axis(scale, axis, codes.ndim), along_axis(zero, axis, codes.ndim)  # DQ-S3
    return real(scale) * (codes.astype(np.int64) - zero)  # DQ-S1
