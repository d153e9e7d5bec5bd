"""Cases of ``l2_normalize``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from distilspec.conformance.goldens.build import Source, exact_reals, f32, real
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.exact import dot
from distilspec.conformance.goldens.sources.linear import tenths
from distilspec.conformance.goldens.transcendental import sqrt

SOURCE = Source("l2_normalize")


def cases() -> Iterator[GoldenCase]:
    """Yield every case: axes, the zero vector, epsilon, tails of vectors, sizes."""
    yield SOURCE.hand(
        "three-four-five",
        "L2N-S1 L2N-S2",
        inputs={"x": f32([[3, 4], [-30, 40], [0, -2]])},
        expected={"y": real([[Fraction(3, 5), Fraction(4, 5)], [Fraction(-3, 5), Fraction(4, 5)], [0, -1]])},
        notes="Each row by its own length.",
    )
    yield SOURCE.hand(
        "zero-vector",
        "L2N-S2",
        inputs={"x": f32([[0, 0], [3, 4]])},
        expected={"y": real([[0, 0], [Fraction(3, 5), Fraction(4, 5)]])},
        notes="epsilon keeps it from 0 / 0.",
    )
    yield SOURCE.hand(
        "epsilon-is-a-floor",
        "L2N-S2",
        inputs={"x": f32([[3, 4], [0.3, 0]])},
        expected={"y": real([[Fraction(3, 5), Fraction(4, 5)], [Fraction(f32(0.3).item()) / Fraction(0.5), 0]])},
        attributes={"epsilon": 0.5},
        notes="""The larger of length and epsilon; their sum gives 3 / 5.5, a root of the sum of squares plus epsilon
        0.594.""",
    )
    yield SOURCE.hand(
        "axis-0",
        "L2N-S1",
        inputs={"x": f32([[3, 0], [4, 2]])},
        expected={"y": real([[Fraction(3, 5), 0], [Fraction(4, 5), 1]])},
        attributes={"axis": 0},
        notes="Axis 0 is a legal axis, not an absent one.",
    )
    for size in (1, 15, 16, 17, 33):
        x = tenths((2, size), size)
        yield SOURCE.exact(
            f"row-of-{size}",
            "L2N-S1 L2N-S2",
            inputs={"x": f32(x)},
            expected={"y": real([_normalized(row) for row in x])},
            notes="Sizes around the width of a vector: the tail belongs to the length.",
        )
    yield SOURCE.hand(
        "empty", "L2N-S2", inputs={"x": f32([[]])}, expected={"y": exact_reals([[]])}, notes="No elements."
    )


def _normalized(row: Sequence[float]) -> list[Fraction]:
    length = max(sqrt(dot(row, row)), Fraction(1e-12))
    return [Fraction(value) / length for value in row]
