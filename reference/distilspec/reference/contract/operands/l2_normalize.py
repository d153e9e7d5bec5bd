"""What ``l2_normalize`` accepts."""

from __future__ import annotations

import math

from distilspec.reference.contract.checks import expect, expect_axis, expect_float
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.types import Array


def expect_l2_normalize(x: Array, axis: int, epsilon: float) -> None:
    """Raise unless L2N-C1 to L2N-C3 hold."""
    expect_float("l2_normalize", "L2N-C1", x=x)
    expect_axis("l2_normalize", "x", x, axis, clause="L2N-C2")
    expect(
        math.isfinite(epsilon) and epsilon > 0,
        RangeError,
        "l2_normalize",
        seen=f"epsilon is {epsilon}",
        expected="a finite positive number",
        why="a zero vector is divided by it",
        clause="L2N-C3",
    )
