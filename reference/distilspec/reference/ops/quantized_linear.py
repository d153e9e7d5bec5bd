"""``quantized_linear``: product of 8-bit activations and a transposed 8-bit weight, scaled back to real numbers."""

from __future__ import annotations

from distilspec.reference.arith import real
from distilspec.reference.contract.operands.quantized_linear import expect_quantized_linear
from distilspec.reference.contract.types import CodeArray, Float32Array, Float64Array, Int8Array, RealArray
from distilspec.reference.ops.matmul_integer import matmul_integer
from distilspec.reference.ops.quantize import quantize


def quantized_linear(
    x: CodeArray,
    x_scale: Float32Array,
    x_zero_point: CodeArray,
    weight: Int8Array,
    weight_scale: Float32Array,
    bias: RealArray | None = None,
    y_scale: Float32Array | None = None,
    y_zero_point: CodeArray | None = None,
) -> Float64Array | CodeArray:
    """
    Multiply codes by a transposed weight of codes, scale the sums, add a bias, and requantize when asked to.

    QL-C1  x is uint8 or int8, x_zero_point a scalar of the same dtype, weight int8
    QL-C2  weight has shape (out_features, in_features) with in_features = x.shape[-1] <= 33025 (MMI-C4)
    QL-C3  x_scale broadcasts to x.shape[:-1] + (1,); weight_scale has shape (out_features,)
    QL-C4  every scale is float32, finite and positive
    QL-C5  bias, when given, is float32 or float64 with shape (out_features,)
    QL-C6  y_scale and y_zero_point are both given or both absent; they are scalars, y_zero_point uint8 or int8
    QL-S1  acc[..., o] = sum over i of (x[..., i] - x_zero_point) * weight[o, i]   (exact integers; int32)
    QL-S2  y[..., o] = acc[..., o] * (x_scale * weight_scale[o])   (real numbers; in float64 with one rounding, because
           the product of the scales is exact)
    QL-S3  y[..., o] += bias[o] when a bias is given   (real numbers; in float64)
    QL-S4  when y_scale is given, the result is quantize(y, y_scale, y_zero_point)   (Q-S1 to Q-S4)

    Parameters
    ----------
    x : uint8 or int8 [..., in_features]
    x_scale : float32, a scalar, or one per row as [..., 1]
    x_zero_point : dtype of x, scalar
    weight : int8 [out_features, in_features]
        The full range -128 to 127 is accepted; its zero point is 0.
    weight_scale : float32 [out_features]
    bias : float [out_features], optional
    y_scale : float32, scalar, optional
    y_zero_point : uint8 or int8, scalar, optional

    Returns
    -------
    float64 [..., out_features], or codes with the dtype of ``y_zero_point``
        Fresh memory.

    Raises
    ------
    DTypeError
        QL-C1, and the dtypes of QL-C4 to QL-C6.
    ShapeError
        QL-C2, QL-C3, QL-C5, and the shapes of QL-C1 and QL-C6.
    RangeError
        A scale that is not finite and positive (QL-C4), in_features beyond MMI-C4.
    ContractError
        One of y_scale and y_zero_point without the other (QL-C6).

    Accuracy
    --------
    Accumulators and codes are exact. A float32 runtime stays within the bound that docs/derivations/quantized_linear.md
    derives for the epilogue; its codes may differ where that bound crosses a rounding boundary.

    Special values
    --------------
    in_features = 0 gives the bias, or zero. A NaN or infinity in the bias follows IEEE 754.

    Source
    ------
    gemmlowp, doc/quantization.md, equation (3); ONNX MatMulInteger with its epilogue, QLinearMatMul for QL-S4.

    Examples
    --------
    A sum that leaves 16 bits, and then ties, which go to even before the zero point of the result is added:

    >>> x, half, one, weight = np.uint8([[255, 255]]), np.float32(0.5), np.uint8(1), np.int8([[127, 127]])
    >>> quantized_linear(x, half, np.uint8(0), weight, np.float32([2])).tolist()
    [[64770.0]]
    >>> x, weight, scale = np.uint8([[2], [4], [0]]), np.int8([[1]]), np.float32([1])
    >>> quantized_linear(x, half, one, weight, scale, None, np.float32(1), one).tolist()
    [[1], [3], [1]]
    """
    expect_quantized_linear(
        x, x_scale, x_zero_point, weight, weight_scale, bias, y_scale, y_zero_point
    )  # QL-C1 to QL-C6
    accumulator = matmul_integer(x, weight.T, x_zero_point)  # QL-S1
    y: Float64Array = accumulator * (real(x_scale) * real(weight_scale))  # QL-S2
    if bias is not None:
        y = y + real(bias)  # QL-S3
    if y_scale is None or y_zero_point is None:
        return y
    return quantize(y, y_scale, y_zero_point)  # QL-S4
