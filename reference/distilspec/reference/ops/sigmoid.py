"""``sigmoid``: the logistic function."""

from __future__ import annotations

from scipy import special

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_float
from distilspec.reference.contract.types import Float64Array, RealArray


def sigmoid(x: RealArray) -> Float64Array:
    """
    Take the logistic function of every element.

    SIG-C1  x is float32 or float64
    SIG-S1  y = 1 / (1 + exp(-x))   (real numbers)

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
        x is not floating point (SIG-C1).

    Accuracy
    --------
    Real value, here within 8 ulp of float64 until it is below 2**-1022;
    the bound of a float32 runtime is derived in docs/derivations/sigmoid.md.

    Special values
    --------------
    Infinities give 1 and 0; NaN gives NaN.

    Source
    ------
    torch.sigmoid; ONNX Sigmoid; scipy.special.expit.

    Examples
    --------
    A large negative x keeps its relative accuracy, which exp(x) / (1 + exp(x)) shares and 1 - sigmoid(-x) does not:

    >>> [f"{y:.12e}" for y in sigmoid(np.array([-40.0, -1000.0]))]
    ['4.248354255292e-18', '0.000000000000e+00']
    """
    expect_float("sigmoid", "SIG-C1", x=x)
    return special.expit(real(x))  # SIG-S1
