"""Nodes on 8-bit codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.formats.onnx_nodes.known import Known
from distilspec.reference.formats.onnx_nodes.node import Merged, Node
from distilspec.reference.formats.onnx_nodes.size import Undecided, symbol_of


def quantize_linear(node: Node) -> None:
    """Read QuantizeLinear; its codes are uint8 where it has no zero point."""
    element_type = node.integer("output_dtype", 0)
    if element_type not in (TensorProto.UNDEFINED, TensorProto.UINT8, TensorProto.INT8):
        raise UnsupportedError("its codes are no 8-bit integers; expected UINT8 or INT8")
    node.integer("saturate", 1)
    if node.integer("precision", 0) not in (TensorProto.UNDEFINED, TensorProto.FLOAT):
        raise UnsupportedError("it divides in another precision; expected FLOAT")
    axis = _axis(node)
    if isinstance(node.value(1), Merged):
        _quantize_rows(node, axis)
        return
    scale, axis = _scale(node, 1, axis)
    dtype = np.int8 if element_type == TensorProto.INT8 else np.uint8
    zero_point = zero_point_at(node, 2) or node.constant(
        "zero_point", np.zeros([int(size) for size in node.spec(scale).shape], dtype)
    )
    _elementwise(node, "quantize", [scale, zero_point], axis)


def dequantize_linear(node: Node) -> None:
    """Read DequantizeLinear."""
    if node.integer("output_dtype", 0) not in (TensorProto.UNDEFINED, TensorProto.FLOAT):
        raise UnsupportedError("its result has another type; expected FLOAT")
    scale, axis = _scale(node, 1, _axis(node))
    zero_point = zero_point_at(node, 2)
    _elementwise(node, "dequantize", [scale, zero_point] if zero_point else [scale], axis)


def dynamic_quantize_linear(node: Node) -> None:
    """Read DynamicQuantizeLinear, whose three outputs are those of the operator."""
    name = node.reading.own_name(node.proto.output[0])
    node.reading.emit(name, "dynamic_quantize", [node.tensor(0)], {})
    for output, field in enumerate(("", ".scale", ".zero_point")):
        if node.gives(output):
            node.give(f"{name}{field}", output)


def matmul_integer(node: Node) -> None:
    """Read MatMulInteger."""
    operands = [node.tensor(0), node.tensor(1), zero_point_at(node, 2), zero_point_at(node, 3)]
    if operands[2] is not None and len(node.spec(operands[2]).shape) == 1 and node.spec(operands[2]).shape != (1,):
        operands[2] = node.step("a_zero_point", "unsqueeze", [operands[2]], axes=(1,))
    while operands[-1] is None:
        operands.pop()
    node.result("matmul_integer", operands)


def qlinear_matmul(node: Node) -> None:
    """Read QLinearMatMul as the integer product, its real value, and its codes."""
    a_scale, b_scale, y_scale = scale_at(node, 1), column_scale_at(node, 4), scale_at(node, 6)
    codes = [node.tensor(0), node.tensor(3), zero_point_at(node, 2), zero_point_at(node, 5)]
    accumulators = node.step("accumulators", "matmul_integer", codes)
    real = node.step("real", "cast", [accumulators], dtype="float")
    product = node.step("product", "multiply", [real, node.step("scale", "multiply", [a_scale, b_scale])])
    node.result("quantize", [product, y_scale, zero_point_at(node, 7)])


def _elementwise(node: Node, op: str, parameters: Sequence[str], axis: int | None) -> None:
    """Give a step on operand 0, whose axes may be merged where all of it has one scale."""
    x = node.value(0)
    if not isinstance(x, Merged) or axis is not None:
        node.result(op, [node.tensor(0), *parameters], **({} if axis is None else {"axis": axis}))
    else:
        node.give(Merged(node.step("apart", op, [x.base, *parameters]), x.groups))


def _axis(node: Node) -> int | None:
    axis = node.integer("axis", 1)
    if node.integer("block_size", 0):
        raise UnsupportedError("it has a scale for every block; expected one, or one for each index of an axis")
    return axis


def _scale(node: Node, place: int, axis: int | None) -> tuple[str, int | None]:
    """Return a scale in float32, and its axis if it has one."""
    scale = node.tensor(place)
    shape = node.spec(scale).shape
    if len(shape) > 1:
        raise UnsupportedError(f"its scale has shape {shape}; expected one, or one for each index of an axis")
    if shape == (1,):
        scale, shape = node.step("one_scale", "reshape", [scale], shape=()), ()
    return _float32(node, scale), axis if shape else None


def scale_at(node: Node, place: int) -> str:
    """Return a scale of one element in float32."""
    scale, axis = _scale(node, place, 0)
    if axis is not None:
        raise UnsupportedError("a scale has more than one element; expected one")
    return scale


def column_scale_at(node: Node, place: int) -> str:
    """Return a scale in float32, of one element or of one for each column."""
    scale, _ = _scale(node, place, 0)
    return scale


def zero_point_at(node: Node, place: int) -> str | None:
    """Return a zero point; one element is a scalar."""
    zero_point = node.optional(place)
    if zero_point is None or node.spec(zero_point).shape != (1,):
        return zero_point
    return node.step(f"one_zero_point_{place}", "reshape", [zero_point], shape=())


def _float32(node: Node, scale: str) -> str:
    """Return a scale as the float32 that ONNX divides by; one that was calculated is a real number here."""
    return scale if node.spec(scale).dtype == "float32" else node.step("scale", "cast", [scale], dtype="float32")


def _quantize_rows(node: Node, axis: int | None) -> None:
    """Quantize merged axes with a scale for each of their elements: take the axes apart, and keep them so."""
    x, scale = node.value(0), node.value(1)
    if not isinstance(x, Merged) or not isinstance(scale, Merged) or len(scale.groups) != 1 or axis is None:
        raise Undecided("its scale does not have the axes of its input; expected one scale, or one a row")
    rank = len(x.groups)
    chosen = x.groups[axis % rank] if -rank <= axis < rank else ()
    sizes = node.reading.shape(x.base)
    kept = [size for size in node.reading.shape(scale.base) if size != 1]
    if kept != [size for member, size in enumerate(sizes) if member in chosen and size != 1]:
        raise Undecided("its scales are not those of its rows; expected one a row")
    shape = tuple(symbol_of(size) if member in chosen else 1 for member, size in enumerate(sizes))
    spread = scale.base
    if node.spec(spread).shape != shape:
        spread = node.step("scales", "reshape", [spread], shape=shape)
    name = node.step("apart", "quantize", [x.base, _float32(node, spread), _uniform_zero_point(node)])
    node.give(Merged(name, x.groups))


def _uniform_zero_point(node: Node) -> str:
    zero_point = node.value(2) if node.has(2) else None
    if zero_point is None:
        return node.constant("zero_point", np.zeros((), np.uint8))
    if not isinstance(zero_point, Known) or not zero_point.is_uniform:
        raise Undecided("its zero points differ; expected equal ones")
    return node.constant("zero_point", np.array(zero_point.cells.flat[0], zero_point.dtype))
