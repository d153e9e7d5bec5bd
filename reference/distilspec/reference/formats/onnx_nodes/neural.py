"""Nodes of neural networks in float."""

from __future__ import annotations

import numpy as np

from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.formats.onnx_nodes.node import Node


def softmax(node: Node) -> None:
    """Read Softmax; before opset 13 it joins all axes from ``axis`` on, which only the last one survives."""
    axis = node.integer("axis", 1 if node.opset < 13 else -1)
    rank = len(node.shape(0))
    if node.opset < 13 and axis not in (-1, rank - 1):
        raise UnsupportedError(f"it joins the axes from {axis} on; expected the last axis, or opset 13 or newer")
    node.result("softmax", [node.tensor(0)], axis=axis)


def layer_normalization(node: Node) -> None:
    """Read LayerNormalization over the last axis."""
    rank = len(node.shape(0))
    axis, epsilon = node.integer("axis", -1), node.number("epsilon", 1e-5)
    node.integer("stash_type", 1)
    if axis not in (-1, rank - 1) or node.gives(1) or node.gives(2):
        raise UnsupportedError(f"its axis is {axis} with {len(node.proto.output)} outputs; expected the last, and one")
    normalize(node, node.tensor(0), node.tensor(1), node.optional(2), epsilon)


def normalize(node: Node, x: str, weight: str, bias: str | None, epsilon: float) -> None:
    """Give the node's first output: ``x`` normalized over its last axis, with a bias of 0 if there is none."""
    zeros = np.zeros([int(size) for size in node.spec(weight).shape], np.float32)
    node.result("layer_norm", [x, weight, bias or node.constant("bias", zeros)], epsilon=epsilon)


def gemm(node: Node) -> None:
    """Read Gemm as a product, the factors that are not 1, and a sum."""
    a, b, c = node.tensor(0), node.tensor(1), node.optional(2)
    for part, operand in (("a", "transA"), ("b", "transB")):
        if node.integer(operand, 0):
            turned = node.step(part, "transpose", [a if part == "a" else b], axes=(1, 0))
            a, b = (turned, b) if part == "a" else (a, turned)
    factors = {part: node.number(name, 1.0) for part, name in (("product", "alpha"), ("addend", "beta"))}
    stages = [("matmul", b)]
    if factors["product"] != 1.0:
        stages.append(("multiply", node.constant("alpha", np.array(factors["product"], np.float32))))
    if c is not None:
        if factors["addend"] != 1.0:
            beta = node.constant("beta", np.array(factors["addend"], np.float32))
            c = node.step("addend", "multiply", [c, beta])
        stages.append(("add", c))
    for op, operand in stages[:-1]:
        a = node.step(op, op, [a, operand])
    op, operand = stages[-1]
    node.result(op, [a, operand])
