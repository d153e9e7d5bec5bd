"""``cast``."""

from __future__ import annotations

import numpy as np
from distilspec.reference.contract.types import Array


def cast(x: Array, *, dtype: str) -> Array:
    """To be specified."""
    return x.astype({"float": np.float64, "bool": np.bool_}.get(dtype, dtype))
