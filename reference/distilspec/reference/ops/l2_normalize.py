"""``l2_normalize``: vectors of length one."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.operands.l2_normalize import expect_l2_normalize
from distilspec.reference.contract.types import Float64Array, RealArray


def l2_normalize(x: RealArray, *, axis: int = -1, epsilon: float = 1e-12) -> Float64Array:
    """
    Divide the vectors along an axis by their Euclidean length.

    L2N-C1  x is float32 or float64
    L2N-C2  axis is an axis of x; a negative one counts from the last
    L2N-C3  epsilon is finite and positive
    L2N-S1  norm = sqrt(sum over i along axis of x[..., i]**2)   (real numbers)
    L2N-S2  y = x / max(norm, epsilon)   (real numbers)

    Parameters
    ----------
    x : float [...]
    axis : int
    epsilon : float
        The least length that is divided by.

    Returns
    -------
    float64 [...]
        Fresh memory.

    Raises
    ------
    DTypeError
        x is not floating point (L2N-C1).
    RangeError
        axis does not exist (L2N-C2), or epsilon is not a finite positive number (L2N-C3).

    Accuracy
    --------
    Real value, here within a relative (n / 2 + 4) * 2**-53 for n elements along axis whose squares float64 can hold,
    as it can those of every float32; the bound of a float32 runtime is derived in docs/derivations/l2_normalize.md.

    Special values
    --------------
    A zero vector gives zeros. A vector that holds NaN is NaN; one that holds an infinity is NaN there and 0 elsewhere.

    Source
    ------
    torch.nn.functional.normalize. ONNX LpNormalization has no epsilon.

    Examples
    --------
    Squares that float32 can hold in neither direction, and a zero vector:

    >>> l2_normalize(np.float32([[3e30, 4e30], [3e-40, 4e-40], [0, 0]]), epsilon=1e-60).round(4).tolist()
    [[0.6, 0.8], [0.6, 0.8], [0.0, 0.0]]
    """
    expect_l2_normalize(x, axis, epsilon)  # L2N-C1 to L2N-C3
    with np.errstate(over="ignore", invalid="ignore"):
        norm = np.sqrt(np.sum(real(x) ** 2, axis=axis, keepdims=True))  # L2N-S1
        y: Float64Array = real(x) / np.maximum(norm, epsilon)  # L2N-S2
    return y
