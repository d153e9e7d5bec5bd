"""``erf``: the error function."""

from __future__ import annotations

from scipy import special

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_float
from distilspec.reference.contract.types import Float64Array, RealArray


def erf(x: RealArray) -> Float64Array:
    """
    Take the error function of every element.

    ERF-C1  x is float32 or float64
    ERF-S1  y = 2 / sqrt(pi) * integral from 0 to x of exp(-t**2) dt   (real numbers)

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
        x is not floating point (ERF-C1).

    Accuracy
    --------
    Real value, here within 4 ulp of float64; a float32 runtime has the budget in docs/derivations/erf.md.

    Special values
    --------------
    Infinities give 1 and -1, zeros keep their sign, NaN gives NaN.

    Source
    ------
    NIST Digital Library of Mathematical Functions, equation 7.2.1; torch.erf; ONNX Erf.

    Examples
    --------
    Near 0 it is x * 2 / sqrt(pi) to the last digit, which the popular absolute fits lose:

    >>> f"{erf(np.array([1e-30]))[0]:.12e}"
    '1.128379167096e-30'
    """
    expect_float("erf", "ERF-C1", x=x)
    return special.erf(real(x))  # ERF-S1
