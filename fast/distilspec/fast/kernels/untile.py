"""Tiles turned back into rows: one token after the other."""

from __future__ import annotations

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import I64, PTR, Function, Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.tiles import LANE, feature_of, load_index, tile_of
from distilspec.fast.kernels.transpose import transposed


def untile(target: Target) -> Function:
    """
    Return the kernel ``untile``: the tokens of some tiles, in rows.

    Its parameters are the pointers ``x`` (float32 [tile][features][tile tokens]), ``start`` and ``count`` (int64 by
    tile: the row of its first token and how many tokens it has) and ``out`` (float32 [rows][features]), and the
    integers ``features``, ``first`` and ``last`` (tiles). Rows of other tokens are not written.
    """
    builder = Builder(
        "untile",
        **dict.fromkeys(("x", "start", "count", "out"), PTR),
        **dict.fromkeys(("features", "first", "last"), I64),
    )
    p = builder.parameters
    features, lanes = p["features"], target.lanes
    row = builder.mul(features, LANE)
    whole_features = builder.and_(features, -lanes)
    with builder.loop(p["first"], p["last"]) as tile:
        start, count = (load_index(builder, p[name], tile.index) for name in ("start", "count"))
        x = tile_of(builder, target, p["x"], features, tile.index)
        out = builder.offset(p["out"], builder.mul(start, row))
        whole_tokens = builder.and_(count, -lanes)

        def square(token: Value, feature: Value, inside: bool) -> None:
            """Copy ``lanes`` features of ``lanes`` tokens, or those of them that exist."""
            last = builder.sub(features, 1)
            columns = []
            for number in range(lanes):
                wanted = builder.add(feature, number)
                read = wanted if inside else builder.min(wanted, last)
                place = builder.offset(feature_of(builder, target, x, read), builder.mul(token, LANE))
                columns.append(builder.load(place, type=Type(Kind.F32, lanes)))
            for number, values in enumerate(transposed(builder, columns)):
                here = builder.add(token, number)
                place = builder.at(out, builder.mul(here, row), builder.mul(feature, LANE))
                if inside:
                    builder.store(values, place)
                else:
                    # at least lanes where the token exists, else at most 0
                    left = builder.mul(builder.sub(count, here), lanes)
                    builder.store_first(values, place, builder.min(left, builder.sub(features, feature)))

        with builder.loop(0, whole_tokens, lanes) as token:
            with builder.loop(0, whole_features, lanes) as feature:
                square(token.index, feature.index, inside=True)
            with builder.loop(whole_features, features, lanes) as feature:
                square(token.index, feature.index, inside=False)
        with builder.loop(whole_tokens, count, lanes) as token, builder.loop(0, features, lanes) as feature:
            square(token.index, feature.index, inside=False)
    return builder.finish()
