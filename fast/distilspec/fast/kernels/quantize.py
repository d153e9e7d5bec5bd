"""Codes of a tensor of floats, by a scale and a zero point for every token."""

from __future__ import annotations

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import I64, PTR, Function, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.codes import Layout, store_codes
from distilspec.fast.kernels.tiles import feature_of, load_tokens, tile_of


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

        operands = (p[name] for name in ("x_scale", "zero_point", "codes"))
        store_codes(builder, target, layout, features, tile.index, values_of, *operands)
    return builder.finish()
