"""What ``layer_norm`` accepts."""

from __future__ import annotations

import math

from distilspec.reference.contract.checks import expect, expect_float, expect_rank, expect_shape
from distilspec.reference.contract.errors import RangeError, ShapeError
from distilspec.reference.contract.types import Array


def expect_layer_norm(x: Array, weight: Array, bias: Array, epsilon: float) -> None:
    """Raise unless LN-C1 to LN-C4 hold."""
    expect_float("layer_norm", "LN-C1", x=x, weight=weight, bias=bias)
    expect_rank("layer_norm", "x", x, 1, why="the last axis is normalised", clause="LN-C2")
    n = x.shape[-1]
    expect(
        n > 0,
        ShapeError,
        "layer_norm",
        seen=f"x has shape {x.shape}",
        expected="at least 1 feature",
        why="a mean of nothing does not exist",
        clause="LN-C2",
    )
    expect_shape("layer_norm", "weight", weight, (n,), why=f"x has shape {x.shape}", clause="LN-C3")
    expect_shape("layer_norm", "bias", bias, (n,), why=f"x has shape {x.shape}", clause="LN-C3")
    expect(
        math.isfinite(epsilon) and epsilon >= 0,
        RangeError,
        "layer_norm",
        seen=f"epsilon is {epsilon}",
        expected="a finite number that is not negative",
        why="it is added to a variance",
        clause="LN-C4",
    )
