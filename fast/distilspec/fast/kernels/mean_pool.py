"""The mean of the kept tokens of every sequence."""

from __future__ import annotations

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import I64, PTR, Function, Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.tiles import (
    INDEX,
    LANE,
    as_float,
    feature_of,
    load_index,
    pooled_place,
    tile_of,
)
from distilspec.fast.kernels.transpose import transposed

#: Sums that run side by side: token k of a sequence goes to chain k modulo CHAINS. The tiles of every target are
#: multiples of it, so that the order of a sum, and with it the bits, are the same for all.
CHAINS = 8


def mean_pool(target: Target) -> Function:
    """
    Return the kernel ``mean_pool``: the means of some sequences, by the clauses of ``mean_pool``.

    Its parameters are the pointers ``x`` (float32 [tile][features][tile tokens]), ``mask`` (bytes, sequence after
    sequence, 1 for a kept token and 0), ``tiles`` (int64 [sequences + 1], the first tile of every sequence), ``start``
    and ``count`` (int64 by tile: its first token in the mask and how many tokens it has) and ``out`` (float32
    [tile][features][tile sequences]), and the integers ``features``, ``first`` and ``last`` (sequences).
    """
    builder = Builder(
        "mean_pool",
        **dict.fromkeys(("x", "mask", "tiles", "start", "count", "out"), PTR),
        **dict.fromkeys(("features", "first", "last"), I64),
    )
    p = builder.parameters
    features = p["features"]
    last_feature = builder.sub(features, 1)
    with builder.loop(p["first"], p["last"]) as sequence:
        begin, end = (load_index(builder, builder.at(p["tiles"], which * INDEX), sequence.index) for which in range(2))
        divisor = as_float(builder, builder.max(_kept(builder, begin, end), 1), CHAINS)
        # as many features as chains at once, so that they make a square
        with builder.loop(0, features, CHAINS) as block:
            together = [builder.min(builder.add(block.index, number), last_feature) for number in range(CHAINS)]
            sums = transposed(builder, _sums(builder, target, begin, end, together))
            while len(sums) > 1:
                sums = [builder.add(a, b) for a, b in zip(sums[::2], sums[1::2], strict=True)]
            means = builder.div(sums[0], divisor)
            for number, feature in enumerate(together):
                place = pooled_place(builder, target, p["out"], features, sequence.index, feature)
                builder.store(builder.extract(means, lane=number), place)
    return builder.finish()


def _kept(builder: Builder, begin: Value, end: Value) -> Value:
    """Write how many tokens the mask keeps in the tiles from ``begin`` until before ``end``."""
    p = builder.parameters
    with builder.loop(begin, end, 1, [builder.index(0)]) as tile:
        start, count = (load_index(builder, p[name], tile.index) for name in ("start", "count"))
        with builder.loop(start, builder.add(start, count), 1, tile.carried) as token:
            kept = builder.load(builder.offset(p["mask"], token.index), type=Type(Kind.I8))
            token.hand_on(builder.add(token.carried[0], builder.extend_index(kept, signed=False)))
        tile.hand_on(*token.results)
    return tile.results[0]


def _sums(builder: Builder, target: Target, begin: Value, end: Value, features: list[Value]) -> list[Value]:
    """Write the chains of some features over the tiles from ``begin`` until before ``end``."""
    p = builder.parameters
    real, whole, byte = (Type(kind, CHAINS) for kind in (Kind.F32, Kind.I32, Kind.I8))
    with builder.loop(begin, end, 1, [builder.zeros(real)] * len(features)) as tile:
        start, count = (load_index(builder, p[name], tile.index) for name in ("start", "count"))
        rows = [
            feature_of(builder, target, tile_of(builder, target, p["x"], p["features"], tile.index), feature)
            for feature in features
        ]
        with builder.loop(0, target.tile, CHAINS, tile.carried) as token:
            mask = builder.offset(p["mask"], builder.add(start, token.index))
            # the mask of the next sequence begins where this one's ends
            kept = builder.load_first(mask, builder.sub(count, token.index), type=byte)
            keeps = builder.less(builder.zeros(whole), builder.zero_extend(kept, kind=Kind.I32))
            added = []
            for total, row in zip(token.carried, rows, strict=True):
                x = builder.load(builder.offset(row, builder.mul(token.index, LANE)), type=real)
                added.append(builder.add(total, builder.select(keeps, x, builder.zeros(real))))
            token.hand_on(*added)
        tile.hand_on(*token.results)
    return list(tile.results)
