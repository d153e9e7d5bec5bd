"""
Attention in one node: Attention, QAttention and MultiHeadAttention of ``com.microsoft``, and ONNX's own Attention.

Those of ``com.microsoft`` add a large negative number to the scores of masked keys, so that a row whose keys are all
masked is the softmax of its scores. In ONNX's own, which takes a mask of booleans, it is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from onnx import AttributeProto

from distilspec.reference.contract.errors import FormatError, UnsupportedError
from distilspec.reference.formats.onnx_nodes.node import Node
from distilspec.reference.formats.onnx_nodes.quantised import column_scale_at, scale_at, zero_point_at
from distilspec.reference.formats.onnx_nodes.size import Size, Undecided

#: Positions that are compared with the lengths of texts go up to here.
LONGEST_SEQUENCE = 2**16


def attention(node: Node) -> None:
    """Read Attention: one product for query, key and value, and a bias; operand 3 is the mask, operand 5 an addend."""
    _expect_absent(node, {4: "past", 6: "past_sequence_length"})
    projected = node.step("product", "matmul", [node.tensor(0), node.tensor(1)])
    if node.has(2):
        projected = node.step("projected", "add", [projected, node.tensor(2)])
    _self_attention(node, projected, _addend(node, mask=3, addend=5))


def q_attention(node: Node) -> None:
    """Read QAttention: the same on codes, whose integer product is multiplied by both scales; operand 5 is the mask."""
    _expect_absent(node, {8: "past"})
    codes = [node.tensor(0), node.tensor(1), zero_point_at(node, 6), zero_point_at(node, 7)]
    real = node.step("real", "cast", [node.step("accumulators", "matmul_integer", codes)], dtype="float")
    scale = node.step("scale", "multiply", [scale_at(node, 3), column_scale_at(node, 4)])
    projected = node.step("projected", "add", [node.step("product", "multiply", [real, scale]), node.tensor(2)])
    _self_attention(node, projected, _addend(node, mask=5))


def multi_head_attention(node: Node) -> None:
    """Read MultiHeadAttention: three tensors that are projected already, and a bias for all of them."""
    _expect_absent(node, {6: "past_key", 7: "past_value", 8: "past_sequence_length", 9: "cache_indirection"})
    if any(not node.has(place) or len(node.shape(place)) != 3 for place in range(3)):
        raise UnsupportedError("its query, key and value are packed; expected three tensors of three axes each")
    parts = [node.tensor(place) for place in range(3)]
    if node.has(3):
        widths = [_width(node.spec(part).shape[-1]) for part in parts]
        biases = _split(node, node.tensor(3), widths, "bias")
        parts = [
            node.step(f"{name}.biased", "add", [part, bias])
            for name, part, bias in zip(_NAMES, parts, biases, strict=True)
        ]
    heads = _heads_of(node)
    query, key, value = (_by_head(node, name, part, heads) for name, part in zip(_NAMES, parts, strict=True))
    scores = node.step("scores", "matmul", [query, _turned(node, key)])
    scaled = node.step("scaled", "multiply", [scores, _scale(node, query)])
    _weigh(node, scaled, _addend(node, mask=4, addend=5), value)


def standard_attention(node: Node) -> None:
    """Read ONNX's Attention, in which query and key are each multiplied by the root of the scale; operand 3 masks."""
    _expect_absent(node, {4: "past_key", 5: "past_value", 6: "nonpad_kv_seqlen"})
    node.integer("softmax_precision", 1)
    for name in ("is_causal", "qk_matmul_output_mode"):
        if node.integer(name, 0):
            raise UnsupportedError(f"its {name} is not 0; expected 0")
    if node.number("softcap", 0.0):
        raise UnsupportedError("its softcap is not 0; expected 0")
    joined = len(node.shape(0)) == 3
    parts = [node.tensor(place) for place in range(3)]
    if joined:
        heads = [node.integer("q_num_heads", 0), *[node.integer("kv_num_heads", 0)] * 2]
        parts = [_by_head(node, name, part, count) for name, part, count in zip(_NAMES, parts, heads, strict=True)]
    query, key, value = parts
    if node.spec(query).shape[1] != node.spec(key).shape[1]:
        raise UnsupportedError("its query has other heads than its key; expected as many")
    root = node.step("scale.root", "sqrt", [_scale(node, query)])
    scaled = [node.step(f"{name}.scaled", "multiply", [part, root]) for name, part in (("query", query), ("key", key))]
    scores = node.step("scores", "matmul", [scaled[0], _turned(node, scaled[1])])
    _weigh(node, scores, node.optional(3), value, joined=joined)


_NAMES = ("query", "key", "value")


def _self_attention(node: Node, projected: str, addend: str | None) -> None:
    width = _width(node.spec(projected).shape[-1])
    widths = node.get("qkv_hidden_sizes", [width // 3] * 3, AttributeProto.INTS)
    if len(widths) != 3 or sum(widths) != width:
        raise FormatError(f"it splits {width} features into {widths!r:.60}; expected three parts of all")
    heads = _heads_of(node)
    parts = _split(node, projected, widths, "projected")
    query, key, value = (_by_head(node, name, part, heads) for name, part in zip(_NAMES, parts, strict=True))
    scores = node.step("scores", "matmul", [query, _turned(node, key)])
    _weigh(node, node.step("scaled", "multiply", [scores, _scale(node, query)]), addend, value)


def _weigh(node: Node, scores: str, addend: str | None, value: str, *, joined: bool = True) -> None:
    """
    Give the values weighted by the softmax of the scores; ``joined`` heads are one axis.

    ``addend`` is added to the scores, or if it is boolean, chooses among them.
    """
    operands = [scores]
    if addend is not None and node.spec(addend).dtype == "bool":
        operands.append(addend)
    elif addend is not None:
        operands = [node.step("masked", "add", [scores, addend])]
    operands = [node.step("shares", "softmax", operands, axis=-1), value]
    if not joined:
        node.result("matmul", operands)
        return
    context = node.step("context", "transpose", [node.step("weighted", "matmul", operands)], axes=(0, 2, 1, 3))
    batch, sequence, *features = node.spec(context).shape
    node.result("reshape", [context], shape=(batch, sequence, int(np.prod([_width(size) for size in features]))))


def _by_head(node: Node, name: str, x: str, heads: int) -> str:
    """Return [batch, sequence, heads * size] as [batch, heads, sequence, size]."""
    batch, sequence, features = node.spec(x).shape
    size, rest = divmod(_width(features), heads) if heads > 0 else (0, 1)
    if rest:
        raise FormatError(f"it splits {features} features among {heads} heads; expected equal parts")
    apart = node.step(f"{name}.heads", "reshape", [x], shape=(batch, sequence, heads, size))
    return node.step(name, "transpose", [apart], axes=(0, 2, 1, 3))


def _turned(node: Node, key: str) -> str:
    return node.step("key.turned", "transpose", [key], axes=(0, 1, 3, 2))


def _split(node: Node, x: str, widths: Sequence[int], part: str) -> list[str]:
    """Return the parts of the last axis."""
    ends = np.cumsum([0, *widths]).tolist()
    return [
        node.step(f"{name}.{part}", "slice", [x], axis=-1, start=start, stop=stop)
        for name, start, stop in zip(_NAMES, ends, ends[1:], strict=False)
    ]


def _scale(node: Node, query: str) -> str:
    """Return the given scale, or 1 / sqrt(size of a head)."""
    given = node.number("scale", 0.0)
    if given:
        return node.float_constant("scale", given)
    size = node.float_constant("size", _width(node.spec(query).shape[-1]))
    return node.step("scale", "reciprocal", [node.step("size.root", "sqrt", [size])])


def _addend(node: Node, *, mask: int, addend: int | None = None) -> str | None:
    """Return what is added to the scores: a large negative number for masked keys, and an operand of the node."""
    lowest = node.number("mask_filter_value", -10000.0)
    if (
        node.integer("unidirectional", 0)
        or node.integer("do_rotary", 0)
        or node.integer("past_present_share_buffer", 0)
    ):
        raise UnsupportedError("it is causal, rotary or has a cache; expected the attention of an encoder")
    given = node.optional(addend) if addend is not None else None
    if not node.has(mask):
        return given
    choice = [_kept(node, mask), node.float_constant("kept", 0.0), node.float_constant("hidden", lowest)]
    masking = node.step("mask.addend", "where", choice)
    return masking if given is None else node.step("addend", "add", [given, masking])


def _kept(node: Node, place: int) -> str:
    """Return a mask as booleans that broadcast to [batch, heads, rows, keys]; one axis holds lengths of texts."""
    mask, sizes = node.tensor(place), node.shape(place)
    zero = node.constant("zero", np.zeros((), node.spec(mask).dtype))
    if len(sizes) == 1 and sizes[0] == node.shape(0)[0]:
        every = node.constant("every", np.arange(LONGEST_SEQUENCE, dtype=node.spec(mask).dtype))
        positions = node.step("positions", "slice", [every], axis=0, start=0, stop=node.symbol(0, 1))
        lengths = node.step("lengths", "unsqueeze", [mask], axes=(1, 2, 3))
        return node.step("mask", "less", [positions, lengths])
    if len(sizes) not in (2, 3):
        shown = ", ".join(map(str, sizes))
        raise UnsupportedError(f"its mask has shape ({shown}); expected one length a text, or two or three axes")
    kept = node.step("mask.kept", "greater", [mask, zero])
    return node.step("mask", "unsqueeze", [kept], axes=(1, 2) if len(sizes) == 2 else (1,))


def _heads_of(node: Node) -> int:
    heads = node.integer("num_heads", 0)
    if heads < 1:
        raise FormatError(f"it has {heads} heads; expected 1 or more")
    return heads


def _expect_absent(node: Node, operands: Mapping[int, str]) -> None:
    for place, name in operands.items():
        if node.has(place):
            raise UnsupportedError(f"it has the operand {name}; expected none because an encoder has no cache")
    if any(node.gives(output) for output in range(1, len(node.proto.output))):
        raise UnsupportedError(f"it has {len(node.proto.output)} outputs; expected one because an encoder has no cache")


def _width(size: int | str | Size) -> int:
    if not isinstance(size, int):
        raise Undecided(f"a number of features is {size}; expected an integer")
    return size
