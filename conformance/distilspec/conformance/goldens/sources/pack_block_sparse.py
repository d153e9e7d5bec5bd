"""Cases of ``pack_block_sparse``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from distilspec.conformance.goldens.build import Source, f32, i8, i32, pattern, u8
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.reference.contract.types import Array

SOURCE = Source("pack_block_sparse")

#: The block shapes that kernels are written for, and two that none is.
BLOCK_SHAPES = ((4, 1), (4, 4), (16, 4), (1, 1), (3, 2))


def with_empty_blocks(block_shape: tuple[int, int], rows: int, columns: int, seed: int) -> list[list[int]]:
    """Return a matrix of int8 codes, two thirds of its blocks zero, its second block row zero, its third one full."""
    out, inner = block_shape
    weight = pattern((rows * out, columns * inner), seed, -128, 127)
    draw = pattern((rows, columns), seed + 1, 0, 2)
    draw[1:2], draw[2:3] = 1, 0
    weight[np.kron(draw, np.ones(block_shape, np.int64)) > 0] = 0
    return [[int(value) for value in row] for row in weight]


def blocks_of(weight: list[list[Any]], block_shape: tuple[int, int]) -> tuple[list[Any], list[int], list[int]]:
    """Return data, indices and indptr of the blocks of a matrix that hold anything but 0, by plain loops."""
    out, inner = block_shape
    data, indices, indptr = [], [], [0]
    for row in range(0, len(weight), out):
        for column in range(0, len(weight[0]), inner):
            block = [line[column : column + inner] for line in weight[row : row + out]]
            if any(itertools.chain.from_iterable(block)):
                data.append(block)
                indices.append(column // inner)
        indptr.append(len(data))
    return data, indices, indptr


def packed(weight: list[list[Any]], block_shape: tuple[int, int], dtype: Callable[[Any], Array]) -> dict[str, Array]:
    """Return the three arrays of ``blocks_of``, of the right shape even without a block."""
    data, indices, indptr = blocks_of(weight, block_shape)
    return {
        "data": dtype(data).reshape(len(data), *block_shape),
        "indices": i32(indices),
        "indptr": i32(indptr),
    }


def cases() -> Iterator[GoldenCase]:
    """Yield every case: order, what is left out, negative zero, block shapes, no blocks, no elements."""
    yield SOURCE.hand(
        "two-by-two",
        "PACK-S1 PACK-S2 PACK-S3 PACK-S4",
        inputs={"weight": f32([[0, 0, 1, 2, 0, 0], [0, 0, 3, 4, 0, 5], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])},
        expected={"data": f32([[[1, 2], [3, 4]], [[0, 0], [0, 5]]]), "indices": i32([1, 2]), "indptr": i32([0, 2, 2])},
        attributes={"block_shape": (2, 2)},
        notes="A block with one element is kept whole; the second block row is empty, so indptr repeats.",
    )
    yield SOURCE.hand(
        "four-by-one",
        "PACK-S1 PACK-S3 PACK-S4",
        inputs={"weight": i8([[1, 0, -128], [2, 0, 0], [3, 0, 0], [4, 0, 127]])},
        expected={
            "data": i8([[[1], [2], [3], [4]], [[-128], [0], [0], [127]]]),
            "indices": i32([0, 2]),
            "indptr": i32([0, 2]),
        },
        attributes={"block_shape": (4, 1)},
        notes="Four outputs of one input make a block; (1, 4) would be another cut.",
    )
    yield SOURCE.hand(
        "negative-zero-is-kept",
        "PACK-S2",
        inputs={"weight": f32([[-0.0, 0.0], [0.0, 0.0]])},
        expected={"data": f32([[[-0.0]]]), "indices": i32([0]), "indptr": i32([0, 1, 1])},
        attributes={"block_shape": (1, 1)},
        notes="Packing loses nothing: -0.0 is not +0.",
    )
    yield SOURCE.hand(
        "elements-that-cancel",
        "PACK-S2",
        inputs={"weight": f32([[1, -1], [0, 0]])},
        expected={"data": f32([[[1, -1]]]), "indices": i32([0]), "indptr": i32([0, 1, 1])},
        attributes={"block_shape": (1, 2)},
        notes="The elements of a block sum to 0, and the block is kept.",
    )
    yield SOURCE.hand(
        "all-zero",
        "PACK-S2 PACK-S4",
        inputs={"weight": u8([[0, 0], [0, 0]])},
        expected={"data": np.zeros((0, 1, 2), np.uint8), "indices": i32([]), "indptr": i32([0, 0, 0])},
        attributes={"block_shape": (1, 2)},
        notes="No blocks at all.",
    )
    yield SOURCE.hand(
        "no-rows",
        "PACK-S4",
        inputs={"weight": np.zeros((0, 4), np.float32)},
        expected={"data": np.zeros((0, 2, 2), np.float32), "indices": i32([]), "indptr": i32([0])},
        attributes={"block_shape": (2, 2)},
        notes="No block rows: indptr holds only its first 0.",
    )
    for seed, block_shape in enumerate(BLOCK_SHAPES):
        weight = with_empty_blocks(block_shape, 4, 5, 100 + seed)
        yield SOURCE.exact(
            f"codes-{block_shape[0]}x{block_shape[1]}",
            "PACK-S1 PACK-S2 PACK-S3 PACK-S4",
            inputs={"weight": i8(weight)},
            expected=packed(weight, block_shape, i8),
            attributes={"block_shape": block_shape},
            notes="An empty block row, a full one, and others in between.",
        )
