"""``unsqueeze``: with new axes of size 1."""

from __future__ import annotations

import numpy as np

from distilspec.reference.contract.checks import expect_axes
from distilspec.reference.contract.types import Array


def unsqueeze(x: Array, *, axes: tuple[int, ...]) -> Array:
    """
    Insert axes of size 1.

    USQ-C1  axes holds one or more different axes of y; negative ones count from the last
    USQ-S1  y has the same elements, size 1 on axes, and the axes of x in their order on the others

    Parameters
    ----------
    x : any element type [...]
    axes : tuple of int
        They count in y, whose rank is the rank of x plus the number of axes.

    Returns
    -------
    dtype of x, sizes of x and 1
        Fresh memory.

    Raises
    ------
    RangeError
        USQ-C1.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    Elements are copied bit for bit.

    Source
    ------
    ONNX Unsqueeze; numpy.expand_dims.

    Examples
    --------
    Axes count in the result, whatever their order; inserting one after the other would give (2, 1, 3, 1):

    >>> unsqueeze(np.zeros((2, 3)), axes=(3, 0)).shape
    (1, 2, 3, 1)
    """
    expect_axes("unsqueeze", axes, x.ndim + len(axes), clause="USQ-C1")
    return np.expand_dims(x, axes).copy()  # USQ-S1
