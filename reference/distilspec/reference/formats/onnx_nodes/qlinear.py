"""
Nodes on codes of ``com.microsoft``, as ONNX Runtime's quantizer and optimizer write them.

A node that takes codes and gives codes becomes its real formula and one rounding at its end. Between the two, ONNX
Runtime's documentation names no order of calculation, so the steps are those of the order in which the most is rounded:
codes times the ratio of scales, with all zero points in one addend. A kernel that subtracts zero points first stays
within the same bound.
"""

from __future__ import annotations

import numpy as np
from onnx import AttributeProto

from distilspec.reference.contract.errors import FormatError, UnsupportedError
from distilspec.reference.formats.onnx_nodes.node import Node
from distilspec.reference.formats.onnx_nodes.quantised import column_scale_at, scale_at, zero_point_at


def matmul_integer_to_float(node: Node) -> None:
    """Read MatMulIntegerToFloat: the integer product, times both scales, plus a bias."""
    codes = [node.tensor(0), node.tensor(1), zero_point_at(node, 4), zero_point_at(node, 5)]
    scale = node.step("scale", "multiply", [scale_at(node, 2), column_scale_at(node, 3)])
    _real_product(node, node.step("accumulators", "matmul_integer", codes), scale, node.optional(6))


def dynamic_quantize_matmul(node: Node) -> None:
    """Read DynamicQuantizeMatMul: the same after the dynamic quantization of its first operand."""
    a = node.step("a", "dynamic_quantize", [node.tensor(0)])
    codes = [a, node.tensor(1), f"{a}.zero_point", zero_point_at(node, 3)]
    scale = node.step("scale", "multiply", [f"{a}.scale", column_scale_at(node, 2)])
    _real_product(node, node.step("accumulators", "matmul_integer", codes), scale, node.optional(4))


def q_gemm(node: Node) -> None:
    """Read QGemm: the integer product plus an int32 bias, times both scales and a factor; codes if it has a scale."""
    operands = []
    for place, name in ((0, "transA"), (3, "transB")):
        operand = node.tensor(place)
        operands.append(node.step(name, "transpose", [operand], axes=(1, 0)) if node.integer(name, 0) else operand)
    total = node.step("accumulators", "matmul_integer", [*operands, zero_point_at(node, 2), zero_point_at(node, 5)])
    if node.has(6):
        wide = [node.step(part, "cast", [x], dtype="int64") for part, x in (("wide", total), ("bias", node.tensor(6)))]
        total = node.step("biased", "add", wide)
    scale = node.step("scale", "multiply", [scale_at(node, 1), column_scale_at(node, 4)])
    alpha = node.number("alpha", 1.0)
    if alpha != 1.0:
        scale = node.step("scaled", "multiply", [scale, node.float_constant("alpha", alpha)])
    operands = [node.step("real", "cast", [total], dtype="float"), scale]
    if not node.has(7):
        node.result("multiply", operands)
        return
    _quantized(node, node.step("product", "multiply", operands), 7, 8)


def qlinear_add(node: Node) -> None:
    """Read QLinearAdd: (a_scale (a - a_zero) + b_scale (b - b_zero)) / c_scale + c_zero, rounded."""
    fixed, scaled = _zero(node, 7), []
    for part, place in (("a", 0), ("b", 3)):
        ratio = node.step(f"{part}.ratio", "divide", [scale_at(node, place + 1), scale_at(node, 6)])
        codes = node.step(part, "cast", [node.tensor(place)], dtype="float")
        scaled.append(node.step(f"{part}.scaled", "multiply", [codes, ratio]))
        zero = node.step(f"{part}.zero", "multiply", [_zero(node, place + 2), ratio])
        fixed = node.step(f"{part}.fixed", "subtract", [fixed, zero])
    partial = node.step("partial", "add", [scaled[0], fixed])
    _rounded(node, node.step("total", "add", [partial, scaled[1]]))


def qlinear_mul(node: Node) -> None:
    """Read QLinearMul: (a - a_zero) (b - b_zero) (a_scale b_scale / c_scale) + c_zero, rounded."""
    centred = []
    for part, place in (("a", 0), ("b", 3)):
        codes = node.step(part, "cast", [node.tensor(place)], dtype="float")
        centred.append(node.step(f"{part}.centred", "subtract", [codes, _zero(node, place + 2)]))
    both = node.step("scales", "multiply", [scale_at(node, 1), scale_at(node, 4)])
    ratio = node.step("ratio", "divide", [both, scale_at(node, 6)])
    scaled = node.step("scaled", "multiply", [node.step("product", "multiply", centred), ratio])
    _rounded(node, node.step("total", "add", [scaled, _zero(node, 7)]))


def qlinear_softmax(node: Node) -> None:
    """Read QLinearSoftmax: the shares of the real numbers, as codes."""
    opset, rank = node.integer("opset", 13), len(node.shape(0))
    axis = node.integer("axis", 1 if opset < 13 else -1)
    if opset < 13 and axis not in (-1, rank - 1):
        raise UnsupportedError(f"it joins the axes from {axis} on; expected the last axis, or opset 13 or newer")
    _quantized(node, node.step("shares", "softmax", [_dequantized(node, "x", 0)], axis=axis), 3, 4)


def qlinear_sigmoid(node: Node) -> None:
    """Read QLinearSigmoid."""
    _quantized(node, node.step("sigmoid", "sigmoid", [_dequantized(node, "x", 0)]), 3, 4)


def qlinear_where(node: Node) -> None:
    """Read QLinearWhere: a choice between two tensors of codes, in codes of a third scale."""
    chosen = [node.tensor(0), _dequantized(node, "x", 1), _dequantized(node, "y", 4)]
    _quantized(node, node.step("chosen", "where", chosen), 7, 8)


def qlinear_concat(node: Node) -> None:
    """Read QLinearConcat: the scale and zero point of the result, then three operands a tensor."""
    if node.count < 5 or node.count % 3 != 2:
        raise FormatError(f"it has {node.count} operands; expected two, and three for each tensor")
    parts = [_dequantized(node, f"part_{place // 3}", place) for place in range(2, node.count, 3)]
    axis = node.integer("axis", 0)
    _quantized(node, node.step("joined", "concat", parts, axis=axis), 0, 1)


def qlinear_reduce_mean(node: Node) -> None:
    """Read QLinearReduceMean."""
    axes = node.get("axes", None, AttributeProto.INTS) or range(len(node.shape(0)))
    keepdims = bool(node.integer("keepdims", 1))
    mean = node.step("mean", "reduce_mean", [_dequantized(node, "x", 0)], axes=tuple(axes), keepdims=keepdims)
    _quantized(node, mean, 3, 4)


def _real_product(node: Node, accumulators: str, scale: str, bias: str | None) -> None:
    operands = [node.step("real", "cast", [accumulators], dtype="float"), scale]
    if bias is None:
        node.result("multiply", operands)
    else:
        node.result("add", [node.step("product", "multiply", operands), bias])


def _dequantized(node: Node, part: str, place: int) -> str:
    """Return the real numbers of codes whose scale and zero point are the next two operands."""
    zero_point = zero_point_at(node, place + 2)
    operands = [node.tensor(place), scale_at(node, place + 1)]
    return node.step(f"{part}.real", "dequantize", operands if zero_point is None else [*operands, zero_point])


def _quantized(node: Node, x: str, scale: int, zero_point: int) -> None:
    """Give the codes of real numbers; ``scale`` and ``zero_point`` are places of operands."""
    zero = zero_point_at(node, zero_point) or node.constant("zero_point", np.zeros((), np.uint8))
    node.result("quantize", [x, scale_at(node, scale), zero])


def _rounded(node: Node, x: str) -> None:
    """Give codes of the type of the first operand: whole numbers, whose scale and zero point ``x`` holds already."""
    zero = node.constant("zero_point", np.zeros((), node.spec(node.tensor(0)).dtype))
    node.result("quantize", [x, node.float_constant("unit", 1.0), zero])


def _zero(node: Node, place: int) -> str:
    """Return a zero point as a real number, 0 where it is absent."""
    zero_point, part = zero_point_at(node, place), f"zero_{place}"
    return (
        node.float_constant(part, 0.0) if zero_point is None else node.step(part, "cast", [zero_point], dtype="float")
    )
