"""How far a smooth function moves when its argument does."""

from __future__ import annotations

import numpy as np

from distilspec.reference.contract.types import Float64Array


@np.errstate(all="ignore")
def moved(error: Float64Array, slope: Float64Array, *, steepest: float, curvature: float) -> Float64Array:
    """
    Return a bound on |f(x + t) - f(x)| for |t| <= error, by Taylor's theorem.

    ``slope`` is f'(x) up to 2**-40, ``steepest`` a bound on |f'| and ``curvature`` one on |f''| everywhere.
    """
    second_order = (np.abs(slope) + 2.0**-40 + curvature / 2 * error) * error
    return np.where(error > 0, np.minimum(second_order, steepest * error), 0.0)
