"""
Quantisation that a graph spells out: Round, perhaps Add of a zero point, and Clip to 8 bits or less before or after.

Programs round to codes only. A Round whose result is not kept within 8 bits is refused.
"""

from __future__ import annotations

import numpy as np

from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.formats.onnx_nodes.node import Node, Rounded


def round_half_even(node: Node) -> None:
    """Read Round: codes if its operand was clipped, else what a Clip after it makes codes of."""
    x = node.tensor(0)
    limits = node.reading.clipped.get(x)
    if limits is None:
        node.give(Rounded(x))
        return
    node.result("cast", [_codes(node, Rounded(x), limits)], dtype="float")


def add(node: Node) -> bool:
    """Give the sum of a rounded number and a zero point, and return whether the operands are these."""
    first, second = node.raw(0), node.raw(1)
    if isinstance(first, Rounded) and isinstance(second, Rounded):
        raise UnsupportedError("it adds two rounded numbers; expected one and a zero point")
    if isinstance(first, Rounded):
        rounded, zero_point = first, node.tensor(1)
    elif isinstance(second, Rounded):
        rounded, zero_point = second, node.tensor(0)
    else:
        return False
    if rounded.zero_point is not None:
        raise UnsupportedError("it adds to a rounded number again; expected one zero point")
    node.give(Rounded(rounded.x, zero_point))
    return True


def clip(node: Node) -> bool:
    """Give the codes of a rounded number as real numbers, and return whether the operand is one."""
    x = node.raw(0)
    if not isinstance(x, Rounded):
        return False
    limits = limits_of(node)
    if limits is None:
        raise UnsupportedError("it clips a rounded number to other limits; expected limits within those of 8 bits")
    codes = node.step("real", "cast", [_codes(node, x, limits)], dtype="float")
    low, high = (node.float_constant(part, limit) for part, limit in zip(("low", "high"), limits, strict=True))
    node.result("minimum", [node.step("raised", "maximum", [codes, low]), high])
    return True


def limits_of(node: Node) -> tuple[float, float] | None:
    """Return the limits of a Clip if they are numbers within those of 8 bits."""
    if not node.has(1) or not node.has(2):
        return None
    arrays = [node.reading.builder.constants.get(node.tensor(place)) for place in (1, 2)]
    low, high = (np.nan if array is None or array.size != 1 else float(array.item()) for array in arrays)
    is_unsigned, is_signed = 0 <= low <= high <= 255, -128 <= low <= high <= 127
    return (low, high) if is_unsigned or is_signed else None


def _codes(node: Node, rounded: Rounded, limits: tuple[float, float]) -> str:
    """Return the codes of a number that is rounded, and then moved by its zero point."""
    dtype = "uint8" if limits[0] >= 0 else "int8"
    zero = node.constant("zero_point", np.zeros((), dtype))
    if rounded.zero_point is not None:
        zero = _zero_point(node, rounded.zero_point, dtype)
    return node.step("codes", "quantize", [rounded.x, node.float_constant("unit", 1.0), zero])


def _zero_point(node: Node, zero_point: str, dtype: str) -> str:
    """Return a zero point that the graph has as a float: a constant, or codes that it has cast."""
    builder = node.reading.builder
    array = builder.constants.get(zero_point)
    if array is not None:
        whole = array.astype(dtype)
        if not np.array_equal(whole, array):
            raise UnsupportedError(f"the zero point of a rounded number is no {dtype}; expected one")
        return node.constant("zero_point", whole)
    maker = next((step for step in reversed(builder.steps) if zero_point in step.outputs), None)
    if maker is None or maker.op != "cast" or builder.spec(str(maker.inputs[0])).dtype != dtype:
        raise UnsupportedError(f"what is added to a rounded number is calculated; expected a zero point of {dtype}")
    return str(maker.inputs[0])
