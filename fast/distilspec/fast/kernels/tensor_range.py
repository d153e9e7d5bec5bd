"""The scale and the zero point of a whole tensor, from its smallest and its largest value."""

from __future__ import annotations

from collections.abc import Callable

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import F32, I64, PTR, Function, Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.codes import Coder, code_range
from distilspec.fast.kernels.tiles import LANE, feature_of, load_index, sums_of_features, tile_of
from distilspec.fast.kernels.token_range import normal_scale

#: The steps between the first and the last code.
STEPS = 255.0


def tensor_range(target: Target) -> Function:
    """
    Return the kernel ``tensor_range``: the ends of the range of some tiles, widened to hold 0.

    Its parameters are the pointers ``x`` (float32 [tile][features][tile tokens]), ``count`` (int64 by tile: how many
    tokens it has; the other lanes do not take part), ``low`` and ``high`` (float32 by tile), and the integers
    ``features``, ``first`` and ``last`` (tiles). NaN does not count.
    """
    builder = Builder(
        "tensor_range",
        **dict.fromkeys(("x", "count", "low", "high"), PTR),
        **dict.fromkeys(("features", "first", "last"), I64),
    )
    p = builder.parameters
    features, lanes = p["features"], target.lanes
    vector = Type(Kind.F32, lanes)
    with builder.loop(p["first"], p["last"]) as tile:
        x = tile_of(builder, target, p["x"], features, tile.index)
        count = load_index(builder, p["count"], tile.index)
        counts = [builder.sub(count, number * lanes) for number in range(target.dot)]

        def values_of(feature: Value) -> list[Value]:
            """Load the tokens that count, and 0, which every range holds, for the others."""
            here = feature_of(builder, target, x, feature)
            places = [builder.at(here, number * vector.size) for number in range(target.dot)]
            return [builder.load_first(place, left, type=vector) for place, left in zip(places, counts, strict=True)]

        for name, end in _ends(builder).items():
            one, *others = sums_of_features(builder, target, features, values_of, end, end)
            for other in others:
                one = end(one, other)
            distance = lanes // 2
            while distance:
                turned = tuple((lane + distance) % lanes for lane in range(lanes))
                one = end(one, builder.shuffle(one, one, lanes=turned))
                distance //= 2
            builder.store(builder.extract(one, lane=0), builder.offset(p[name], builder.mul(tile.index, LANE)))
    return builder.finish()


def tensor_scale(target: Target) -> Function:
    """
    Return the kernel ``tensor_scale``: a tensor's scale and zero point, by the clauses of ``dynamic_quantize``.

    Its parameters are the pointers ``low`` and ``high`` (as ``tensor_range`` writes them), ``x_scale`` (float32 by
    token) and ``zero_point`` (int32 by token), in which every token gets the same, and the integers ``tiles``,
    ``first`` and ``last`` (0 and 1: there is one unit of work).
    """
    builder = Builder(
        "tensor_scale",
        **dict.fromkeys(("low", "high", "x_scale", "zero_point"), PTR),
        **dict.fromkeys(("tiles", "first", "last"), I64),
    )
    p = builder.parameters
    tiles, lanes = p["tiles"], target.lanes
    first_code = builder.add(builder.zeros(Type(Kind.I32, lanes)), code_range(target)[0])
    with builder.loop(p["first"], p["last"]):
        ends = []
        for name, end in _ends(builder).items():
            with builder.loop(0, tiles, 1, [builder.number(0)]) as tile:
                value = builder.load(builder.offset(p[name], builder.mul(tile.index, LANE)), type=F32)
                tile.hand_on(end(tile.carried[0], value))
            ends.append(builder.splat(tile.results[0], lanes=lanes))
        low, high = ends
        scale = normal_scale(builder, builder.sub(high, low), STEPS)
        zero_point = Coder.of(builder, target, scale, first_code).codes(builder.sub(0.0, low))
        with builder.loop(0, builder.mul(tiles, target.dot)) as vector:
            place = builder.mul(vector.index, lanes * LANE)
            builder.store(scale, builder.offset(p["x_scale"], place))
            builder.store(zero_point, builder.offset(p["zero_point"], place))
    return builder.finish()


def _ends(builder: Builder) -> dict[str, Callable[[Value, Value], Value]]:
    """Return what makes the ends of a range; NaN, as the second operand, does not count."""
    return {"low": lambda a, b: builder.min(b, a), "high": lambda a, b: builder.max(b, a)}
