"""``reciprocal``: one divided by every element."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_float
from distilspec.reference.contract.types import Float64Array, RealArray


def reciprocal(x: RealArray) -> Float64Array:
    """
    Divide one by every element.

    RCP-C1  x is float32 or float64
    RCP-S1  y = 1 / x   (real numbers)
    RCP-S2  a zero gives the infinity of its sign

    Parameters
    ----------
    x : float [...]

    Returns
    -------
    float64 [...]
        Fresh memory.

    Raises
    ------
    DTypeError
        x is not floating point (RCP-C1).

    Accuracy
    --------
    Real value, here correctly rounded to float64.

    Special values
    --------------
    Infinities give the zero of their sign, NaN gives NaN.

    Source
    ------
    IEEE 754-2019, section 5.4.1 division and section 7.3; torch.reciprocal; ONNX Reciprocal.

    Examples
    --------
    A subnormal float32 has a finite reciprocal, which float32 could not hold; the sign of a zero counts:

    >>> reciprocal(np.float32([2.0**-140, 0.0, -0.0])).tolist()
    [1.393796574908164e+42, inf, -inf]
    """
    expect_float("reciprocal", "RCP-C1", x=x)
    with np.errstate(divide="ignore", over="ignore"):
        return 1.0 / real(x)  # RCP-S1, RCP-S2
