"""What ``embedding`` accepts."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect_dtype, expect_float, expect_indices, expect_shape
from distilspec.reference.contract.types import Array


def expect_embedding(input_ids: Array, weight: Array) -> None:
    """Raise unless EMB-C1 to EMB-C4 hold."""
    expect_dtype("embedding", "input_ids", input_ids, ("int32", "int64"), why="ids are row numbers", clause="EMB-C1")
    expect_float("embedding", "EMB-C2", weight=weight)
    expect_shape("embedding", "weight", weight, (None, None), why="it is a table of rows", clause="EMB-C3")
    expect_indices("embedding", "input_ids", input_ids, weight.shape[0], clause="EMB-C4")
