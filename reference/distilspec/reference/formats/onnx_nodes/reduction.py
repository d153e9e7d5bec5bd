"""Nodes that reduce axes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from distilspec.reference.formats.onnx_nodes.node import Node

#: The operator of a reduction, and the first opset in which its axes are an operand.
REDUCTIONS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "ReduceMax": ("reduce_max", 18),
        "ReduceMean": ("reduce_mean", 18),
        "ReduceMin": ("reduce_min", 18),
        "ReduceSum": ("reduce_sum", 13),
    }
)


def reduction(node: Node) -> None:
    """Read a reduction; without axes it reduces all of them, or none if it says so."""
    op, since = REDUCTIONS[node.proto.op_type]
    axes = node.integers(1, "axes", since)
    keepdims, does_nothing = bool(node.integer("keepdims", 1)), node.integer("noop_with_empty_axes", 0)
    x = node.tensor(0)
    if not axes and (does_nothing or not node.shape(0)):
        node.give(x)
        return
    node.result(op, [x], axes=tuple(axes or range(len(node.shape(0)))), keepdims=keepdims)
