"""``tanh``: the hyperbolic tangent."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_float
from distilspec.reference.contract.types import Float64Array, RealArray


def tanh(x: RealArray) -> Float64Array:
    """
    Take the hyperbolic tangent of every element.

    TANH-C1  x is float32 or float64
    TANH-S1  y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))   (real numbers)

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
        x is not floating point (TANH-C1).

    Accuracy
    --------
    Real value, here within 4 ulp of float64; a float32 runtime has the budget in docs/derivations/tanh.md.

    Special values
    --------------
    Infinities give 1 and -1, zeros keep their sign, NaN gives NaN.

    Source
    ------
    NIST Digital Library of Mathematical Functions, equation 4.28.2; torch.tanh; ONNX Tanh.

    Examples
    --------
    The formula as it is written overflows on the left and loses every digit on the right:

    >>> tanh(np.array([-1000.0, 1e-20])).tolist()
    [-1.0, 1e-20]
    """
    expect_float("tanh", "TANH-C1", x=x)
    return np.tanh(real(x))  # TANH-S1
