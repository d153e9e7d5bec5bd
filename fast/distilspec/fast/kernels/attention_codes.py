"""
Attention whose products multiply codes: what becomes of floats before it, and of a mask.

Codes are held less their zero points, in 16 bits, two to a word of 32: two features of a query or key, or one feature
of two values that follow each other. So products need no correction, and a sum of two, at most 2 * 255 * 255, fits.
"""

from __future__ import annotations

import math
from enum import StrEnum

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import F32, I64, PTR, Function, Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.codes import Coder
from distilspec.fast.kernels.tiles import LANE, feature_of, load_tokens, store_tokens, tokens_bytes

#: Codes in a word.
PAIR = 2

_BITS = 16


class Pairs(StrEnum):
    """Which two codes share a word."""

    FEATURES = "features"
    """[head_dim / 2, rounded up][tile tokens]: queries and keys."""
    TOKENS = "tokens"
    """[head_dim][tile tokens / 2]: values."""


def words_bytes(target: Target, pairs: Pairs, head_dim: int) -> int:
    """Return the bytes of the words of a head of a tile."""
    rows = -(-head_dim // PAIR) if pairs is Pairs.FEATURES else head_dim
    return rows * tokens_bytes(target) // (1 if pairs is Pairs.FEATURES else PAIR)


def attention_codes(target: Target, pairs: Pairs) -> Function:
    """
    Return the kernel ``attention_codes.<pairs>``, whose units are heads of tiles.

    Its parameters are, in this order,

    =========================  ========================================================================================
    ``x``                      float32 [tile][features][tile tokens]
    ``starts``                 int64 [unit]: bytes from the start of ``x`` to the head's first feature in the tile
    ``out``                    [unit] of words, as ``pairs`` says, written
    ``scale``                  float32
    ``low`` ``high``           float32: the first and the last code, less the zero point
    ``head_dim``               integer
    ``size``                   integer: ``words_bytes``
    ``first`` ``last``         integers: the units from first until before last
    =========================  ========================================================================================

    A code less its zero point is the quotient, rounded and saturated, by the clauses of ``quantize``.
    """
    builder = Builder(
        f"attention_codes.{pairs}",
        **dict.fromkeys(("x", "starts", "out"), PTR),
        **dict.fromkeys(("scale", "low", "high"), F32),
        **dict.fromkeys(("head_dim", "size", "first", "last"), I64),
    )
    p = builder.parameters
    scale, low, high = (builder.splat(p[name], lanes=target.lanes) for name in ("scale", "low", "high"))
    coder = Coder.between(builder, scale, low, high, builder.zeros(Type(Kind.I32, target.lanes)))
    odd = builder.and_(p["head_dim"], 1)

    def codes_of(feature: Value, x: Value) -> list[Value]:
        return [coder.codes(each) for each in load_tokens(builder, target, feature_of(builder, target, x, feature))]

    with builder.loop(p["first"], p["last"]) as unit:
        start = builder.load(builder.offset(p["starts"], builder.mul(unit.index, 8)), type=I64)
        x = builder.offset(p["x"], start)
        out = builder.offset(p["out"], builder.mul(unit.index, p["size"]))
        if pairs is Pairs.TOKENS:
            with builder.loop(0, p["head_dim"]) as feature:
                narrow = [builder.truncate(each, kind=Kind.I16) for each in codes_of(feature.index, x)]
                store_tokens(
                    builder, narrow, builder.offset(out, builder.mul(feature.index, tokens_bytes(target) // PAIR))
                )
        else:
            with builder.loop(0, builder.sub(p["head_dim"], odd), PAIR) as feature:
                together = zip(codes_of(feature.index, x), codes_of(builder.add(feature.index, 1), x), strict=True)
                words = [paired(builder, *codes) for codes in together]
                store_tokens(
                    builder, words, builder.offset(out, builder.mul(feature.index, tokens_bytes(target) // PAIR))
                )
            with builder.loop(builder.sub(p["head_dim"], odd), p["head_dim"]) as feature:
                words = [paired(builder, each, builder.zeros(each.type)) for each in codes_of(feature.index, x)]
                store_tokens(
                    builder, words, builder.offset(out, builder.mul(feature.index, tokens_bytes(target) // PAIR))
                )
    return builder.finish()


def paired(builder: Builder, first: Value, second: Value) -> Value:
    """Write words of two int32 vectors of codes; ``first`` has the low bits."""
    word: Value = builder.or_(builder.and_(first, 2**_BITS - 1), builder.shl(second, bits=_BITS))
    return word


def key_bias(_target: Target) -> Function:
    """
    Return the kernel ``key_bias``, whose units are sequences.

    Its parameters are the pointers ``mask`` (u8 [batch][tokens], 1 keeps a key and 0 does not), ``bias`` (float32
    [batch][padded], written: 0 for a key that is kept, -infinity for others) and ``counts`` (int64 [batch], written:
    how many keys there are up to the last one that is kept), and the integers ``tokens``, ``padded`` (the tokens of
    whole tiles), ``first`` and ``last``.
    """
    builder = Builder(
        "key_bias",
        **dict.fromkeys(("mask", "bias", "counts"), PTR),
        **dict.fromkeys(("tokens", "padded", "first", "last"), I64),
    )
    p = builder.parameters
    hidden, kept = builder.number(-math.inf), builder.number(0)
    with builder.loop(p["first"], p["last"]) as sequence:
        mask = builder.offset(p["mask"], builder.mul(sequence.index, p["tokens"]))
        bias = builder.offset(p["bias"], builder.mul(sequence.index, builder.mul(p["padded"], LANE)))
        with builder.loop(0, p["tokens"], 1, [builder.index(0)]) as token:
            byte = builder.load(builder.offset(mask, token.index), type=Type(Kind.I8))
            is_hidden = builder.equal(builder.extend_index(byte, signed=False), 0)
            builder.store(builder.select(is_hidden, hidden, kept), builder.offset(bias, builder.mul(token.index, LANE)))
            token.hand_on(builder.select(is_hidden, token.carried[0], builder.add(token.index, 1)))
        with builder.loop(p["tokens"], p["padded"]) as beyond:
            builder.store(hidden, builder.offset(bias, builder.mul(beyond.index, LANE)))
        builder.store(token.results[0], builder.offset(p["counts"], builder.mul(sequence.index, 8)))
    return builder.finish()
