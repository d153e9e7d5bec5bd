"""``embedding``: rows of a table by their index."""

from __future__ import annotations

import math

import numpy as np

from distilspec.fast.operators.tiling import looked_up, rounded, untiled
from distilspec.reference.contract.checks import expect_dtype, expect_float, expect_indices, expect_shape
from distilspec.reference.contract.types import Float32Array, Int32Array, Int64Array, RealArray


def embedding(input_ids: Int32Array | Int64Array, weight: RealArray) -> Float32Array:
    """Return the operator ``embedding`` of a table that is rounded to float32."""
    expect_dtype("embedding", "input_ids", input_ids, ("int32", "int64"), why="ids are row numbers", clause="EMB-C1")
    expect_float("embedding", "EMB-C2", weight=weight)
    expect_shape("embedding", "weight", weight, (None, None), why="it is a table of rows", clause="EMB-C3")
    expect_indices("embedding", "input_ids", input_ids, weight.shape[0], clause="EMB-C4")
    count = math.prod(input_ids.shape)
    rows = untiled(looked_up(np.reshape(input_ids, (1, count)), rounded(weight)), 1, count)
    return rows.reshape(*input_ids.shape, weight.shape[1])
