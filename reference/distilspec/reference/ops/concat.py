"""``concat``: tensors one after the other along an axis."""

from __future__ import annotations

import numpy as np

from distilspec.reference.contract.checks import expect, expect_alike, expect_axis, expect_shape
from distilspec.reference.contract.errors import ShapeError
from distilspec.reference.contract.types import ELEMENT_TYPES, Array


def concat(*tensors: Array, axis: int) -> Array:
    """
    Join tensors along one axis.

    CAT-C1  there is at least one tensor
    CAT-C2  all tensors are floating point (float32 or float64), or have the same dtype
    CAT-C3  axis is an axis of the first tensor; a negative one counts from the last
    CAT-C4  all tensors have the rank of the first, and its sizes except on axis
    CAT-S1  y holds, along axis, the elements of the first tensor, then those of the second, and so on

    Parameters
    ----------
    *tensors : any element type [...]
    axis : int

    Returns
    -------
    dtype of the tensors, the sum of their sizes on axis
        float64 if float32 and float64 meet; fresh memory.

    Raises
    ------
    ShapeError
        CAT-C1, CAT-C4.
    DTypeError
        CAT-C2.
    RangeError
        CAT-C3.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    Elements keep their values, -0 and NaN included; a tensor of size 0 on axis adds nothing.

    Source
    ------
    ONNX Concat; numpy.concatenate.

    Examples
    --------
    >>> concat(np.array([[1], [2]]), np.zeros((2, 0), np.int64), np.array([[3, 4], [5, 6]]), axis=-1).tolist()
    [[1, 3, 4], [2, 5, 6]]
    """
    expect(
        len(tensors) > 0,
        ShapeError,
        "concat",
        seen="there is no tensor",
        expected="one or more",
        why="nothing has no dtype",
        clause="CAT-C1",
    )
    named = {f"tensor {index}": tensor for index, tensor in enumerate(tensors)}
    expect_alike("concat", ELEMENT_TYPES, clause="CAT-C2", **named)
    first = tensors[0]
    expect_axis("concat", "tensor 0", first, axis, clause="CAT-C3")
    free = [None if index == axis % first.ndim else size for index, size in enumerate(first.shape)]
    for name, tensor in named.items():
        expect_shape("concat", name, tensor, free, why=f"tensor 0 has shape {first.shape}", clause="CAT-C4")
    return np.concatenate(tensors, axis=axis)  # CAT-S1
