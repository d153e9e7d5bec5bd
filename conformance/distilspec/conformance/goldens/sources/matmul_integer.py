"""Cases of ``matmul_integer``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from distilspec.conformance.goldens.build import Source, i8, i32, pattern, u8
from distilspec.conformance.goldens.case import GoldenCase

SOURCE = Source("matmul_integer")

Matrix = Sequence[Sequence[int]]


def product(a: Matrix, b: Matrix, a_zero: int = 0, b_zero: int = 0) -> list[list[int]]:
    """Return the product of two matrices of Python integers, each less its zero point."""
    columns = list(zip(*b, strict=True))
    return [[sum((x - a_zero) * (y - b_zero) for x, y in zip(row, c, strict=True)) for c in columns] for row in a]


def cases() -> Iterator[GoldenCase]:
    """Yield every case: the full range, both signs, zero points, the edges of int32, tails of vectors, batches."""
    for inner in (1, 2, 16, 17, 64, 65):
        yield SOURCE.hand(
            f"saturation-pairs-{inner}",
            "MMI-S1 MMI-S2",
            inputs={
                "a": u8([[255] * inner]),
                "b": i8([[-128, 127]] * inner),
                "a_zero_point": None,
                "b_zero_point": None,
            },
            expected={"y": i32([[-32640 * inner, 32385 * inner]])},
            notes="""255 * -128 and 255 * 127 at every position: two neighbouring products do not fit into 16 bits.
            vpmaddubsw, which saturates them, gives -32768 and 32767 a pair.""",
        )
    yield SOURCE.hand(
        "int8-lowest-squared",
        "MMI-S1",
        inputs={"a": i8([[-128] * 4]), "b": i8([[-128]] * 4), "a_zero_point": None, "b_zero_point": None},
        expected={"y": i32([[65536]])},
        notes="16384 four times. Negating -128 in int8, as a sign trick does, wraps.",
    )
    yield SOURCE.hand(
        "zero-point-255",
        "MMI-S1",
        inputs={"a": u8([[0, 255, 254]]), "b": i8([[-128], [127], [1]]), "a_zero_point": u8(255), "b_zero_point": None},
        expected={"y": i32([[32639]])},
        notes="-255 * -128 + 0 - 1. In uint8 or int8 the differences wrap.",
    )
    yield SOURCE.hand(
        "both-zero-points",
        "MMI-S1",
        inputs={
            "a": u8([[1, 2], [3, 4]]),
            "b": u8([[10, 20], [30, 40]]),
            "a_zero_point": u8(3),
            "b_zero_point": u8(25),
        },
        expected={"y": i32([[25, -5], [5, 15]])},
        notes="""[[-2, -1], [0, 1]] times [[-15, -5], [5, 15]]. Leaving out the product of the zero points, or either
        correction, changes every sum.""",
    )
    yield SOURCE.hand(
        "zero-point-a-row-and-a-column",
        "MMI-S1",
        inputs={
            "a": u8([[1, 2], [1, 2]]),
            "b": i8([[1, 1], [1, 1]]),
            "a_zero_point": u8([[0], [1]]),
            "b_zero_point": i8([[0, -1]]),
        },
        expected={"y": i32([[3, 6], [1, 2]])},
        notes="One zero point a row of a, one a column of b.",
    )
    yield SOURCE.hand(
        "edge-of-int32",
        "MMI-S1",
        inputs={
            "a": np.full((1, 33025), 255, np.uint8),
            "b": np.zeros((33025, 1), np.uint8),
            "a_zero_point": None,
            "b_zero_point": u8(255),
        },
        expected={"y": i32([[-2147450625]])},
        notes="33025 * 255 * -255, the longest sum that is allowed and the smallest that int32 must hold.",
    )
    yield SOURCE.hand(
        "beyond-float32",
        "MMI-S1",
        inputs={
            "a": u8([[255] * 4095 + [1]]),
            "b": i8([[127]] * 4095 + [[1]]),
            "a_zero_point": None,
            "b_zero_point": None,
        },
        expected={"y": i32([[132616576]])},
        notes="4095 * 255 * 127 + 1. Sums in float32 lose the last bits beyond 2**24.",
    )
    for inner, columns in ((15, 17), (16, 16), (17, 15), (31, 33), (32, 32), (33, 31)):
        a, b = pattern((1, inner), inner, 0, 255), pattern((inner, columns), columns, -128, 127)
        yield SOURCE.exact(
            f"tail-{inner}-by-{columns}",
            "MMI-S1",
            inputs={"a": u8(a), "b": i8(b), "a_zero_point": u8(131), "b_zero_point": None},
            expected={"y": i32(product(a.tolist(), b.tolist(), 131))},
            notes="One row, and sizes around the width of a vector: the zero point is corrected in the tail as well.",
        )
    a, b = pattern((3, 2, 5), 1, -128, 127), pattern((5, 3), 2, 0, 255)
    yield SOURCE.exact(
        "batch-int8-by-uint8",
        "MMI-S1",
        inputs={"a": i8(a), "b": u8(b), "a_zero_point": i8(-7), "b_zero_point": u8(200)},
        expected={"y": i32([product(rows, b.tolist(), -7, 200) for rows in a.tolist()])},
        notes="Leading axes are repeated; each operand is signed or not by itself.",
    )
    yield SOURCE.hand(
        "inner-0",
        "MMI-S1",
        inputs={
            "a": np.zeros((2, 0), np.uint8),
            "b": np.zeros((0, 3), np.int8),
            "a_zero_point": u8(9),
            "b_zero_point": None,
        },
        expected={"y": i32([[0] * 3] * 2)},
        notes="An empty sum is 0.",
    )
