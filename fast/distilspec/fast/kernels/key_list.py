"""Where the keys lie that a mask keeps, so that attention never touches the others."""

from __future__ import annotations

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import I64, PTR, Function, Kind, Type
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.tiles import LANE

#: Bytes of an offset and of a count.
OFFSET = 8


def key_list(target: Target) -> Function:
    """
    Return the kernel ``key_list``, whose units are sequences.

    Its parameters are the pointers ``mask`` (u8 [batch][tokens], 1 keeps a key and 0 does not), ``keys`` (int64
    [batch][tokens], written: bytes from the first feature of the sequence's first token to that of each kept key) and
    ``counts`` (int64 [batch], written: how many keys are kept), and the integers ``tokens``, ``tile_stride`` (bytes
    of a tile of the floats that hold the keys: their features * tile * 4), ``first`` and ``last``.

    The keys that are kept come first, in order; what follows them has no meaning.
    """
    builder = Builder(
        "key_list",
        **dict.fromkeys(("mask", "keys", "counts"), PTR),
        **dict.fromkeys(("tokens", "tile_stride", "first", "last"), I64),
    )
    p = builder.parameters
    with builder.loop(p["first"], p["last"]) as sequence:
        mask = builder.offset(p["mask"], builder.mul(sequence.index, p["tokens"]))
        keys = builder.offset(p["keys"], builder.mul(sequence.index, builder.mul(p["tokens"], OFFSET)))
        with builder.loop(0, p["tokens"], 1, [builder.index(0)]) as token:
            (count,) = token.carried
            tile = builder.shr(token.index, bits=target.tile.bit_length() - 1)
            lane = builder.and_(token.index, target.tile - 1)
            place = builder.add(builder.mul(tile, p["tile_stride"]), builder.mul(lane, LANE))
            # the next key overwrites one that is not kept
            builder.store(place, builder.offset(keys, builder.mul(count, OFFSET)))
            kept = builder.load(builder.offset(mask, token.index), type=Type(Kind.I8))
            token.hand_on(builder.add(count, builder.extend_index(kept, signed=False)))
        builder.store(token.results[0], builder.offset(p["counts"], builder.mul(sequence.index, OFFSET)))
    return builder.finish()
