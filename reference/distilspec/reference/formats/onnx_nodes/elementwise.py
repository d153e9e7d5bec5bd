"""Nodes that calculate each element by itself."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from onnx import TensorProto

from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.formats.onnx_nodes import rounding
from distilspec.reference.formats.onnx_nodes.known import elementwise, filled
from distilspec.reference.formats.onnx_nodes.node import Node, OtherFloat
from distilspec.reference.formats.onnx_nodes.size import Dim, Size, Undecided, divided, is_positive, is_zero
from distilspec.reference.formats.onnx_nodes.tensor_file import type_name

#: The operator of a node that is one step, and of a node that takes any number of operands two at a time.
ONE_STEP: Mapping[str, str] = MappingProxyType(
    {
        "Abs": "absolute",
        "Add": "add",
        "And": "logical_and",
        "Div": "divide",
        "Equal": "equal",
        "Erf": "erf",
        "Exp": "exp",
        "Greater": "greater",
        "Less": "less",
        "MatMul": "matmul",
        "Mul": "multiply",
        "Neg": "negate",
        "Not": "logical_not",
        "Or": "logical_or",
        "Pow": "power",
        "Reciprocal": "reciprocal",
        "Relu": "relu",
        "Sigmoid": "sigmoid",
        "Sqrt": "sqrt",
        "Sub": "subtract",
        "Tanh": "tanh",
        "Where": "where",
    }
)
PAIRWISE: Mapping[str, str] = MappingProxyType({"Max": "maximum", "Min": "minimum", "Sum": "add"})

#: The same on cells of known tensors. A node that is missing here is never part of a calculation with sizes.
_ON_CELLS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "Abs": lambda a: a if _less(0, a) or _same(a, 0) else -a,
        "Add": operator.add,
        "And": lambda a, b: a and b,
        "Div": lambda a, b: _quotient(a, b),
        "Equal": lambda a, b: _same(a, b),
        "Greater": lambda a, b: _less(b, a),
        "GreaterOrEqual": lambda a, b: not _less(a, b),
        "Less": lambda a, b: _less(a, b),
        "LessOrEqual": lambda a, b: not _less(b, a),
        "Max": lambda *cells: _extreme(cells, largest=True),
        "Min": lambda *cells: _extreme(cells, largest=False),
        "Mul": operator.mul,
        "Neg": operator.neg,
        "Not": operator.not_,
        "Or": lambda a, b: a or b,
        "Sub": operator.sub,
        "Sum": lambda *cells: sum(cells),
        "Where": lambda condition, a, b: a if condition else b,
    }
)
_GIVES_BOOL = ("And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or")

_PROGRAM_TYPES: Mapping[int, str] = {
    TensorProto.FLOAT: "float",
    TensorProto.INT64: "int64",
    TensorProto.INT32: "int32",
    TensorProto.UINT8: "uint8",
    TensorProto.INT8: "int8",
    TensorProto.BOOL: "bool",
}

_FLOATS: Mapping[int, type[np.floating[Any]]] = {
    TensorProto.FLOAT: np.float32,
    TensorProto.FLOAT16: np.float16,
    TensorProto.DOUBLE: np.float64,
}


def one_step(node: Node) -> None:
    """Read a node that is one operator."""
    if node.proto.op_type == "Add" and rounding.add(node):
        return
    if not calculated(node):
        node.result(ONE_STEP[node.proto.op_type], node.tensors())


def pairwise(node: Node) -> None:
    """Read Max, Min or Sum of one or more tensors."""
    if calculated(node):
        return
    first, *others = node.tensors()
    if not others:
        node.give(first)
    for place, other in enumerate(others):
        op = PAIRWISE[node.proto.op_type]
        is_last = place == len(others) - 1
        first = node.result(op, [first, other]) if is_last else node.step(f"part_{place}", op, [first, other])


def or_equal(node: Node) -> None:
    """Read GreaterOrEqual or LessOrEqual as two comparisons, because each is False for NaN."""
    if calculated(node):
        return
    op = "greater" if node.proto.op_type == "GreaterOrEqual" else "less"
    beyond, same = node.step(op, op, node.tensors()), node.step("equal", "equal", node.tensors())
    node.result("logical_or", [beyond, same])


def is_nan(node: Node) -> None:
    """Read IsNaN as the only value that does not equal itself."""
    x = node.tensor(0)
    node.result("logical_not", [node.step("equal", "equal", [x, x])])


def clip(node: Node) -> None:
    """Read Clip as a maximum and a minimum, or as the end of a quantization."""
    if rounding.clip(node):
        return
    bounds = [("raised", "maximum", 1), ("lowered", "minimum", 2)]
    present = [bound for bound in bounds if node.has(bound[2])]
    x = node.tensor(0)
    if not present:
        node.give(x)
    for part, op, place in present:
        operands = [x, node.tensor(place)]
        x = node.result(op, operands) if place == present[-1][2] else node.step(part, op, operands)
    limits = rounding.limits_of(node)
    if limits is not None:
        node.reading.clipped[x] = limits


def gelu(node: Node) -> None:
    """Read Gelu in either form."""
    approximate = node.text("approximate", "none")
    if approximate not in ("none", "tanh"):
        raise UnsupportedError(f"approximate is {approximate!r:.20}; expected none or tanh")
    node.result("gelu" if approximate == "none" else "gelu_tanh", node.tensors())


def power(node: Node) -> None:
    """Read Pow; an exponent of integers is a real number here."""
    exponent = node.tensor(1)
    if not node.is_float(1):
        exponent = node.step("exponent", "cast", [exponent], dtype="float")
    node.result("power", [node.tensor(0), exponent])


def cast(node: Node) -> None:
    """
    Read Cast. From float32 to float32 nothing changes.

    Constants of FLOAT16 and DOUBLE become float32, which rounds a DOUBLE; nothing else is cast from or to these types.
    """
    element_type = node.integer("to", TensorProto.UNDEFINED)
    node.integer("saturate", 1)
    node.text("round_mode", "up")
    other = node.raw(0)
    if isinstance(other, OtherFloat) and element_type in _FLOATS:
        with np.errstate(over="ignore"):
            node.hold(other.array.astype(_FLOATS[element_type]))
        return
    if element_type not in _PROGRAM_TYPES:
        raise UnsupportedError(
            f"it casts to {type_name(element_type)}; expected {' or '.join(map(type_name, _PROGRAM_TYPES))}"
        )
    dtype = _PROGRAM_TYPES[element_type]
    known = node.known(0)
    if known is not None and dtype in ("int64", "int32", "bool"):
        try:
            node.give(elementwise(lambda cell: _converted(cell, dtype), [known], dtype))
        except Undecided:
            pass
        else:
            return
    if dtype == "float" and node.is_float(0):
        node.give(node.value(0))
    else:
        node.result("cast", [node.tensor(0)], dtype=dtype)


def same(node: Node) -> None:
    """Read a node that changes nothing: Identity, and Dropout when a model is used."""
    if node.proto.op_type == "Dropout":
        node.number("ratio", 0.5)
        node.integer("seed", 0)
        training = node.known(2) if node.has(2) else None
        if node.has(2) and (training is None or training.array().any()):
            raise UnsupportedError("it drops elements; expected inference")
        if node.gives(1):
            node.give(filled(node.shape(0), True, "bool"), 1)
    held = node.raw(0)
    node.give(held if isinstance(held, OtherFloat) else node.value(0))


def calculated(node: Node) -> bool:
    """Give the node's result if it is a calculation with sizes, and return whether it is."""
    operands = node.all_known()
    function = _ON_CELLS.get(node.proto.op_type)
    if operands is None or function is None:
        return False
    dtype = "bool" if node.proto.op_type in _GIVES_BOOL else operands[-1].dtype
    if dtype not in ("int64", "int32", "bool"):
        return False
    node.give(elementwise(function, operands, dtype))
    return True


def _less(a: Dim, b: Dim) -> bool:
    return is_positive(b - a)


def _same(a: Dim, b: Dim) -> bool:
    return is_zero(a - b)


def _quotient(a: Dim, b: Dim) -> Dim:
    if isinstance(a, Size) or isinstance(b, Size):
        return divided(a, b)
    if b == 0:
        raise Undecided("a size is divided by 0; expected another divisor")
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _extreme(cells: tuple[Dim, ...], *, largest: bool) -> Dim:
    best = cells[0]
    for cell in cells[1:]:
        if _less(best, cell) == largest:
            best = cell
    return best


def _converted(cell: Dim, dtype: str) -> Dim:
    if dtype == "bool":
        return not is_zero(cell)
    if isinstance(cell, Size):
        return cell
    return int(np.array(int(cell)).astype(dtype))
