"""``relu``: the rectified linear unit."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_float
from distilspec.reference.contract.types import Float64Array, RealArray


def relu(x: RealArray) -> Float64Array:
    """
    Replace every negative element by zero.

    RELU-C1  x is float32 or float64
    RELU-S1  y = max(x, 0)   (exact)
    RELU-S2  NaN gives NaN

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
        x is not floating point (RELU-C1).

    Accuracy
    --------
    Exact.

    Special values
    --------------
    -infinity gives 0, +infinity gives +infinity. The sign of a zero is unspecified.

    Source
    ------
    torch.nn.functional.relu; ONNX Relu.

    Examples
    --------
    NaN is not hidden, as a comparison with 0 would hide it:

    >>> relu(np.array([-np.inf, -0.5, np.nan, 2.0])).tolist()
    [0.0, 0.0, nan, 2.0]
    """
    expect_float("relu", "RELU-C1", x=x)
    return np.maximum(real(x), 0.0)  # RELU-S1, RELU-S2
