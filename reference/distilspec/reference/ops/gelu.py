"""``gelu``: the Gaussian error linear unit, in the form with erf."""

from __future__ import annotations

import numpy as np
from scipy import special

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_float
from distilspec.reference.contract.types import Float64Array, RealArray


def gelu(x: RealArray) -> Float64Array:
    """
    Multiply every element by the normal distribution function at that element.

    GELU-C1  x is float32 or float64
    GELU-S1  y = x * Phi(x) with Phi(x) = (1 + erf(x / sqrt(2))) / 2   (real numbers)
    GELU-S2  -infinity gives the limit, zero

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
        x is not floating point (GELU-C1).

    Accuracy
    --------
    Real value. Phi(x) is evaluated as erfc(-x / sqrt(2)) / 2 where x is far below 0, so that the result is here within
    a relative (16 + 3 * min(x, 0)**2) * 2**-53 until Phi(x) is below 2**-1022;
    the bound of a float32 runtime is derived in docs/derivations/gelu.md.

    Special values
    --------------
    +infinity gives +infinity, NaN gives NaN. The sign of a zero is unspecified.

    Source
    ------
    Hendrycks, Gimpel, arXiv 1606.08415, section 2; torch.nn.functional.gelu; "gelu" in Hugging Face configurations.
    ``gelu_tanh`` is another operator: the two differ by up to 4.7e-4.

    Examples
    --------
    Far below 0, where 1 + erf cancels to nothing, the digits stay:

    >>> [f"{y:.9e}" for y in gelu(np.array([-10.0, -np.inf]))]
    ['-7.619853024e-23', '-0.000000000e+00']
    """
    expect_float("gelu", "GELU-C1", x=x)
    v = real(x)
    with np.errstate(invalid="ignore"):
        return np.where(np.isneginf(v), -0.0, v * special.ndtr(v))  # GELU-S1, GELU-S2
