"""``divide``: quotient of two tensors."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_broadcastable, expect_float
from distilspec.reference.contract.types import Float64Array, RealArray


def divide(a: RealArray, b: RealArray) -> Float64Array:
    """
    Divide the first tensor by the second, element by element.

    DIV-C1  a and b are float32 or float64
    DIV-C2  the shapes of a and b broadcast: aligned from the last axis, sizes are equal or one of them is 1
    DIV-S1  y = a / b   (real numbers)
    DIV-S2  b = 0 gives an infinity with the product of the signs, and NaN for a = 0   (IEEE 754)

    Parameters
    ----------
    a : float [...]
    b : float [...]

    Returns
    -------
    float64 [...]
        Has the broadcast shape; fresh memory.

    Raises
    ------
    DTypeError
        DIV-C1.
    ShapeError
        DIV-C2.

    Accuracy
    --------
    Real value; a float32 runtime stays within one rounding of it.

    Special values
    --------------
    The sign of a zero divisor counts (DIV-S2). inf / inf gives NaN.

    Source
    ------
    ONNX Div on floats; numpy.divide. Integer division is not part of the specification.

    Examples
    --------
    >>> divide(np.float32([1, -1, 0, 1]), np.float32([0, 0, 0, -0.0]))
    array([ inf, -inf,  nan, -inf])
    """
    expect_float("divide", "DIV-C1", a=a, b=b)
    expect_broadcastable("divide", clause="DIV-C2", a=a.shape, b=b.shape)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        quotient: Float64Array = real(a) / real(b)  # DIV-S1, DIV-S2
    return quotient
