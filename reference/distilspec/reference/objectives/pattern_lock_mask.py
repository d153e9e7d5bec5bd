"""``pattern_lock_mask``: what is zero stays zero."""

from __future__ import annotations

import numpy as np

from distilspec.reference.contract.checks import expect_finite, expect_float
from distilspec.reference.contract.types import BoolArray, RealArray


def pattern_lock_mask(weight: RealArray) -> BoolArray:
    """
    Keep the weights that are not zero: the pattern of a pruned model, to be held while it learns another task.

    LOCK-C1  weight is float32 or float64, and finite
    LOCK-S1  the mask is True where weight != 0; a zero of either sign is dropped

    Parameters
    ----------
    weight : float [...]

    Returns
    -------
    bool [...]
        Shape of weight; fresh memory.

    Raises
    ------
    DTypeError
        LOCK-C1.
    RangeError
        A weight that is not finite (LOCK-C1).

    Accuracy
    --------
    Exact.

    Special values
    --------------
    The smallest subnormal number is kept.

    Source
    ------
    Prune-OFA, arXiv 2111.05754. The pattern of blocks is kept with it: a block of zeros is a block of dropped weights.

    Examples
    --------
    >>> pattern_lock_mask(np.float32([0.0, -0.0, 1e-45, 2.0])).tolist()
    [False, False, True, True]
    """
    expect_float("pattern_lock_mask", "LOCK-C1", weight=weight)
    expect_finite("pattern_lock_mask", "weight", weight, why="a mask times it is the pruned weight", clause="LOCK-C1")
    return np.not_equal(weight, 0)  # LOCK-S1
