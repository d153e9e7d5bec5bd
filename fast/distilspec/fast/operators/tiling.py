"""
Ordinary arrays in and out of the layouts of the kernels, by the kernels with which a plan begins and ends.

Floats are [sequences, tokens, features]; where an operator treats rows alone, all rows are one sequence.
"""

from __future__ import annotations

import math

import numpy as np

from distilspec.fast.backends.reading import code_shift, codes_of
from distilspec.fast.backends.space import spaced
from distilspec.fast.isa.host import host_target
from distilspec.fast.kernels.codes import Layout, code_bytes
from distilspec.fast.kernels.embed import embed
from distilspec.fast.kernels.layout import padded
from distilspec.fast.kernels.quantize import quantize
from distilspec.fast.kernels.untile import untile
from distilspec.fast.operators.call import call
from distilspec.reference.contract.types import Array, Float32Array, RealArray


def rounded(x: RealArray) -> Float32Array:
    """Return real numbers as a runtime holds them, float32, in one piece."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(x, np.float32, order="C")


def rows_of(x: Array) -> Array:
    """
    Return [..., features] as [rows, features].

    Where there are no features, rows get one, zero, which changes no sum, no range and no scale.
    """
    rows = math.prod(x.shape[:-1])
    return x.reshape(rows, x.shape[-1]) if x.shape[-1] else np.zeros((rows, 1), x.dtype)


def tiled(x: Float32Array) -> Float32Array:
    """Return [sequences, tokens, features] as [tile, features, tile tokens], each sequence in tiles of its own."""
    sequences, tokens, features = x.shape
    return looked_up(np.arange(sequences * tokens).reshape(sequences, tokens), x.reshape(sequences * tokens, features))


def looked_up(ids: Array, table: Float32Array) -> Float32Array:
    """Return the rows of a table for ids [sequences, tokens] as [tile, features, tile tokens]."""
    target, features = host_target(), table.shape[1]
    sequences, tokens = ids.shape
    space = spaced(sequences, tokens, target.tile)
    out = np.empty((space.tiles, features, target.tile), np.float32)
    call(
        embed, ("word",), units=space.tiles, word_ids=np.asarray(ids, np.int64, order="C"), start=space.start,
        count=space.count, out=out, word_table=table, features=features,
    )  # fmt: skip
    return out


def untiled(tiles: Float32Array, sequences: int, tokens: int) -> Float32Array:
    """Return [tile, features, tile tokens] as [sequences, tokens, features]."""
    features = tiles.shape[1]
    space = spaced(sequences, tokens, host_target().tile)
    out = np.empty((sequences, tokens, features), np.float32)
    call(untile, units=space.tiles, x=tiles, start=space.start, count=space.count, out=out, features=features)
    return out


def by_token(values: Array | np.generic, rows: int, dtype: type[np.generic]) -> Array:
    """Return a number for all rows, or one for each as [rows, 1], for every token of their tiles."""
    held = np.ones(padded(rows, host_target().tile), dtype)
    held[:rows] = np.broadcast_to(values, (rows, 1))[:, 0]
    return held


def held_zero_point(zero_point: Array, rows: int) -> Array:
    """Return zero points as ``by_token`` does, in the numbers that kernels hold."""
    shift = code_shift(host_target(), signed=zero_point.dtype == np.int8)
    return by_token(zero_point.astype(np.int32) + shift, rows, np.int32)


def codes_from(memory: Array, layout: Layout, rows: int, features: int, dtype: np.dtype[np.generic]) -> Array:
    """Return the codes that a kernel wrote as [rows, features] of the specification's numbers."""
    target = host_target()
    held = codes_of(memory, layout, features, target)[:rows].astype(np.int32)
    return (held - code_shift(target, signed=dtype == np.int8)).astype(dtype)


def codes_memory(layout: Layout, tiles: int, features: int) -> Array:
    """Return memory for codes."""
    return np.empty(tiles * code_bytes(host_target(), layout, features), np.uint8)


def quantized_tiles(
    tiles: Float32Array, rows: int, x_scale: Array, zero_point: Array, dtype: np.dtype[np.generic]
) -> Array:
    """Return the codes [rows, features] of floats in tiles, by scales and zero points by token."""
    count, features, _ = tiles.shape
    codes = codes_memory(Layout.FACTORS, count, features)
    operands = {"x": tiles, "x_scale": x_scale, "zero_point": zero_point, "codes": codes, "features": features}
    call(quantize, Layout.FACTORS, units=count, **operands)
    return codes_from(codes, Layout.FACTORS, rows, features, dtype)
