"""What ``quantized_linear`` accepts."""

from __future__ import annotations

from distilspec.reference.contract.checks import (
    expect,
    expect_broadcast,
    expect_dtype,
    expect_float,
    expect_rank,
    expect_scale,
    expect_shape,
)
from distilspec.reference.contract.errors import ContractError
from distilspec.reference.contract.operands.matmul_integer import expect_inner
from distilspec.reference.contract.types import Array


def expect_quantized_linear(
    x: Array,
    x_scale: Array,
    x_zero_point: Array,
    weight: Array,
    weight_scale: Array,
    bias: Array | None,
    y_scale: Array | None = None,
    y_zero_point: Array | None = None,
) -> None:
    """Raise unless QL-C1 to QL-C6 hold."""
    operator = "quantized_linear"
    expect_dtype(operator, "x", x, ("uint8", "int8"), why="codes have 8 bits", clause="QL-C1")
    expect_rank(operator, "x", x, 1, why="its last axis is summed", clause="QL-C2")
    expect_dtype(operator, "x_zero_point", x_zero_point, (str(x.dtype),), why="x has it", clause="QL-C1")
    expect_shape(operator, "x_zero_point", x_zero_point, (), why="x has one zero point", clause="QL-C1")
    expect_dtype(operator, "weight", weight, ("int8",), why="its zero point is 0", clause="QL-C1")
    expect_shape(operator, "weight", weight, (None, x.shape[-1]), why=f"x has shape {x.shape}", clause="QL-C2")
    expect_scale(operator, "x_scale", x_scale, clause="QL-C4")
    expect_broadcast(operator, "x_scale", x_scale, (*x.shape[:-1], 1), clause="QL-C3")
    out_features, why = weight.shape[:1], f"weight has shape {weight.shape}"
    expect_scale(operator, "weight_scale", weight_scale, clause="QL-C4")
    expect_shape(operator, "weight_scale", weight_scale, out_features, why=why, clause="QL-C3")
    expect_inner(x.shape[-1])  # QL-C2
    if bias is not None:
        expect_float(operator, "QL-C5", bias=bias)
        expect_shape(operator, "bias", bias, out_features, why=why, clause="QL-C5")
    expect(
        (y_scale is None) == (y_zero_point is None),
        ContractError,
        operator,
        seen="only one of y_scale and y_zero_point is given",
        expected="both or neither",
        why="codes need both",
        clause="QL-C6",
    )
    if y_scale is not None and y_zero_point is not None:
        expect_scale(operator, "y_scale", y_scale, clause="QL-C4")
        why = "codes have 8 bits"
        expect_dtype(operator, "y_zero_point", y_zero_point, ("uint8", "int8"), why=why, clause="QL-C6")
        for name, operand in (("y_scale", y_scale), ("y_zero_point", y_zero_point)):
            expect_shape(operator, name, operand, (), why="the result has one range", clause="QL-C6")
