"""``transpose``: axes in another order."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.types import Array


def transpose(x: Array, *, axes: tuple[int, ...]) -> Array:
    """
    Put the axes into another order.

    TRAN-C1  axes holds each of 0 to rank - 1 once
    TRAN-S1  y.shape[k] = x.shape[axes[k]], and y[i[axes[0]], i[axes[1]], ...] = x[i[0], i[1], ...]

    Parameters
    ----------
    x : any element type [...]
    axes : tuple of int

    Returns
    -------
    dtype of x, sizes of x in the order of axes
        Fresh memory.

    Raises
    ------
    RangeError
        TRAN-C1.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    Elements are copied bit for bit.

    Source
    ------
    ONNX Transpose with perm; numpy.transpose.

    Examples
    --------
    Axis k of the result is axis axes[k] of x, not the other way round:

    >>> transpose(np.zeros((2, 3, 4)), axes=(2, 0, 1)).shape
    (4, 2, 3)
    """
    expect(
        sorted(axes) == list(range(x.ndim)),
        RangeError,
        "transpose",
        seen=f"axes are {axes}",
        expected=f"each of 0 to {x.ndim - 1} once",
        why=f"x has shape {x.shape}",
        clause="TRAN-C1",
    )
    return x.transpose(axes).copy()  # TRAN-S1
