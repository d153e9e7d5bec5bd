"""Cases of ``block_sparse_linear``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from distilspec.conformance.goldens.build import Source, exact_reals, f32, i32, pattern, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.sources.linear import product, tenths
from distilspec.conformance.goldens.sources.pack_block_sparse import BLOCK_SHAPES, packed, with_empty_blocks

SOURCE = Source("block_sparse_linear")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: empty block rows, block shapes, no blocks, no rows."""
    yield SOURCE.hand(
        "empty-block-row",
        "BSL-S1 BSL-S2",
        inputs={
            "x": f32([[1, 10, 100, 1000]]),
            "data": f32([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]),
            "indices": i32([0, 1]),
            "indptr": i32([0, 1, 1, 2]),
            "bias": f32([0.5, 0, -1, 2, 0, 0]),
        },
        expected={"y": exact_reals([[21.5, 43, -1, 2, 6500, 8700]])},
        notes="""The second block row is empty and gives its bias; with the index of its block wrong the last row
        gives 65.""",
    )
    yield SOURCE.hand(
        "no-blocks",
        "BSL-S1 BSL-S2",
        inputs={
            "x": f32([[1, 2, 3, 4]]),
            "data": np.zeros((0, 4, 1), np.float32),
            "indices": i32([]),
            "indptr": i32([0, 0]),
            "bias": None,
        },
        expected={"y": exact_reals([[0, 0, 0, 0]])},
        notes="Nothing is stored, so nothing is summed.",
    )
    for seed, block_shape in enumerate(BLOCK_SHAPES):
        codes = with_empty_blocks(block_shape, 4, 5, 300 + seed)
        weight = [[f32(code / 100).item() for code in row] for row in codes]
        x, bias = tenths((3, 5 * block_shape[1]), seed), tenths((4 * block_shape[0],), seed + 1)
        yield SOURCE.exact(
            f"blocks-{block_shape[0]}x{block_shape[1]}",
            "BSL-S1 BSL-S2",
            inputs={"x": f32(x), **packed(weight, block_shape, f32), "bias": f32(bias)},
            expected={"y": real(product(x, weight, bias))},
            notes="An empty block row, a full one, and others in between: the same as the dense product.",
        )
    weight = (pattern((8, 6), 1, 1, 9)).tolist()
    x = [[float((-1) ** i) for i in range(6)]]
    yield SOURCE.exact(
        "full",
        "BSL-S1",
        inputs={"x": f32(x), **packed(weight, (4, 1), f32), "bias": None},
        expected={"y": exact_reals(product(x, weight))},
        notes="Every block is stored.",
    )
    yield SOURCE.hand(
        "no-rows",
        "BSL-S2",
        inputs={
            "x": np.zeros((0, 2), np.float32),
            "data": f32([[[1, 2]]]),
            "indices": i32([0]),
            "indptr": i32([0, 1]),
            "bias": f32([3]),
        },
        expected={"y": np.zeros((0, 1), np.float64)},
        notes="No rows, no results, and no error.",
    )
