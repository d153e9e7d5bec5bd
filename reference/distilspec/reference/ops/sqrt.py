"""``sqrt``: the square root."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_float
from distilspec.reference.contract.types import Float64Array, RealArray


def sqrt(x: RealArray) -> Float64Array:
    """
    Take the square root of every element.

    SQRT-C1  x is float32 or float64
    SQRT-S1  y = the number that is not negative and has y * y = x   (real numbers)
    SQRT-S2  x < 0 gives NaN

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
        x is not floating point (SQRT-C1).

    Accuracy
    --------
    Real value, here correctly rounded to float64.

    Special values
    --------------
    +infinity gives +infinity, zeros keep their sign, NaN gives NaN.

    Source
    ------
    IEEE 754-2019, section 5.4.1 squareRoot; torch.sqrt; ONNX Sqrt.

    Examples
    --------
    A subnormal float32 has a root of full accuracy; -0 is not below 0:

    >>> sqrt(np.float32([2.0**-148, -0.0, -1.0])).tolist()
    [5.293955920339377e-23, -0.0, nan]
    """
    expect_float("sqrt", "SQRT-C1", x=x)
    with np.errstate(invalid="ignore"):
        return np.sqrt(real(x))  # SQRT-S1, SQRT-S2
