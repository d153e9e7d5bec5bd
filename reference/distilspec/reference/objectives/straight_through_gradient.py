"""``straight_through_gradient``: what training takes for the derivative of codes times scale."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import along_axis, real, round_half_even, round_to_float32
from distilspec.reference.contract.checks import expect_finite, expect_float, expect_shape
from distilspec.reference.contract.operands.quantize import expect_quantize
from distilspec.reference.contract.types import CodeArray, Float32Array, Float64Array, RealArray

_NAME = "straight_through_gradient"


def straight_through_gradient(
    gradient: RealArray, x: RealArray, scale: Float32Array, zero_point: CodeArray, *, axis: int | None = None
) -> Float64Array:
    """
    Let a gradient pass through ``dequantize(quantize(x))`` where no code saturates, and stop it elsewhere.

    The true derivative of a staircase is 0 or nothing, so that nothing would be learned. Scale and zero point are
    constants, also where they were found from x itself.

    STG-C1  x, scale, zero_point and axis are what quantize accepts: Q-C1 to Q-C4
    STG-C2  gradient is float32 or float64, and has the shape of x
    STG-C3  gradient and x are finite
    STG-S1  q = round_half_even(float32(x) / scale) + zero_point, as Q-S1 to Q-S3 and Q-S6: the code before saturation
    STG-S2  where q lies within the range of the codes, its ends included, the result is gradient   (real number)
    STG-S3  elsewhere it is 0

    Parameters
    ----------
    gradient : float [...]
        Of a loss with respect to codes times scale.
    x : float [...]
    scale : float32, broadcasts to x; with an axis [x.shape[axis]]
    zero_point : uint8 or int8, broadcasts to x; with an axis [x.shape[axis]]
        Its dtype says the range of the codes.
    axis : int, optional
        The axis with one scale and zero point per index; negative ones count from the last.

    Returns
    -------
    float64 [...]
        What stands for the gradient with respect to x; fresh memory.

    Raises
    ------
    DTypeError
        STG-C2, and Q-C1, Q-C3.
    ShapeError
        STG-C2, and Q-C2, Q-C4.
    RangeError
        STG-C3, and Q-C3, Q-C4.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    A value up to half a step beyond the smallest or largest number that has a code is not clipped: it gets that code
    by rounding. A weight under the scale that ``quantize_weight`` finds for it is never clipped. Of activations with
    the range that ``dynamic_quantize`` finds for them only those at an end can be, where both ends round upwards.

    Source
    ------
    The straight-through estimator, Bengio, Leonard, Courville, arXiv 1308.3432, for quantisation that training
    simulates: Jacob et al., arXiv 1712.05877, whose clamp ends at the outermost codes. Rounding before the comparison,
    which lets half a step more pass, is torch.fake_quantize_per_tensor_affine's and fake_quantize_per_channel_affine's;
    those multiply by 1 / scale, and may differ beside a boundary. Learned step sizes (arXiv 1902.08153) have a gradient
    for the scale too.

    Examples
    --------
    With scale 1 and codes of uint8, 255.5 rounds to 256, which is clipped; -0.5 rounds to 0, which is not:

    >>> x = np.float32([-0.75, -0.5, 254.5, 255.25, 255.5])
    >>> straight_through_gradient(np.ones(5), x, np.float32(1), np.uint8(0)).tolist()
    [0.0, 1.0, 1.0, 1.0, 0.0]
    """
    expect_quantize(x, scale, zero_point, axis)  # STG-C1
    expect_float(_NAME, "STG-C2", gradient=gradient)
    expect_shape(_NAME, "gradient", gradient, x.shape, why="each value has its derivative", clause="STG-C2")
    for name, operand in (("gradient", gradient), ("x", x)):
        expect_finite(_NAME, name, operand, why="nothing is learned from other values", clause="STG-C3")
    if axis is not None:
        scale, zero_point = along_axis(scale, axis, x.ndim), along_axis(zero_point, axis, x.ndim)
    limits = np.iinfo(zero_point.dtype)
    with np.errstate(over="ignore", under="ignore"):
        codes = round_half_even(round_to_float32(x) / scale) + zero_point  # STG-S1
    passes = (limits.min <= codes) & (codes <= limits.max)
    return np.where(passes, real(gradient), 0.0)  # STG-S2, STG-S3
