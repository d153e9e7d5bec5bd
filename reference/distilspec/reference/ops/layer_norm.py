"""``layer_norm``: normalisation over the last axis."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.operands.layer_norm import expect_layer_norm
from distilspec.reference.contract.types import Float64Array, RealArray


def layer_norm(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    """
    Give the last axis mean 0 and variance 1, then scale and shift every feature.

    LN-C1  every operand is float32 or float64
    LN-C2  x has a last axis of n >= 1 features
    LN-C3  weight and bias have shape (n,)
    LN-C4  epsilon is finite and not negative
    LN-S1  mean = (sum over i of x[..., i]) / n   (real numbers)
    LN-S2  d[..., i] = x[..., i] - mean   (real numbers)
    LN-S3  variance = (sum over i of d[..., i]**2) / n   (real numbers; divided by n, not by n - 1)
    LN-S4  z[..., i] = d[..., i] / sqrt(variance + epsilon)   (real numbers; epsilon under the root)
    LN-S5  y[..., i] = z[..., i] * weight[i] + bias[i]   (real numbers)

    Parameters
    ----------
    x : float [..., n]
    weight : float [n]
    bias : float [n]
    epsilon : float

    Returns
    -------
    float64 [..., n]
        Fresh memory.

    Raises
    ------
    DTypeError
        An operand is not floating point (LN-C1).
    ShapeError
        There is nothing to normalise (LN-C2), or weight or bias does not fit (LN-C3).
    RangeError
        epsilon is negative, infinite or NaN (LN-C4).

    Accuracy
    --------
    Real value. Here the first feature is subtracted before the mean is taken: that moves neither d nor the variance,
    and keeps the error below (4 * (n + 4)**1.5 * |weight| + 2 * |bias|) * 2**-53, however large the mean is.
    The bound of a float32 runtime is derived in docs/derivations/layer_norm.md.

    Special values
    --------------
    Equal features give the bias when epsilon > 0; when epsilon = 0 they are 0 / 0, which is unspecified, here NaN.
    NaN or an infinity makes its whole row NaN and touches no other row.

    Source
    ------
    Ba, Kiros, Hinton, arXiv 1607.06450, equations 3 and 4; Chan, Golub, LeVeque, Algorithms for Computing the Sample
    Variance (1983), for the two passes and the shift; torch.nn.functional.layer_norm.

    Examples
    --------
    A large mean cancels in no digit, where the variance as E[x**2] - E[x]**2 would lose them all in float32:

    >>> x = np.float32([[1e6, 1e6 + 1, 1e6 + 2], [0, 1, 2]])
    >>> layer_norm(x, np.ones(3), np.zeros(3), epsilon=0.0)
    array([[-1.22474487,  0.        ,  1.22474487],
           [-1.22474487,  0.        ,  1.22474487]])
    """
    expect_layer_norm(x, weight, bias, epsilon)  # LN-C1 to LN-C4
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        shifted = real(x) - real(x)[..., :1]
        d = shifted - shifted.mean(axis=-1, keepdims=True)  # LN-S1, LN-S2
        variance = (d * d).mean(axis=-1, keepdims=True)  # LN-S3
        z = d / np.sqrt(variance + epsilon)  # LN-S4
        y: Float64Array = z * real(weight) + real(bias)  # LN-S5
    return y
