"""``gather``: elements of an axis by their indices."""

from __future__ import annotations

import numpy as np

from distilspec.reference.contract.checks import expect_axis, expect_dtype, expect_indices
from distilspec.reference.contract.types import Array


def gather(x: Array, indices: Array, *, axis: int = 0) -> Array:
    """
    Take the slices of an axis that the indices name.

    GATH-C1  axis is an axis of x; a negative one counts from the last
    GATH-C2  indices is int64 or int32
    GATH-C3  every index lies in [-size, size), with size = x.shape[axis]
    GATH-S1  y[i..., j..., k...] = x[i..., indices[j...], k...], with i... the axes before axis and k... those after it
    GATH-S2  a negative index gets size added

    Parameters
    ----------
    x : any element type [..., size, ...]
    indices : int64 or int32 [...]
    axis : int

    Returns
    -------
    dtype of x, shape of x with the shape of indices in place of size
        Fresh memory.

    Raises
    ------
    RangeError
        GATH-C1, GATH-C3.
    DTypeError
        GATH-C2.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    Elements are copied bit for bit. A scalar index removes the axis.

    Source
    ------
    ONNX Gather; numpy.take. ``embedding`` is the stricter operator for ids, which are never negative.

    Examples
    --------
    >>> gather(np.array([[1, 2, 3], [4, 5, 6]]), np.array([[-1, 0]]), axis=1).tolist()
    [[[3, 1]], [[6, 4]]]
    """
    expect_axis("gather", "x", x, axis, clause="GATH-C1")
    expect_dtype("gather", "indices", indices, ("int64", "int32"), why="they count", clause="GATH-C2")
    expect_indices("gather", "indices", indices, x.shape[axis], lowest=-x.shape[axis], clause="GATH-C3")
    return np.take(x, indices, axis=axis)  # GATH-S1, GATH-S2
