"""What ``quantize`` accepts."""

from __future__ import annotations

from distilspec.reference.contract.checks import (
    expect_axis,
    expect_broadcast,
    expect_dtype,
    expect_float,
    expect_scale,
    expect_shape,
)
from distilspec.reference.contract.types import Array


def expect_quantize(x: Array, scale: Array, zero_point: Array, axis: int | None) -> None:
    """Raise unless Q-C1 to Q-C4 hold."""
    expect_float("quantize", "Q-C1", x=x)
    expect_dtype("quantize", "zero_point", zero_point, ("uint8", "int8"), why="codes have 8 bits", clause="Q-C1")
    expect_scale("quantize", "scale", scale, clause="Q-C3")
    if axis is None:
        expect_broadcast("quantize", "scale", scale, x.shape, clause="Q-C2")
        expect_broadcast("quantize", "zero_point", zero_point, x.shape, clause="Q-C2")
    else:
        expect_axis("quantize", "x", x, axis, clause="Q-C4")
        why = f"x has shape {x.shape} and axis is {axis}"
        expect_shape("quantize", "scale", scale, (x.shape[axis],), why=why, clause="Q-C4")
        expect_shape("quantize", "zero_point", zero_point, (x.shape[axis],), why=why, clause="Q-C4")
