"""``gelu_tanh``: the Gaussian error linear unit, in the form with tanh."""

from __future__ import annotations

import numpy as np
from scipy import special

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_float
from distilspec.reference.contract.types import Float64Array, RealArray


def gelu_tanh(x: RealArray) -> Float64Array:
    """
    Multiply every element by the tanh approximation of the normal distribution function.

    GELUT-C1  x is float32 or float64
    GELUT-S1  u = sqrt(2 / pi) * (x + 0.044715 * x**3)   (real numbers)
    GELUT-S2  y = x * (1 + tanh(u)) / 2   (real numbers)
    GELUT-S3  -infinity gives the limit, zero

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
        x is not floating point (GELUT-C1).

    Accuracy
    --------
    Real value. (1 + tanh(u)) / 2 is evaluated as sigmoid(2 * u), which does not cancel, so that the result is here
    within a relative (16 + 16 * |min(u, 0)|) * 2**-53 until the sigmoid is below 2**-1022;
    the bound of a float32 runtime is derived in docs/derivations/gelu_tanh.md.

    Special values
    --------------
    +infinity gives +infinity, NaN gives NaN. A cube beyond float64 counts as infinite. The sign of a zero is
    unspecified.

    Source
    ------
    Hendrycks, Gimpel, arXiv 1606.08415, section 2; torch.nn.functional.gelu with approximate="tanh"; "gelu_new" and
    "gelu_pytorch_tanh" in Hugging Face configurations.

    Examples
    --------
    Far below 0, where 1 + tanh cancels to nothing, the digits stay; a cube that overflows does no harm:

    >>> [f"{y:.9e}" for y in gelu_tanh(np.array([-10.0, -1e300, 1e300]))]
    ['-1.204092348e-37', '-0.000000000e+00', '1.000000000e+300']
    """
    expect_float("gelu_tanh", "GELUT-C1", x=x)
    v = real(x)
    with np.errstate(over="ignore", invalid="ignore"):
        u = np.sqrt(2 / np.pi) * (v + 0.044715 * v**3)  # GELUT-S1
        return np.where(np.isneginf(v), -0.0, v * special.expit(2 * u))  # GELUT-S2, GELUT-S3
