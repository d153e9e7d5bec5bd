"""LayerNorm of every token, in two passes, and the codes of its result."""

from __future__ import annotations

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import F32, I64, PTR, Function, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.codes import Coder, Layout, store_codes
from distilspec.fast.kernels.tiles import (
    as_float,
    feature_of,
    load_for_all,
    load_tokens,
    store_tokens,
    sums_of_features,
    tile_of,
)


def layer_norm(target: Target, layout: Layout | None) -> Function:
    """
    Return the kernel ``layer_norm.<layout>``, or ``layer_norm.floats``: the normalised tokens of some tiles.

    Its parameters are the pointers ``x`` (float32 [tile][features][tile tokens]), ``weight`` and ``bias`` (float32
    [features]) and ``out`` (as x); with a layout also ``codes``, those of ``out``, where the codes of the last feature
    pad the layout; then ``features``, with a layout ``out_zero_point`` (integer), ``epsilon`` (float32), with a layout
    ``out_scale`` (float32), ``first`` and ``last`` (tiles).

    mean = sum(x) / n, variance = sum((x - mean)^2) / n, y = (x - mean) (1 / sqrt(variance + epsilon)) weight + bias:
    the form of docs/derivations/layer_norm.md, section 3, in which the order of the sums is free.
    """
    builder = Builder(
        f"layer_norm.{layout or 'floats'}",
        **dict.fromkeys(("x", "weight", "bias", "out", *(("codes",) if layout else ())), PTR),
        **dict.fromkeys(("features", *(("out_zero_point",) if layout else ())), I64),
        **dict.fromkeys(("epsilon", *(("out_scale",) if layout else ())), F32),
        **dict.fromkeys(("first", "last"), I64),
    )
    p = builder.parameters
    features = p["features"]
    count = as_float(builder, features, target.lanes)
    epsilon = builder.splat(p["epsilon"], lanes=target.lanes)
    coder = Coder.of_all(builder, target, p["out_scale"], p["out_zero_point"], target.tile) if layout else None
    with builder.loop(p["first"], p["last"]) as tile:
        x, out = (tile_of(builder, target, p[name], features, tile.index) for name in ("x", "out"))

        def values_of(feature: Value) -> list[Value]:
            return load_tokens(builder, target, feature_of(builder, target, x, feature))

        def from_mean(feature: Value) -> list[Value]:
            return [builder.sub(value, mean) for value, mean in zip(values_of(feature), means, strict=True)]

        totals = sums_of_features(builder, target, features, values_of, lambda total, value: builder.add(total, value))
        means = [builder.div(total, count) for total in totals]
        totals = sums_of_features(builder, target, features, from_mean, lambda total, far: builder.fma(far, far, total))
        roots = [builder.sqrt(builder.add(builder.div(total, count), epsilon)) for total in totals]
        reciprocals = [builder.div(1.0, root) for root in roots]

        def normalised(feature: Value) -> list[Value]:
            weight, bias = (load_for_all(builder, target, p[name], feature) for name in ("weight", "bias"))
            shares = [builder.mul(*pair) for pair in zip(from_mean(feature), reciprocals, strict=True)]
            y = [builder.fma(share, weight, bias) for share in shares]
            store_tokens(builder, y, feature_of(builder, target, out, feature))
            return y

        if layout and coder:
            store_codes(builder, target, layout, features, tile.index, normalised, coder, p["codes"])
        else:
            with builder.loop(0, features) as feature:
                normalised(feature.index)
    return builder.finish()
