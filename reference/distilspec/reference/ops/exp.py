"""``exp``: the exponential function."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_float
from distilspec.reference.contract.types import Float64Array, RealArray


def exp(x: RealArray) -> Float64Array:
    """
    Raise e to the power of every element.

    EXP-C1  x is float32 or float64
    EXP-S1  y = e ** x   (real numbers)

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
        x is not floating point (EXP-C1).

    Accuracy
    --------
    Real value, here within 4 ulp of float64; a float32 runtime has the budget in docs/derivations/exp.md.

    Special values
    --------------
    +infinity, and a result beyond float64, gives +infinity; -infinity gives 0; NaN gives NaN.

    Source
    ------
    NIST Digital Library of Mathematical Functions, section 4.2; torch.exp; ONNX Exp.

    Examples
    --------
    A real value need not fit into float32, where the first would be infinite and the second zero:

    >>> [f"{y:.6e}" for y in exp(np.float32([100, -200]))]
    ['2.688117e+43', '1.383897e-87']
    """
    expect_float("exp", "EXP-C1", x=x)
    with np.errstate(over="ignore"):
        return np.exp(real(x))  # EXP-S1
