"""``squeeze``: without some axes of size 1."""

from __future__ import annotations

import numpy as np

from distilspec.reference.contract.checks import expect, expect_axes
from distilspec.reference.contract.errors import ShapeError
from distilspec.reference.contract.types import Array


def squeeze(x: Array, *, axes: tuple[int, ...]) -> Array:
    """
    Remove axes of size 1.

    SQZ-C1  axes holds one or more different axes of x; negative ones count from the last
    SQZ-C2  x has size 1 on each of them
    SQZ-S1  y has the same elements and the remaining axes, in the same order

    Parameters
    ----------
    x : any element type [...]
    axes : tuple of int

    Returns
    -------
    dtype of x, sizes of the remaining axes
        Fresh memory.

    Raises
    ------
    RangeError
        SQZ-C1.
    ShapeError
        SQZ-C2.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    Elements are copied bit for bit.

    Source
    ------
    ONNX Squeeze with axes given; numpy.squeeze. Squeezing "all axes of size 1" would make the rank depend on the data.

    Examples
    --------
    An axis that is not named stays, even if its size is 1:

    >>> squeeze(np.zeros((1, 3, 1)), axes=(-1,)).shape
    (1, 3)
    """
    expect_axes("squeeze", axes, x.ndim, clause="SQZ-C1")
    expect(
        all(x.shape[axis] == 1 for axis in axes),
        ShapeError,
        "squeeze",
        seen=f"x has shape {x.shape}",
        expected=f"size 1 on axes {axes}",
        why="no element may be lost",
        clause="SQZ-C2",
    )
    return np.squeeze(x, axes).copy()  # SQZ-S1
