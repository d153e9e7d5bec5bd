"""``expand``: repetition along axes of size 1."""

from __future__ import annotations

import numpy as np

from distilspec.reference.contract.checks import expect, expect_broadcastable
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.types import Array


def expand(x: Array, *, shape: tuple[int, ...]) -> Array:
    """
    Repeat ``x`` along new axes and along axes of size 1.

    EXPD-C1  shape holds sizes >= 0
    EXPD-C2  x.shape and shape broadcast: aligned from the last axis, sizes are equal or one of them is 1
    EXPD-S1  y has the broadcast shape: a 1 in shape, or an axis that shape does not have, keeps the size of x
    EXPD-S2  y[i] = x[j], with j = i without the new axes, and 0 on the axes where x has size 1

    Parameters
    ----------
    x : any element type [...]
    shape : tuple of int

    Returns
    -------
    dtype of x, broadcast shape
        Fresh memory.

    Raises
    ------
    RangeError
        EXPD-C1.
    ShapeError
        EXPD-C2.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    Elements are copied bit for bit.

    Source
    ------
    ONNX Expand, which broadcasts both ways; numpy.broadcast_to broadcasts x only and refuses the example.

    Examples
    --------
    >>> expand(np.array([[1], [2]]), shape=(2, 1, 3)).tolist()
    [[[1, 1, 1], [2, 2, 2]], [[1, 1, 1], [2, 2, 2]]]
    >>> expand(np.array([[1, 2]]), shape=(1,)).tolist()
    [[1, 2]]
    """
    expect(
        all(size >= 0 for size in shape),
        RangeError,
        "expand",
        seen=f"shape is {shape}",
        expected="sizes of 0 or more",
        why="a size of x is kept by 1, not by -1",
        clause="EXPD-C1",
    )
    expect_broadcastable("expand", clause="EXPD-C2", x=x.shape, shape=shape)
    whole = np.broadcast_shapes(x.shape, shape)  # EXPD-S1
    return np.broadcast_to(x, whole).copy()  # EXPD-S2
