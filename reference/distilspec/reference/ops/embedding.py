"""``embedding``: rows of a table by their index."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.operands.embedding import expect_embedding
from distilspec.reference.contract.types import Float64Array, Int32Array, Int64Array, RealArray


def embedding(input_ids: Int32Array | Int64Array, weight: RealArray) -> Float64Array:
    """
    Look up one row of a table for every id.

    EMB-C1  input_ids is int32 or int64
    EMB-C2  weight is float32 or float64
    EMB-C3  weight has shape (rows, hidden_size)
    EMB-C4  0 <= input_ids[...] < rows   (a negative id does not count from the end)
    EMB-S1  y[..., h] = weight[input_ids[...], h]   (exact)

    Parameters
    ----------
    input_ids : int32 or int64 [...]
    weight : float [rows, hidden_size]

    Returns
    -------
    float64 [..., hidden_size]
        Fresh memory.

    Raises
    ------
    DTypeError
        The ids are not integers or the table is not floating point (EMB-C1, EMB-C2).
    ShapeError
        The table does not have two axes (EMB-C3).
    RangeError
        An id has no row (EMB-C4).

    Accuracy
    --------
    Exact.

    Special values
    --------------
    NaN and infinities in a row are copied. A table without rows accepts no id.

    Source
    ------
    torch.nn.functional.embedding. ONNX Gather also takes negative indices.

    Examples
    --------
    An id of -1, as padding is sometimes marked, is an error and not the last row:

    >>> embedding(np.int64([[1, 0], [-1, 1]]), np.float32([[0.5], [1.5]]))
    Traceback (most recent call last):
        ...
    distilspec.reference.contract.errors.RangeError: embedding: input_ids holds -1; expected 0 to 1 because \
the axis has size 2 [EMB-C4]
    """
    expect_embedding(input_ids, weight)  # EMB-C1 to EMB-C4
    return real(np.take(weight, input_ids, axis=0))  # EMB-S1
