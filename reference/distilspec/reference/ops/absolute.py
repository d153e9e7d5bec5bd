"""``absolute``: magnitude of every element."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_float
from distilspec.reference.contract.types import Float64Array, RealArray


def absolute(x: RealArray) -> Float64Array:
    """
    Take the magnitude of every element.

    ABS-C1  x is float32 or float64
    ABS-S1  y = x with its sign made positive   (real numbers; -0 gives +0)

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
        ABS-C1: integers are refused because the magnitude of the lowest one does not fit.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    NaN gives NaN, both infinities give inf, -0 gives +0.

    Source
    ------
    ONNX Abs on floats; numpy.abs.

    Examples
    --------
    ``x if x >= 0 else -x`` would keep the sign of the zero:

    >>> absolute(np.float32([-0.0, -np.inf, -1.5]))
    array([0. , inf, 1.5])
    """
    expect_float("absolute", "ABS-C1", x=x)
    return np.abs(real(x))  # ABS-S1
