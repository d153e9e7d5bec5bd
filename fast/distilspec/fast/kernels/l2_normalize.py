"""Vectors of length one: every token divided by its Euclidean length."""

from __future__ import annotations

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import F32, I64, PTR, Function, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.tiles import feature_of, load_tokens, store_tokens, sums_of_features, tile_of


def l2_normalize(target: Target) -> Function:
    """
    Return the kernel ``l2_normalize``: the normalised tokens of some tiles, by the clauses of ``l2_normalize``.

    Its parameters are the pointers ``x`` and ``out`` (float32 [tile][features][tile tokens]), ``features``,
    ``epsilon`` (float32) and the integers ``first`` and ``last`` (tiles). The order of the sum is free:
    docs/derivations/l2_normalize.md, section 2.
    """
    builder = Builder(
        "l2_normalize",
        **dict.fromkeys(("x", "out"), PTR),
        features=I64, epsilon=F32, first=I64, last=I64,
    )  # fmt: skip
    p = builder.parameters
    features = p["features"]
    epsilon = builder.splat(p["epsilon"], lanes=target.lanes)
    with builder.loop(p["first"], p["last"]) as tile:
        x, out = (tile_of(builder, target, p[name], features, tile.index) for name in ("x", "out"))

        def values_of(feature: Value) -> list[Value]:
            return load_tokens(builder, target, feature_of(builder, target, x, feature))

        squares = sums_of_features(
            builder, target, features, values_of, lambda total, value: builder.fma(value, value, total)
        )
        # epsilon first: a length of NaN stays NaN
        lengths = [builder.max(epsilon, builder.sqrt(square)) for square in squares]
        with builder.loop(0, features) as feature:
            pairs = zip(values_of(feature.index), lengths, strict=True)
            y = [builder.div(value, length) for value, length in pairs]
            store_tokens(builder, y, feature_of(builder, target, out, feature.index))
    return builder.finish()
