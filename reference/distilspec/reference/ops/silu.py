"""``silu``: the sigmoid linear unit, also called swish."""

from __future__ import annotations

import numpy as np
from scipy import special

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_float
from distilspec.reference.contract.types import Float64Array, RealArray


def silu(x: RealArray) -> Float64Array:
    """
    Multiply every element by its logistic function.

    SILU-C1  x is float32 or float64
    SILU-S1  y = x / (1 + exp(-x))   (real numbers)
    SILU-S2  -infinity gives the limit, zero

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
        x is not floating point (SILU-C1).

    Accuracy
    --------
    Real value, here within 8 ulp of float64 until sigmoid(x) is below 2**-1022;
    the bound of a float32 runtime is derived in docs/derivations/silu.md.

    Special values
    --------------
    +infinity gives +infinity, NaN gives NaN. The sign of a zero is unspecified.

    Source
    ------
    Elfwing, Uchibe, Doya, arXiv 1702.03118, equation 3; torch.nn.functional.silu.

    Examples
    --------
    The product -infinity * 0 must not become NaN:

    >>> silu(np.array([-np.inf, -1000.0, np.inf])).tolist()
    [-0.0, -0.0, inf]
    """
    expect_float("silu", "SILU-C1", x=x)
    v = real(x)
    with np.errstate(invalid="ignore"):
        return np.where(np.isneginf(v), -0.0, v * special.expit(v))  # SILU-S1, SILU-S2
