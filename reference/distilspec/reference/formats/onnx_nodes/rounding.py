"""
Quantisation that a graph spells out: Round, Add of a zero point, and Clip to 8 bits or less, in any order that is one.

Programs round to codes only. A Round whose result is not kept within 8 bits is refused.
"""

from __future__ import annotations

import numpy as np

from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.formats.onnx_nodes.node import Node, Rounded

_TYPES = (np.uint8, np.int8)


def round_half_even(node: Node) -> None:
    """Read Round: codes if its operand was clipped, else what a Clip after it makes codes of."""
    x = node.tensor(0)
    limits = node.reading.clipped.get(x)
    if limits is None:
        node.give(Rounded(x))
    else:
        zero = node.constant("zero_point", np.zeros((), _code_type(*limits)))
        codes = node.step("codes", "quantize", [x, node.float_constant("unit", 1.0), zero])
        node.result("cast", [codes], dtype="float")


def shifted(node: Node) -> bool:
    """Give what Add makes of a rounded number and whole numbers, and return whether its operands are these."""
    operands = [node.value(place) for place in (0, 1)]
    rounded = [operand for operand in operands if isinstance(operand, Rounded)]
    if not rounded:
        return False
    if len(rounded) == 2 or rounded[0].zero_point is not None:
        raise UnsupportedError("it adds to a rounded number twice; expected one zero point")
    node.give(Rounded(rounded[0].x, node.tensor(operands.index(rounded[0]) ^ 1)))
    return True
