"""``quantized_linear``: product of codes and a transposed weight of codes, scaled back to real numbers."""

from __future__ import annotations

from distilspec.fast.operators.products import code_product
from distilspec.reference.contract.checks import (
    expect,
    expect_broadcast,
    expect_dtype,
    expect_float,
    expect_rank,
    expect_scale,
    expect_shape,
)
from distilspec.reference.contract.errors import ContractError, RangeError
from distilspec.reference.contract.types import Array, CodeArray, Float32Array, Int8Array, RealArray

#: The most products of two centred codes, at most 255 * 255 each, whose sum fits in int32 whatever the codes are.
LONGEST_SUM = (2**31 - 1) // (255 * 255)


def quantized_linear(
    x: CodeArray,
    x_scale: Float32Array,
    x_zero_point: CodeArray,
    weight: Int8Array,
    weight_scale: Float32Array,
    bias: RealArray | None = None,
    y_scale: Float32Array | None = None,
    y_zero_point: CodeArray | None = None,
) -> Float32Array | CodeArray:
    """Return the operator ``quantized_linear``: exact sums, float32 within its bound, or codes of those floats."""
    name = "quantized_linear"
    expect_quantized(name, x, x_scale, x_zero_point, weight, weight_scale, bias)
    expect(
        (y_scale is None) == (y_zero_point is None),
        ContractError,
        name,
        seen="only one of y_scale and y_zero_point is given",
        expected="both or neither",
        why="codes need both",
        clause="QL-C6",
    )
    if y_scale is not None and y_zero_point is not None:
        expect_scale(name, "y_scale", y_scale, clause="QL-C4")
        why = "codes have 8 bits"
        expect_dtype(name, "y_zero_point", y_zero_point, ("uint8", "int8"), why=why, clause="QL-C6")
        for operand, array in (("y_scale", y_scale), ("y_zero_point", y_zero_point)):
            expect_shape(name, operand, array, (), why="the result has one range", clause="QL-C6")
    return code_product(x, x_scale, x_zero_point, weight, weight_scale, bias, y_scale, y_zero_point)


def expect_quantized(
    name: str, x: Array, x_scale: Array, x_zero_point: Array, weight: Array, weight_scale: Array, bias: Array | None
) -> None:
    """Raise what the clauses QL-C1 to QL-C5 say, in the name of an operator."""
    expect_dtype(name, "x", x, ("uint8", "int8"), why="codes have 8 bits", clause="QL-C1")
    expect_rank(name, "x", x, 1, why="its last axis is summed", clause="QL-C2")
    expect_dtype(name, "x_zero_point", x_zero_point, (str(x.dtype),), why="x has it", clause="QL-C1")
    expect_shape(name, "x_zero_point", x_zero_point, (), why="x has one zero point", clause="QL-C1")
    expect_dtype(name, "weight", weight, ("int8",), why="its zero point is 0", clause="QL-C1")
    expect_shape(name, "weight", weight, (None, x.shape[-1]), why=f"x has shape {x.shape}", clause="QL-C2")
    expect(
        x.shape[-1] <= LONGEST_SUM,
        RangeError,
        name,
        seen=f"in_features is {x.shape[-1]}",
        expected=f"at most {LONGEST_SUM}",
        why="a longer sum can leave int32",
        clause="MMI-C4",
    )
    expect_scale(name, "x_scale", x_scale, clause="QL-C4")
    expect_broadcast(name, "x_scale", x_scale, (*x.shape[:-1], 1), clause="QL-C3")
    out_features, why = weight.shape[:1], f"weight has shape {weight.shape}"
    expect_scale(name, "weight_scale", weight_scale, clause="QL-C4")
    expect_shape(name, "weight_scale", weight_scale, out_features, why=why, clause="QL-C3")
    if bias is not None:
        expect_float(name, "QL-C5", bias=bias)
        expect_shape(name, "bias", bias, out_features, why=why, clause="QL-C5")
