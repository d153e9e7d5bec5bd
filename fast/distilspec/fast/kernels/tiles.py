"""
Tiles of floats, ``[tile][feature][tile tokens]``: what kernels do with one feature, or one number, of every token.

A number for every token of a tile is ``dot`` vectors, side by side in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import I64, Kind, Type, Value
from distilspec.fast.isa.target import Target

#: Bytes of a float32 or int32 lane.
LANE = 4

#: Bytes of an int64.
INDEX = 8

#: Sums that run side by side over every CHAINS-th feature, since in one chain each addition would wait for the one
#: before it. A power of two.
CHAINS = 4


def tokens_bytes(target: Target) -> int:
    """Return the bytes of a float32 or int32 for every token of a tile."""
    return target.tile * LANE


def load_tokens(builder: Builder, target: Target, pointer: Value, kind: Kind = Kind.F32) -> list[Value]:
    """Write loads of the ``dot`` vectors at ``pointer``, of float32 or int32 lanes."""
    type_ = Type(kind, target.lanes)
    return [builder.load(builder.at(pointer, vector * type_.size), type=type_) for vector in range(target.dot)]


def store_tokens(builder: Builder, vectors: Sequence[Value], pointer: Value) -> None:
    """Write stores of the vectors of a tile's tokens, one behind the other."""
    for number, vector in enumerate(vectors):
        builder.store(vector, builder.at(pointer, number * vector.type.size))


def joined(builder: Builder, vectors: Sequence[Value]) -> Value:
    """Write vectors as one, as many as a power of two: what is done with it is done with each of them in turns."""
    together = list(vectors)
    while len(together) > 1:
        lanes = tuple(range(2 * together[0].type.lanes))
        together = [builder.shuffle(a, b, lanes=lanes) for a, b in zip(together[::2], together[1::2], strict=True)]
    return together[0]


def parted(builder: Builder, vector: Value, count: int) -> list[Value]:
    """Write the other way round."""
    if count == 1:
        return [vector]
    lanes = vector.type.lanes // count
    return [
        builder.shuffle(vector, vector, lanes=tuple(range(part * lanes, (part + 1) * lanes))) for part in range(count)
    ]


def tile_of(builder: Builder, target: Target, pointer: Value, features: Value, tile: Value) -> Value:
    """Write where a tile begins in a tensor of floats."""
    place: Value = builder.offset(pointer, builder.mul(tile, builder.mul(features, tokens_bytes(target))))
    return place


def feature_of(builder: Builder, target: Target, tile: Value, feature: Value) -> Value:
    """Write where a feature begins in a tile that begins at ``tile``."""
    place: Value = builder.offset(tile, builder.mul(feature, tokens_bytes(target)))
    return place


def pooled_place(
    builder: Builder, target: Target, pointer: Value, features: Value, sequence: Value, feature: Value
) -> Value:
    """Write where a feature of a sequence is in a tensor of floats that has a row for every sequence."""
    lane = builder.and_(sequence, target.tile - 1)
    tile = builder.shr(sequence, bits=target.tile.bit_length() - 1)
    row = feature_of(builder, target, tile_of(builder, target, pointer, features, tile), feature)
    place: Value = builder.offset(row, builder.mul(lane, LANE))
    return place


def load_for_all(builder: Builder, target: Target, pointer: Value, index: Value) -> Value:
    """Write a load of the float32 number ``index`` of an array, for every lane."""
    number = builder.load(builder.offset(pointer, builder.mul(index, LANE)), type=Type(Kind.F32))
    spread: Value = builder.splat(number, lanes=target.lanes)
    return spread


def load_index(builder: Builder, pointer: Value, index: Value) -> Value:
    """Write a load of the int64 number ``index`` of an array."""
    loaded: Value = builder.load(builder.offset(pointer, builder.mul(index, INDEX)), type=I64)
    return loaded


def as_float(builder: Builder, count: Value, lanes: int) -> Value:
    """Write a count, below 2^24, as float32 in every lane."""
    spread: Value = builder.splat(builder.to_f32(builder.index_to_i32(count)), lanes=lanes)
    return spread


def sums_of_features(
    builder: Builder, target: Target, features: Value, values_of: Callable[[Value], Sequence[Value]],
    added: Callable[[Value, Value], Value], merged: Callable[[Value, Value], Value] | None = None,
) -> list[Value]:  # fmt: skip
    """
    Write sums over the features of a tile, or what ``added`` and ``merged`` make in place of sums, token by token.

    ``values_of(feature)`` writes what a feature brings, ``added(total, value)`` adds it, from 0 on. Feature k goes to
    chain k modulo ``CHAINS``, those after the last whole round to the first chain, and the chains are ``merged`` in
    pairs, by an addition unless told: one order for every target, so the same bits.
    """

    def step(totals: Sequence[Value], values: Sequence[Value]) -> list[Value]:
        return [added(total, value) for total, value in zip(totals, values, strict=True)]

    zeros = [builder.zeros(Type(Kind.F32, target.lanes))] * (CHAINS * target.dot)
    rest = builder.and_(features, CHAINS - 1)
    whole = builder.sub(features, rest)
    with builder.loop(0, whole, CHAINS, zeros) as main:
        values = [value for chain in range(CHAINS) for value in values_of(builder.add(main.index, chain))]
        main.hand_on(*step(main.carried, values))
    first, *others = (main.results[start : start + target.dot] for start in range(0, len(zeros), target.dot))
    with builder.loop(whole, features, 1, first) as tail:
        tail.hand_on(*step(tail.carried, values_of(tail.index)))
    chains = [tail.results, *others]
    merge = merged or builder.add
    while len(chains) > 1:
        pairs = zip(chains[::2], chains[1::2], strict=True)
        chains = [tuple(merge(a, b) for a, b in zip(*pair, strict=True)) for pair in pairs]
    return list(chains[0])
