"""``reshape``: the same elements in another shape."""

from __future__ import annotations

import math

from distilspec.reference.contract.checks import expect
from distilspec.reference.contract.errors import RangeError, ShapeError
from distilspec.reference.contract.types import Array


def reshape(x: Array, *, shape: tuple[int, ...]) -> Array:
    """
    Give the elements, in the same order, another shape.

    RESH-C1  shape holds sizes >= 0, and at most one -1
    RESH-C2  without -1, the sizes have the product x.size; with it, the others have a product > 0 that divides x.size
    RESH-S1  element k of y is element k of x, both counted with the last axis fastest
    RESH-S2  -1 stands for x.size / product of the other sizes
    RESH-S3  0 is the size 0   (it does not copy a size of x)

    Parameters
    ----------
    x : any element type [...]
    shape : tuple of int

    Returns
    -------
    dtype of x, shape
        Fresh memory.

    Raises
    ------
    RangeError
        RESH-C1.
    ShapeError
        RESH-C2.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    Elements are copied bit for bit.

    Source
    ------
    ONNX Reshape with allowzero = 1; numpy.reshape. The default of ONNX, where 0 copies a size of x, is not used.

    Examples
    --------
    The order is that of the axes, whatever the memory layout is:

    >>> reshape(np.array([[1, 2, 3], [4, 5, 6]]).T, shape=(2, -1)).tolist()
    [[1, 4, 2], [5, 3, 6]]
    """
    expect(
        all(size >= -1 for size in shape) and shape.count(-1) <= 1,
        RangeError,
        "reshape",
        seen=f"shape is {shape}",
        expected="sizes of 0 or more, and at most one -1",
        why="-1 stands for the size that remains",
        clause="RESH-C1",
    )
    known = math.prod(size for size in shape if size != -1)
    expect(
        known > 0 and x.size % known == 0 if -1 in shape else known == x.size,
        ShapeError,
        "reshape",
        seen=f"shape is {shape}",
        expected=f"{x.size} elements",
        why=f"x has shape {x.shape}",
        clause="RESH-C2",
    )
    return x.reshape(shape).copy()  # RESH-S1, RESH-S2, RESH-S3
