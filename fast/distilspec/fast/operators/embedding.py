"""``embedding``: rows of a table by their index."""

from __future__ import annotations

import math

import numpy as np

from distilspec.fast.operators.tiling import looked_up, rounded, untiled
from distilspec.reference.contract.operands.embedding import expect_embedding
from distilspec.reference.contract.types import Float32Array, Int32Array, Int64Array, RealArray


def embedding(input_ids: Int32Array | Int64Array, weight: RealArray) -> Float32Array:
    """Return the operator ``embedding`` of a table that is rounded to float32."""
    expect_embedding(input_ids, weight)
    count = math.prod(input_ids.shape)
    rows = untiled(looked_up(np.reshape(input_ids, (1, count)), rounded(weight)), 1, count)
    return rows.reshape(*input_ids.shape, weight.shape[1])
