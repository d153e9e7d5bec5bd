"""What ``dequantize`` accepts."""

from __future__ import annotations

from distilspec.reference.contract.checks import (
    expect_axis,
    expect_broadcast,
    expect_dtype,
    expect_scale,
    expect_shape,
)
from distilspec.reference.contract.types import Array


def expect_dequantize(codes: Array, scale: Array, zero_point: Array | None, axis: int | None) -> None:
    """Raise unless DQ-C1 to DQ-C4 hold."""
    expect_dtype("dequantize", "codes", codes, ("uint8", "int8", "int32"), why="codes are integers", clause="DQ-C1")
    expect_scale("dequantize", "scale", scale, clause="DQ-C3")
    operands = {"scale": scale}
    if zero_point is not None:
        dtype = (str(codes.dtype),)
        expect_dtype("dequantize", "zero_point", zero_point, dtype, why="it is one of the codes", clause="DQ-C1")
        operands["zero_point"] = zero_point
    if axis is not None:
        expect_axis("dequantize", "codes", codes, axis, clause="DQ-C4")
    for name, operand in operands.items():
        if axis is None:
            expect_broadcast("dequantize", name, operand, codes.shape, clause="DQ-C2")
        else:
            why = f"codes has shape {codes.shape} and axis is {axis}"
            expect_shape("dequantize", name, operand, (codes.shape[axis],), why=why, clause="DQ-C4")
