"""Codes of a tensor of floats, by a scale and a zero point for every token."""

from __future__ import annotations

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import I64, PTR, Function, Kind, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.codes import Coder, Layout, store_codes
from distilspec.fast.kernels.tiles import feature_of, joined, load_tokens, tile_of, tokens_bytes


def quantize(target: Target, layout: Layout) -> Function:
    """
    Return the kernel ``quantize.<layout>``: the codes of some tiles, by the clauses of ``quantize``.

    Its parameters are the pointers ``x`` (float32 [tile][features][tile tokens]), ``x_scale`` (float32 by token),
    ``zero_point`` (int32 by token) and ``codes``, and the integers ``features``, ``first`` and ``last`` (tiles). Where
    the layout pads features, the codes of the last one are repeated.
    """
    builder = Builder(
        f"quantize.{layout}",
        **dict.fromkeys(("x", "x_scale", "zero_point", "codes"), PTR),
        **dict.fromkeys(("features", "first", "last"), I64),
    )
    p = builder.parameters
    features = p["features"]
    with builder.loop(p["first"], p["last"]) as tile:
        x = tile_of(builder, target, p["x"], features, tile.index)

        def values_of(feature: Value) -> list[Value]:
            return load_tokens(builder, target, feature_of(builder, target, x, feature))

        token = builder.mul(tile.index, tokens_bytes(target))
        kinds = {"x_scale": Kind.F32, "zero_point": Kind.I32}
        scale, zero_point = (
            joined(builder, load_tokens(builder, target, builder.offset(p[name], token), kind))
            for name, kind in kinds.items()
        )
        coder = Coder.of(builder, target, scale, zero_point)
        store_codes(builder, target, layout, features, tile.index, values_of, coder, p["codes"])
    return builder.finish()
