"""Cases of ``block_magnitude_mask``."""

from __future__ import annotations

from collections.abc import Iterator

from distilspec.conformance.goldens.build import Source, boolean, f32
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("block_magnitude_mask")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: scores, ties of scores, ties of the number of blocks, both ends."""
    yield SOURCE.hand(
        "sum-of-magnitudes",
        "BMM-S1 BMM-S4",
        inputs={"weight": f32([[5, -5, 1], [-5, 5, 2], [0, 0, 0], [0, 0, 9]])},
        expected={"y": boolean([[True, True, False], [True, True, False], [False, False, True], [False, False, True]])},
        attributes={"block_shape": (2, 1), "sparsity": 0.5},
        notes="""Scores 10, 10, 3 and 0, 0, 9: the three smallest of six go. Sums without magnitudes are 0 in the
        first two blocks.""",
    )
    yield SOURCE.hand(
        "scores-beyond-float32",
        "BMM-S1",
        inputs={"weight": f32([[2**24, 1, 2**24, 0]])},
        expected={"y": boolean([[True, True, False, False]])},
        attributes={"block_shape": (1, 2), "sparsity": 0.5},
        notes="Scores 2**24 + 1 and 2**24; in float32 they are equal, and the first block would go.",
    )
    yield SOURCE.hand(
        "equal-scores",
        "BMM-S3",
        inputs={"weight": f32([[1, 1, -1], [1, 1, 1]])},
        expected={"y": boolean([[False, False, False], [False, True, True]])},
        attributes={"block_shape": (1, 1), "sparsity": 2 / 3},
        notes="Four of six equal scores go: by row, then by column.",
    )
    yield SOURCE.hand(
        "half-a-block-to-even",
        "BMM-S2",
        inputs={"weight": f32([[1, 2, 3, 4, 5]])},
        expected={"y": boolean([[False, False, True, True, True]])},
        attributes={"block_shape": (1, 1), "sparsity": 0.5},
        notes="2.5 blocks are 2; rounding away from zero prunes 3.",
    )
    yield SOURCE.hand(
        "half-a-block-up-to-even",
        "BMM-S2",
        inputs={"weight": f32([[1], [2], [3]])},
        expected={"y": boolean([[False], [False], [True]])},
        attributes={"block_shape": (1, 1), "sparsity": 0.5},
        notes="1.5 blocks are 2; truncation prunes 1.",
    )
    yield SOURCE.hand(
        "nothing",
        "BMM-S2",
        inputs={"weight": f32([[0, 0], [0, 1]])},
        expected={"y": boolean([[True, True], [True, True]])},
        attributes={"block_shape": (1, 2), "sparsity": 0.0},
        notes="Sparsity 0 keeps blocks of zeros as well.",
    )
    yield SOURCE.hand(
        "everything",
        "BMM-S2",
        inputs={"weight": f32([[0, 0], [0, 1]])},
        expected={"y": boolean([[False, False], [False, False]])},
        attributes={"block_shape": (2, 1), "sparsity": 1.0},
        notes="Sparsity 1 keeps nothing.",
    )
    yield SOURCE.hand(
        "sixteen-by-four",
        "BMM-S4",
        inputs={"weight": f32([[-2] * 4 + [1] * 4] * 16)},
        expected={"y": boolean([[True] * 4 + [False] * 4] * 16)},
        attributes={"block_shape": (16, 4), "sparsity": 0.5},
        notes="Scores 128 and 64; with their signs the left block would go.",
    )
    yield SOURCE.hand(
        "four-by-four",
        "BMM-S1 BMM-S3",
        inputs={"weight": f32([[9, 0, 0, 0]] * 4 + [[3, 3, 3, 3]] * 4)},
        expected={"y": boolean([[False] * 4] * 4 + [[True] * 4] * 4)},
        attributes={"block_shape": (4, 4), "sparsity": 0.5},
        notes="Scores 36 and 48; by the sum of squares, or by the largest element, the second block would go.",
    )
