"""Cases of ``unpack_block_sparse``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Source, f32, i8, i32, i64
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.sources.pack_block_sparse import BLOCK_SHAPES, packed, with_empty_blocks

SOURCE = Source("unpack_block_sparse")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: places, empty block rows, block shapes, no blocks."""
    yield SOURCE.hand(
        "two-by-two",
        "UNPK-S1 UNPK-S2",
        inputs={"data": f32([[[1, 2], [3, 4]], [[0, 0], [0, 5]]]), "indices": i32([1, 2]), "indptr": i32([0, 2, 2])},
        expected={
            "y": f32([[0, 0, 1, 2, 0, 0], [0, 0, 3, 4, 0, 5], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]]),
        },
        attributes={"in_features": 6},
        notes="Two blocks in the first block row, none in the second.",
    )
    yield SOURCE.hand(
        "a-stored-block-may-be-zero",
        "UNPK-S1",
        inputs={"data": i8([[[0, 0]], [[-128, 127]]]), "indices": i64([0, 1]), "indptr": i64([0, 1, 2])},
        expected={"y": i8([[0, 0, 0, 0], [0, 0, -128, 127]])},
        attributes={"in_features": 4},
        notes="Indices may be int64, and a stored block may hold nothing but 0.",
    )
    yield SOURCE.hand(
        "no-blocks",
        "UNPK-S2",
        inputs={"data": np.zeros((0, 3, 2), np.int8), "indices": i32([]), "indptr": i32([0, 0])},
        expected={"y": np.zeros((3, 4), np.int8)},
        attributes={"in_features": 4},
        notes="The block shape and indptr still say how large the matrix is.",
    )
    for seed, block_shape in enumerate(BLOCK_SHAPES):
        weight = with_empty_blocks(block_shape, 4, 5, 200 + seed)
        yield SOURCE.exact(
            f"codes-{block_shape[0]}x{block_shape[1]}",
            "UNPK-S1 UNPK-S2",
            inputs={**packed(weight, block_shape, i8)},
            expected={"y": i8(weight)},
            attributes={"in_features": 5 * block_shape[1]},
            notes="An empty block row, a full one, and others in between; the matrix was there before its blocks.",
        )
