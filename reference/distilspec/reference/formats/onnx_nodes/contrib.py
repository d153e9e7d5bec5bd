"""
The float nodes of ``com.microsoft``, which ONNX Runtime's optimizers put in place of several nodes.

Their meaning is that of ONNX Runtime's documentation, ContribOperators.md; where it is silent, that of its kernels for
the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.formats.onnx_nodes.indexing import positions
from distilspec.reference.formats.onnx_nodes.known import filled
from distilspec.reference.formats.onnx_nodes.neural import normalize
from distilspec.reference.formats.onnx_nodes.node import Node, Stage
from distilspec.reference.formats.onnx_nodes.quantised import scale_at, zero_point_at
from distilspec.reference.formats.onnx_nodes.size import coordinates


def bias_gelu(node: Node) -> None:
    """Read BiasGelu: gelu(x + bias)."""
    node.result("gelu", [node.step("biased", "add", [node.tensor(0), node.tensor(1)])])


def fast_gelu(node: Node) -> None:
    """Read FastGelu: the tanh form, after a bias if there is one."""
    x = node.tensor(0)
    node.result("gelu_tanh", [node.step("biased", "add", [x, node.tensor(1)]) if node.has(1) else x])


def gelu(node: Node) -> None:
    """Read the Gelu of ``com.microsoft``, which is the erf form."""
    node.result("gelu", [node.tensor(0)])


def quick_gelu(node: Node) -> None:
    """Read QuickGelu: x * sigmoid(alpha * x)."""
    x, alpha = node.tensor(0), node.float_constant("alpha", node.number("alpha", 1.702))
    gate = node.step("gate", "sigmoid", [node.step("scaled", "multiply", [x, alpha])])
    node.result("multiply", [x, gate])


def fused_matmul(node: Node) -> None:
    """Read FusedMatMul: a product of matrices that may be turned, and a factor."""
    if node.integer("transBatchA", 0) or node.integer("transBatchB", 0):
        raise UnsupportedError("it turns batches; expected only the last two axes turned")
    operands = []
    for place, name in enumerate(("transA", "transB")):
        operand, rank = node.tensor(place), len(node.shape(place))
        if node.integer(name, 0) and rank > 1:
            operand = node.step(name, "transpose", [operand], axes=(*range(rank - 2), rank - 1, rank - 2))
        operands.append(operand)
    alpha = node.number("alpha", 1.0)
    if alpha == 1.0:
        node.result("matmul", operands)
    else:
        node.result("multiply", [node.step("product", "matmul", operands), node.float_constant("alpha", alpha)])


def skip_layer_normalization(node: Node) -> None:
    """Read SkipLayerNormalization: layer_norm(input + skip + bias), and that sum as the fourth output."""
    if node.gives(1) or node.gives(2):
        raise UnsupportedError("it gives the mean or the deviation, as in training; expected inference")
    total = [node.tensor(0), node.tensor(1)]
    if node.has(4):
        total = [node.step("skipped", "add", total), node.tensor(4)]
    added = node.result_at(3, "add", total) if node.gives(3) else node.step("sum", "add", total)
    normalize(node, added, node.tensor(2), node.optional(3), node.number("epsilon", 1e-12))


def embed_layer_normalization(node: Node) -> None:
    """
    Read EmbedLayerNormalization: layer_norm(word + position + segment), and that sum as the third output.

    The second output counts the ones in the mask of each text, and is 0 without a mask.
    """
    rows = [_rows(node, "words", 2, ids=0), _rows(node, "positions", 3, ids=8)]
    if node.has(4):
        rows.append(_rows(node, "segments", 4, ids=1))
    _embed(node, rows, node.tensor(5), node.tensor(6))


def q_embed_layer_normalization(node: Node) -> None:
    """Read QEmbedLayerNormalization: the same with one scale for each table, for the weight and for the bias."""
    rows = [
        _dequantized(node, "words", _rows(node, "words.codes", 2, ids=0), 0),
        _dequantized(node, "positions", _rows(node, "positions.codes", 3), 1),
    ]
    if node.has(4):
        rows.append(_dequantized(node, "segments", _rows(node, "segments.codes", 4, ids=1), 2))
    _embed(node, rows, _dequantized(node, "weight", node.tensor(5), 3), _dequantized(node, "bias", node.tensor(6), 4))


def _dequantized(node: Node, part: str, codes: str, place: int) -> str:
    return node.step(part, "dequantize", [codes, scale_at(node, 8 + place), zero_point_at(node, 13 + place)])


def _rows(node: Node, part: str, table: int, ids: int | None = None) -> str:
    """Return the rows of a table for the operand ``ids``, or for all positions if the node does not have it."""
    data = node.tensor(table)
    if ids is None or not node.has(ids):
        every: Stage = ("slice", {"axis": 0, "start": 0, "stop": node.symbol(0, 1)})
        return node.chain(data, [every, ("unsqueeze", {"axes": (0,)})], part)
    known = node.known(ids)
    if known is not None and any(coordinates(cell) for cell in known.cells.flat):
        return node.chain(data, positions(known, 0), part)
    if node.spec(data).dtype.startswith("float"):
        return node.step(part, "embedding", [node.tensor(ids), data])
    return node.step(part, "gather", [data, node.tensor(ids)], axis=0)


def _embed(node: Node, rows: Sequence[str], weight: str, bias: str) -> None:
    """Give the normalized sum of two or three rows a token, and the outputs beside it."""
    if node.integer("mask_index_type", 1) not in (0, 1):
        raise UnsupportedError("its second output is no count; expected mask_index_type 0 or 1")
    first, *others = rows[:-1]
    for row in others:
        first = node.step("sum_of_two", "add", [first, row])
    last = [first, rows[-1]]
    added = node.result_at(2, "add", last) if node.gives(2) else node.step("sum", "add", last)
    if node.gives(1) and node.has(7):
        one = node.constant("one", np.ones((), np.int32))
        kept = node.step("is_kept", "equal", [node.tensor(7), one])
        count = node.step(
            "count", "reduce_sum", [node.step("kept", "cast", [kept], dtype="int64")], axes=(1,), keepdims=False
        )
        node.result_at(1, "cast", [count], dtype="int32")
    elif node.gives(1):
        node.give(filled(node.shape(0)[:1], 0, "int32"), 1)
    normalize(node, added, weight, bias, node.number("epsilon", 1e-12))
