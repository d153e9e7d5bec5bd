"""The scale of every token, from its largest magnitude."""

from __future__ import annotations

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import I64, PTR, Function, Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.codes import code_range
from distilspec.fast.kernels.tiles import (
    feature_of,
    load_tokens,
    store_tokens,
    sums_of_features,
    tile_of,
    tokens_bytes,
)

#: The largest code of a symmetric int8 quantisation; -128 is not used.
LARGEST_CODE = 127.0

#: The smallest normal float32: no scale is smaller.
SMALLEST_SCALE = 2.0**-126


def token_range(target: Target) -> Function:
    """
    Return the kernel ``token_range``: scales and zero points of the tokens of some tiles.

    Its parameters are the pointers ``x`` (float32 [tile][features][tile tokens]), ``x_scale`` (float32 by token) and
    ``zero_point`` (int32 by token), and the integers ``features``, ``first`` and ``last`` (tiles). The zero point is
    that of int8 codes, 0, as the target holds it; the clauses are those of ``dynamic_quantize_token``. NaN does not
    count.
    """
    builder = Builder(
        "token_range",
        **dict.fromkeys(("x", "x_scale", "zero_point"), PTR),
        **dict.fromkeys(("features", "first", "last"), I64),
    )
    p = builder.parameters
    features = p["features"]
    middle = builder.add(builder.zeros(Type(Kind.I32, target.lanes)), code_range(target)[0] + 128)
    with builder.loop(p["first"], p["last"]) as tile:
        x = tile_of(builder, target, p["x"], features, tile.index)

        def magnitudes(feature: Value) -> list[Value]:
            values = load_tokens(builder, target, feature_of(builder, target, x, feature))
            return [magnitude(builder, value) for value in values]

        def larger(a: Value, b: Value) -> Value:
            result: Value = builder.max(b, a)
            return result

        largest = sums_of_features(builder, target, features, magnitudes, larger, larger)
        token = builder.mul(tile.index, tokens_bytes(target))
        scales = [normal_scale(builder, value, LARGEST_CODE) for value in largest]
        store_tokens(builder, scales, builder.offset(p["x_scale"], token))
        store_tokens(builder, [middle] * target.dot, builder.offset(p["zero_point"], token))
    return builder.finish()


def magnitude(builder: Builder, x: Value) -> Value:
    """Write |x|."""
    bits = builder.bits_as(x, type=x.type.of(Kind.I32))
    result: Value = builder.bits_as(builder.and_(bits, 2**31 - 1), type=x.type)
    return result


def normal_scale(builder: Builder, width: Value, codes: float) -> Value:
    """Write width / codes, and 1 where that is 0 or subnormal."""
    quotient = builder.div(width, codes)
    one = builder.number(1, width.type.lanes)
    scale: Value = builder.select(builder.less(quotient, SMALLEST_SCALE), one, quotient)
    return scale
