"""The sum of embeddings: rows of tables, looked up token by token and turned into tiles."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import I64, PTR, Function, Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.tiles import LANE, feature_of, load_index, tile_of
from distilspec.fast.kernels.transpose import transposed


def embed(target: Target, order: Sequence[str]) -> Function:
    """
    Return the kernel ``embed.<order>``: the sum of the rows of some tables, from left to right, for some tiles.

    ``order`` holds ``word`` and, where the sum has them, ``position`` and ``type``. The parameters are those of these
    pointers that the order needs, ``word_ids`` and ``type_ids`` in its order (int64, sequence after sequence), then
    ``start``, ``count`` and ``position`` (int64 by tile: its first token among the ids, how many tokens it has, 1 or
    more, and its first token's row in the table of positions), ``out``, and ``word_table`` and the others in the order
    (float32 [rows][features]); and the integers ``features``, ``first`` and ``last`` (tiles). Lanes behind the last
    token repeat it.
    """
    ids = [f"{name}_ids" for name in order if name != "position"]
    positions = ("position",) if "position" in order else ()
    tables = [f"{name}_table" for name in order]
    builder = Builder(
        f"embed.{'_'.join(order)}",
        **dict.fromkeys((*ids, "start", "count", *positions, "out", *tables), PTR),
        **dict.fromkeys(("features", "first", "last"), I64),
    )
    p = builder.parameters
    features = p["features"]
    rest = builder.and_(features, target.lanes - 1)
    whole = builder.sub(features, rest)
    with builder.loop(p["first"], p["last"]) as tile:
        here = {name: load_index(builder, p[name], tile.index) for name in ("start", "count", *positions)}
        out = tile_of(builder, target, p["out"], features, tile.index)
        end = builder.sub(here["count"], 1)
        with builder.loop(0, target.tile, target.lanes) as vector:
            tokens = [builder.min(builder.add(vector.index, lane), end) for lane in range(target.lanes)]

            def row_of(name: str, token: Value) -> Value:
                if name == "position":
                    row = builder.add(here[name], token)
                else:
                    row = load_index(builder, p[f"{name}_ids"], builder.add(here["start"], token))
                place: Value = builder.offset(p[f"{name}_table"], builder.mul(row, builder.mul(features, LANE)))
                return place

            rows = [[row_of(name, token) for name in order] for token in tokens]
            lanes = builder.offset(out, builder.mul(vector.index, LANE))
            with builder.loop(0, whole, target.lanes) as main:
                _copy(builder, target, rows, lanes, main.index, None)
            with builder.loop(whole, features, target.lanes) as tail:
                _copy(builder, target, rows, lanes, tail.index, rest)
    return builder.finish()


def _copy(
    builder: Builder, target: Target, rows: Sequence[Sequence[Value]], out: Value, feature: Value, count: Value | None
) -> None:
    """Write the sums of ``lanes`` features, or of the first ``count`` of them, of ``lanes`` tokens."""
    vector = Type(Kind.F32, target.lanes)

    def load(row: Value) -> Value:
        place = builder.offset(row, builder.mul(feature, LANE))
        loaded: Value = (
            builder.load(place, type=vector) if count is None else builder.load_first(place, count, type=vector)
        )
        return loaded

    sums = [reduce(builder.add, map(load, tables)) for tables in rows]
    for number, column in enumerate(transposed(builder, sums)):
        place = feature_of(builder, target, out, builder.add(feature, number))
        if count is None:
            builder.store(column, place)
        else:
            # at least lanes where the feature exists, else at most 0
            builder.store_first(column, place, builder.mul(builder.sub(count, number), target.lanes))
