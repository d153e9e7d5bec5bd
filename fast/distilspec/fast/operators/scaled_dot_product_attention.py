"""``scaled_dot_product_attention``: values of the kept keys, weighted by how they match a query."""

from __future__ import annotations

import math

import numpy as np

from distilspec.fast.backends.space import spaced
from distilspec.fast.isa.host import host_target
from distilspec.fast.kernels.attention import PLACES, attention, scratch_bytes
from distilspec.fast.kernels.key_list import OFFSET, key_list
from distilspec.fast.kernels.tiles import tokens_bytes
from distilspec.fast.operators.call import call
from distilspec.fast.operators.tiling import rounded, tiled, untiled
from distilspec.reference.contract.operands.scaled_dot_product_attention import expect_scaled_dot_product_attention
from distilspec.reference.contract.types import Array, BoolArray, Float32Array, RealArray


def scaled_dot_product_attention(
    query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
) -> Float32Array:
    """
    Return the operator ``scaled_dot_product_attention`` of operands that are rounded to float32, within its bound.

    The kernel has heads of one width, and a list of kept keys for every sequence: zeros widen what is narrower, and
    where the mask tells queries apart, each is a sequence of its own with the keys of all.
    """
    expect_scaled_dot_product_attention(query, key, value, mask, scale)
    *leading, queries, head_dim = query.shape
    keys, value_dim = value.shape[-2:]
    shape, sequences, width = (*leading, queries, value_dim), math.prod(leading), max(head_dim, value_dim)
    kept = np.ones((1, 1), np.bool_) if mask is None else np.atleast_2d(mask)
    alone = queries if kept.shape[-2] > 1 else 1
    kept = np.broadcast_to(kept, (*leading, alone, keys)).reshape(sequences * alone, keys)
    if not math.prod(shape):
        return np.zeros(shape, np.float32)

    def widened(x: RealArray) -> Float32Array:
        wide = np.pad(rounded(x), [(0, 0)] * (x.ndim - 1) + [(0, width - x.shape[-1])])
        return wide.reshape(sequences, -1, width) if x.shape[-2] else np.zeros((sequences, 0, width), np.float32)

    together = queries // alone
    q = widened(query).reshape(sequences * alone, together, width)
    out = _attended(q, widened(key), widened(value), kept, scale)
    return np.ascontiguousarray(untiled(out, len(q), together)[..., :value_dim]).reshape(shape)


def _attended(query: Float32Array, key: Float32Array, value: Float32Array, kept: BoolArray, scale: float) -> Array:
    """Return tiles of queries [lists, queries, width] by keys [sequences, keys, width]; kept keys are [lists, keys]."""
    target = host_target()
    lists, queries, width = query.shape
    sequences, keys, _ = key.shape
    stride = width * tokens_bytes(target)
    listed, counts = np.empty((lists, keys), np.int64), np.empty(lists, np.int64)
    mask = np.asarray(kept, np.uint8, order="C")
    call(key_list, units=lists, mask=mask, keys=listed, counts=counts, tokens=keys, tile_stride=stride)
    space, of_keys = spaced(lists, queries, target.tile), spaced(sequences, keys, target.tile)
    out = np.empty((space.tiles, width, target.tile), np.float32)
    tile = np.arange(space.tiles)
    number = tile // (space.tiles // lists)  # of the list
    first = number // (lists // sequences) * (of_keys.tiles // sequences) * stride
    columns = {
        "query": tile * stride, "key": first, "value": first, "listed": number * keys * OFFSET,
        "counted": number * OFFSET, "result": tile * stride,
    }  # fmt: skip
    places = np.stack([columns[name] for name in PLACES], axis=1)
    size = scratch_bytes(target, keys, width, None)
    call(
        attention, None, units=len(places), query=tiled(query), key=tiled(key), value=tiled(value), keys=listed,
        counts=counts, places=places, out=out, scratch=np.empty(size, np.uint8), scale=scale, head_dim=width,
        scratch_size=size,
    )  # fmt: skip
    return out
