"""``linear``: product with a transposed weight, plus bias."""

from __future__ import annotations

from distilspec.reference.arith import real
from distilspec.reference.contract.operands.linear import expect_linear
from distilspec.reference.contract.types import Float64Array, RealArray


def linear(x: RealArray, weight: RealArray, bias: RealArray | None = None) -> Float64Array:
    """
    Multiply the last axis of ``x`` by a transposed weight and add a bias.

    LIN-C1  weight has shape (out_features, in_features) with in_features = x.shape[-1]
    LIN-C2  bias, when given, has shape (out_features,)
    LIN-C3  every operand is float32 or float64
    LIN-S1  y[..., o] = sum over i of x[..., i] * weight[o, i]   (real numbers)
    LIN-S2  y[..., o] += bias[o] when a bias is given   (real numbers)

    Parameters
    ----------
    x : float [..., in_features]
    weight : float [out_features, in_features]
    bias : float [out_features], optional

    Returns
    -------
    float64 [..., out_features]
        Fresh memory.

    Raises
    ------
    ShapeError
        A dimension differs (LIN-C1, LIN-C2).
    DTypeError
        An operand is not floating point (LIN-C3).

    Accuracy
    --------
    Real value; a float32 runtime stays within gamma(in_features + 1) * (|x| @ |weight|.T + |bias|),
    derived in docs/derivations/linear.md.

    Special values
    --------------
    in_features = 0 gives the bias, or zero. NaN and infinities follow IEEE 754 sums and products.

    Source
    ------
    Higham, Accuracy and Stability of Numerical Algorithms, section 3.1; torch.nn.functional.linear for the layout.

    Examples
    --------
    The sum cancels to 1, which a float32 sum from left to right loses:

    >>> linear(np.float32([[2.0**25, 1.0, -(2.0**25)]]), np.ones((1, 3), np.float32), np.float32([0.5]))
    array([[1.5]])
    """
    expect_linear(x, weight, bias)  # LIN-C1 to LIN-C3
    y: Float64Array = real(x) @ real(weight).T  # LIN-S1
    if bias is not None:
        y = y + real(bias)  # LIN-S2
    return y
