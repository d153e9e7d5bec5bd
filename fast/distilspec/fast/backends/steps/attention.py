"""Operations of attention: which keys each sequence keeps, and what becomes of every head of every tile of queries."""

from __future__ import annotations

import numpy as np

from distilspec.fast.backends.forward import WORD, Array, Floats, Forward, Operand
from distilspec.fast.execute.arena import Buffer
from distilspec.fast.kernels.attention import PLACES, attention, scratch_bytes
from distilspec.fast.kernels.attention_codes import Pairs, attention_codes, key_bias, words_bytes
from distilspec.fast.kernels.codes import Layout, code_bytes
from distilspec.fast.kernels.key_list import OFFSET, key_list
from distilspec.fast.kernels.quantized_attention import MOST, quantized_attention
from distilspec.fast.kernels.quantized_attention import scratch_bytes as quantized_scratch_bytes
from distilspec.fast.lower.fused import Attention, QuantizedAttention

#: The first and the last int8 code.
SIGNED = (-128.0, 127.0)


def write_attention(forward: Forward, step: Attention) -> None:
    """Add attention, which writes floats or codes."""
    target = forward.target
    listed = _write_key_list(forward, step)
    layout, made, strides = _made(forward, step)
    places = _places(forward, step, strides)
    size = scratch_bytes(target, forward.sequence, step.head_dim, layout)
    operands: dict[str, Operand] = {
        "query": forward.floats[step.query].buffer, "key": forward.floats[step.key].buffer,
        "value": forward.floats[step.value].buffer, **listed, "places": places, **made,
        "scratch": Buffer(forward.threads * size), "scratch_size": size,
        "scale": step.scale, "head_dim": step.head_dim,
    }  # fmt: skip
    work = 2 * forward.sequence * step.head_dim * target.tile
    forward.do(attention, (layout,), operands, len(places), work)


def write_quantized_attention(forward: Forward, step: QuantizedAttention) -> None:
    """Add codes of query, key and value, and attention of them, which writes floats or codes."""
    target = forward.target
    least, most = -float(step.query_zero_point), float(MOST - step.query_zero_point)
    query = _write_codes(forward, step, step.query, Pairs.FEATURES, step.query_scale, least, most)
    key = _write_codes(forward, step, step.key, Pairs.FEATURES, step.key_scale, *SIGNED)
    value = _write_codes(forward, step, step.value, Pairs.TOKENS, step.value_scale, *SIGNED)
    padded = _tiles_each(forward) * target.tile
    biased: dict[str, Operand] = {
        "bias": Buffer(forward.batch * padded * WORD),
        "counts": Buffer(forward.batch * OFFSET),
    }
    forward.do(
        key_bias, (), {"mask": _mask(forward, step), "tokens": forward.sequence, "padded": padded, **biased},
        forward.batch, forward.sequence,
    )  # fmt: skip
    layout, made, strides = _made(forward, step)
    sizes = {pairs: words_bytes(target, pairs, step.head_dim) for pairs in Pairs}
    head, tile, sequence = _units(forward, step)
    places = _columns(
        (tile * step.heads + head) * sizes[Pairs.FEATURES],
        (sequence * _tiles_each(forward) * step.heads + head) * sizes[Pairs.FEATURES],
        (sequence * _tiles_each(forward) * step.heads + head) * sizes[Pairs.TOKENS],
        sequence * padded * WORD,
        sequence * OFFSET,
        tile * strides[0] + head * strides[1],
    )
    size = quantized_scratch_bytes(target, forward.sequence, step.head_dim, layout)
    operands: dict[str, Operand] = {
        "query": query, "key": key, "value": value, **biased, "places": places, **made,
        "scratch": Buffer(forward.threads * size), "scratch_size": size,
        "score_scale": step.scale, "value_scale": step.value_scale, "head_dim": step.head_dim, "keys": padded,
        "key_stride": step.heads * sizes[Pairs.FEATURES], "value_stride": step.heads * sizes[Pairs.TOKENS],
    }  # fmt: skip
    work = forward.sequence * step.head_dim * target.tile
    forward.do(quantized_attention, (layout,), operands, len(places), work)


def _write_codes(
    forward: Forward, step: QuantizedAttention, name: str, pairs: Pairs, scale: float, low: float, high: float
) -> Buffer:
    """Add the codes of all heads of a tensor, tile by tile, and return where they are."""
    target, floats = forward.target, forward.floats[name]
    size = words_bytes(target, pairs, step.head_dim)
    units = np.arange(forward.tokens.tiles * step.heads, dtype=np.int64)
    tile, head = units // step.heads, units % step.heads
    out = Buffer(len(units) * size)
    operands: dict[str, Operand] = {
        "x": floats.buffer, "starts": (tile * floats.width + floats.start + head * step.head_dim) * target.tile * WORD,
        "out": out, "scale": scale, "low": low, "high": high, "head_dim": step.head_dim, "size": size,
    }  # fmt: skip
    forward.do(attention_codes, (pairs,), operands, len(units), step.head_dim * target.tile)
    return out


def _made(forward: Forward, step: Attention) -> tuple[Layout | None, dict[str, Operand], tuple[int, int]]:
    """Return the layout of the codes that attention writes, if any, where, and the bytes of a tile and of a head."""
    target, widths = forward.target, (step.heads * step.head_dim, step.head_dim)
    fused = forward.fused.get(step.out)
    if not fused:
        tile, head = (features * target.tile * WORD for features in widths)
        return None, {"out": forward.made(step.out)}, (tile, head)
    tile, head = (code_bytes(target, fused.layout, features) for features in widths)
    made = {**forward.static(fused.quantise), "out": forward.made_codes(fused.quantise, fused.layout)}
    return fused.layout, made, (tile, head)


def _write_key_list(forward: Forward, step: Attention) -> dict[str, Operand]:
    """Add the list of the keys that each sequence keeps, and return the list as attention names it."""
    width = forward.floats[step.key].width
    assert width == forward.floats[step.value].width, "one list is that of keys and of values"
    tile_stride = width * forward.target.tile * WORD
    listed: dict[str, Operand] = {
        "keys": Buffer(forward.batch * forward.sequence * OFFSET), "counts": Buffer(forward.batch * OFFSET),
    }  # fmt: skip
    operands: dict[str, Operand] = {
        "mask": _mask(forward, step),
        "tokens": forward.sequence,
        "tile_stride": tile_stride,
        **listed,
    }
    forward.do(key_list, (), operands, forward.batch, forward.sequence)
    return listed


def _mask(forward: Forward, step: Attention) -> Operand:
    return np.ones(forward.batch * forward.sequence, np.uint8) if step.mask is None else forward.inputs[step.mask]


def _tiles_each(forward: Forward) -> int:
    """Return the tiles of a sequence."""
    return max(1, forward.tokens.tiles // max(1, forward.batch))


def _units(forward: Forward, step: Attention) -> tuple[Array, Array, Array]:
    """Return head, tile and sequence of every unit, head by head, to be broadcast."""
    head = np.arange(step.heads, dtype=np.int64)[:, None]
    tile = np.arange(forward.tokens.tiles, dtype=np.int64)
    return head, tile, tile // _tiles_each(forward)


def _columns(*columns: Array) -> Array:
    together = np.broadcast_arrays(*columns)
    return np.stack(together, axis=-1).reshape(-1, len(columns))


def _places(forward: Forward, step: Attention, strides: tuple[int, int]) -> Array:
    """Return the ``places`` of attention; what it writes has the strides given, in bytes, of tiles and of heads."""
    row, each = forward.target.tile * WORD, _tiles_each(forward)
    head, tile, sequence = _units(forward, step)

    def operand(floats: Floats, tile: Array) -> Array:
        place: Array = (tile * floats.width + floats.start + head * step.head_dim) * row
        return place

    columns = {
        "query": operand(forward.floats[step.query], tile),
        "key": operand(forward.floats[step.key], sequence * each),
        "value": operand(forward.floats[step.value], sequence * each),
        "listed": sequence * forward.sequence * OFFSET,
        "counted": sequence * OFFSET,
        "result": tile * strides[0] + head * strides[1],
    }
    return _columns(*(columns[name] for name in PLACES))
