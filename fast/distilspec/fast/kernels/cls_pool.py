"""The first token of every sequence."""

from __future__ import annotations

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import F32, I64, PTR, Function
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.tiles import feature_of, load_index, pooled_place, tile_of


def cls_pool(target: Target) -> Function:
    """
    Return the kernel ``cls_pool``: the first tokens of some sequences.

    Its parameters are the pointers ``x`` (float32 [tile][features][tile tokens]), ``tiles`` (int64 by sequence, its
    first tile) and ``out`` (float32 [tile][features][tile sequences]), and the integers ``features``, ``first`` and
    ``last`` (sequences).
    """
    builder = Builder(
        "cls_pool", **dict.fromkeys(("x", "tiles", "out"), PTR), **dict.fromkeys(("features", "first", "last"), I64)
    )
    p = builder.parameters
    features = p["features"]
    with builder.loop(p["first"], p["last"]) as sequence:
        tile = load_index(builder, p["tiles"], sequence.index)
        x = tile_of(builder, target, p["x"], features, tile)
        with builder.loop(0, features) as feature:
            value = builder.load(feature_of(builder, target, x, feature.index), type=F32)
            builder.store(value, pooled_place(builder, target, p["out"], features, sequence.index, feature.index))
    return builder.finish()
