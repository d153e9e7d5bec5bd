"""``negate``: every element with the other sign."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_float
from distilspec.reference.contract.types import Float64Array, RealArray


def negate(x: RealArray) -> Float64Array:
    """
    Give every element the other sign.

    NEG-C1  x is float32 or float64
    NEG-S1  y = -x   (real numbers; 0 gives -0)

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
        NEG-C1: integers are refused because the negative of the lowest one does not fit.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    NaN gives NaN, an infinity the other one, a zero the other zero.

    Source
    ------
    ONNX Neg on floats; numpy.negative.

    Examples
    --------
    ``0 - x`` would lose the sign of the zero:

    >>> negate(np.float32([0.0, -0.0, np.inf])).tolist()
    [-0.0, 0.0, -inf]
    """
    expect_float("negate", "NEG-C1", x=x)
    return np.negative(real(x))  # NEG-S1
