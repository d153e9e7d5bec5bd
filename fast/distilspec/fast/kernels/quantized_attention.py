"""
Attention whose products multiply codes, with tokens in the lanes, for a tile of queries and one head.

As ``attention`` it has queries in the lanes and keys below each other. A score is a sum of products of codes, exact,
times one scale; a weight is the code of exp(score - largest), so that the best key always has 255; the weighted sum is
exact too and is divided by the sum of the codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import F32, I64, PTR, Function, Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.attention import LINE, MOST_ROWS, blocks, feature_values
from distilspec.fast.kernels.attention_codes import PAIR, paired
from distilspec.fast.kernels.codes import Coder, Layout, store_codes
from distilspec.fast.kernels.exp import exp
from distilspec.fast.kernels.tiles import LANE, joined, store_tokens, tokens_bytes

#: The columns of ``places``: where a unit's operands start, in bytes.
PLACES = ("query", "key", "value", "bias", "counted", "result")

#: The code of a weight as large as the largest one.
MOST = 255

#: Vectors of queries that are computed together: their scores of some hundred keys stay in the first cache.
VECTORS = 2

_LEAST = float(np.finfo(np.float32).min)


def quantized_attention(target: Target, layout: Layout | None) -> Function:
    """
    Return the kernel ``quantized_attention.<layout>``, or ``quantized_attention.floats``.

    Its units are a head and a tile of queries. Its parameters are, in this order,

    =================================  ==============================================================================
    ``query`` ``key`` ``value``        what ``attention_codes`` wrote, values as ``Pairs.TOKENS``
    ``bias`` ``counts``                what ``key_bias`` wrote
    ``places``                         int64 [unit][6]: bytes from the start of each operand to the unit's part of it
    ``out``                            [tile][heads * head_dim][tile tokens] float32, or codes in ``layout``
    ``scratch``                        ``scratch_bytes`` for each worker
    ``score_scale`` ``value_scale``    float32: what sums of products of codes are multiplied by
    ``out_scale``                      float32; only with a ``layout``
    ``out_zero_point``                 integer; only with a ``layout``
    ``head_dim``                       integer; a multiple of dot for ``Layout.FACTORS``
    ``keys``                           integer: the tokens of a sequence in whole tiles
    ``key_stride`` ``value_stride``    integers: bytes from a tile of keys, or of values, to the next one
    ``scratch_size``                   integer: bytes from one worker's part of ``scratch`` to the next one's
    ``first`` ``last`` ``worker``      integers: the units from first until before last, and who computes them
    =================================  ==============================================================================

    The columns of ``places`` are those of ``attention``, but that the fourth is where the sequence's ``bias`` begins.
    A sequence without a kept key gives zeros.
    """
    quantised = {} if layout is None else {"out_scale": F32, "out_zero_point": I64}
    builder = Builder(
        f"quantized_attention.{layout or 'floats'}",
        **dict.fromkeys(("query", "key", "value", "bias", "counts", "places", "out", "scratch"), PTR),
        **dict.fromkeys(("score_scale", "value_scale"), F32),
        **quantised,
        **dict.fromkeys(
            ("head_dim", "keys", "key_stride", "value_stride", "scratch_size", "first", "last", "worker"), I64
        ),
    )
    p = builder.parameters
    weights = builder.offset(p["scratch"], builder.mul(p["worker"], p["scratch_size"]))
    coder = Coder.of_all(builder, target, p["out_scale"], p["out_zero_point"], target.tile) if layout else None
    with builder.loop(p["first"], p["last"]) as number:
        entry = builder.offset(p["places"], builder.mul(number.index, len(PLACES) * 8))
        place = {name: builder.load(builder.at(entry, at * 8), type=I64) for at, name in enumerate(PLACES)}
        query, key, value, bias = (builder.offset(p[name], place[name]) for name in ("query", "key", "value", "bias"))
        count = builder.load(builder.offset(p["counts"], place["counted"]), type=I64)
        out = builder.offset(p["out"], place["result"])
        means = (
            out if layout is None else builder.offset(weights, builder.mul(p["keys"], VECTORS * target.lanes * LANE))
        )
        with builder.loop(0, tokens_bytes(target), VECTORS * target.lanes * LANE) as some:
            here, there = builder.offset(query, some.index), builder.offset(means, some.index)
            unit = _Unit(builder, target, here, key, value, bias, count, p["head_dim"], weights)
            total = unit.weigh(unit.scores(p["score_scale"], p["key_stride"]))
            unit.means(total, p["value_scale"], p["value_stride"], there)
        if layout is not None and coder is not None:
            values_of = partial(feature_values, builder, target, means)
            store_codes(builder, target, layout, p["head_dim"], builder.index(0), values_of, coder, out)
    return builder.finish()


def scratch_bytes(target: Target, keys: int, head_dim: int, layout: Layout | None) -> int:
    """Return the memory that a worker needs: a row for each key of whole tiles and, with a layout, of means."""
    rows = -(-keys // target.tile) * target.tile
    means = 0 if layout is None else head_dim * tokens_bytes(target)
    return -(-(rows * VECTORS * target.lanes * LANE + means) // LINE) * LINE


@dataclass(frozen=True)
class _Unit:
    """
    A head and some vectors of queries; its methods write what is done with them, one after the other.

    ``row`` is a number for each query. ``weights`` points to rows: first the scores of each key, then words of the
    codes of each two keys.
    """

    builder: Builder
    target: Target
    query: Value
    key: Value
    value: Value
    bias: Value
    count: Value
    head_dim: Value
    weights: Value

    @property
    def row(self) -> Type:
        return Type(Kind.F32, VECTORS * self.target.lanes)

    @property
    def rows(self) -> int:
        """Return how many keys are looked at together, a power of 2."""
        return 1 << (self.most_rows.bit_length() - 1)

    @property
    def most_rows(self) -> int:
        """Return how many rows of sums fit the registers, beside a row of factors and a broadcast word."""
        return min(MOST_ROWS, (self.target.registers - 1) // VECTORS - 1)

    @property
    def keys(self) -> Value:
        """Return the keys that are looked at: the count up to a whole block."""
        keys: Value = self.builder.and_(self.builder.add(self.count, self.rows - 1), -self.rows)
        return keys

    def scores(self, scale: Value, stride: Value) -> Sequence[Value]:
        """Write the score of every key, and return the largest one of each query, which is finite."""
        builder, row, rows, wide = self.builder, self.row, self.rows, tokens_bytes(self.target)
        scales = builder.splat(scale, lanes=self.target.lanes)
        pairs = builder.shr(builder.add(self.head_dim, 1), bits=1)
        least = [builder.number(_LEAST, self.target.lanes)] * VECTORS
        with builder.loop(0, self.keys, rows, least) as block:
            largest = block.carried
            words = self._word(self.key, stride, block.index, LANE)
            with builder.loop(0, builder.mul(pairs, wide), wide, self._zeros(rows)) as pair:
                queries = self._load(builder.offset(self.query, pair.index), Kind.I32)
                here = builder.offset(words, pair.index)
                pair.hand_on(
                    *self._added(pair.carried, [builder.at(here, each * LANE) for each in range(rows)], queries)
                )
            here = builder.offset(self.weights, builder.mul(block.index, row.size))
            bias = builder.offset(self.bias, builder.mul(block.index, LANE))
            for each, products in enumerate(self._rows(pair.results)):
                hidden = builder.splat(builder.load(builder.at(bias, each * LANE), type=F32), lanes=self.target.lanes)
                scores = [builder.add(builder.mul(builder.to_f32(part), scales), hidden) for part in products]
                store_tokens(builder, scores, builder.at(here, each * row.size))
                largest = tuple(map(builder.max, scores, largest))
            block.hand_on(*largest)
        return block.results

    def weigh(self, largest: Sequence[Value]) -> Sequence[Value]:
        """Replace the scores by the codes of their weights, and return the sum of each query's codes."""
        builder, row = self.builder, self.row
        with builder.loop(0, self.keys, PAIR, self._zeros(1)) as pair:
            here = builder.offset(self.weights, builder.mul(pair.index, row.size))
            there = builder.offset(self.weights, builder.mul(builder.shr(pair.index, bits=1), row.size))
            scores = [self._load(builder.at(here, each * row.size)) for each in range(PAIR)]
            words = self._codes(scores, largest)
            store_tokens(builder, words, there)
            codes = [builder.bits_as(word, type=self._pairs) for word in words]
            both = zip(pair.carried, codes, strict=True)
            pair.hand_on(*(builder.dot2(total, two, builder.const(value=1, type=self._pairs)) for total, two in both))
        return pair.results

    def _codes(self, scores: Sequence[Sequence[Value]], largest: Sequence[Value]) -> list[Value]:
        """
        Return words of the codes of exp(score - largest) of two rows, computed side by side.

        A number below 2^22 is rounded to an integer, ties to even, where 3 * 2^22 is added to it, and the bits of that
        integer are the low bits of the sum.
        """
        builder, lanes = self.builder, self.target.lanes
        x = [builder.sub(score, most) for row in scores for score, most in zip(row, largest, strict=True)]
        shares = exp(builder, joined(builder, x))
        most, beyond = (builder.number(value, shares.type.lanes) for value in (MOST, 3 * 2**22))
        codes = builder.bits_as(builder.fma(shares, most, beyond), type=shares.type.of(Kind.I32))
        cuts = [tuple(range(start, start + lanes)) for start in range(0, codes.type.lanes, lanes)]
        apart = [builder.shuffle(codes, codes, lanes=cut) for cut in cuts]
        return [paired(builder, *two) for two in zip(apart[: len(largest)], apart[len(largest) :], strict=True)]

    def means(self, total: Sequence[Value], scale: Value, stride: Value, out: Value) -> None:
        """Write the sum of code * value over the keys, times the scale and divided by the sum of the codes."""
        builder, row, wide = self.builder, self.row, tokens_bytes(self.target)
        scales = builder.splat(scale, lanes=self.target.lanes)
        one = builder.number(1, self.target.lanes)
        shares = [builder.div(one, builder.max(builder.to_f32(part), 1.0)) for part in total]

        def block(start: Value, size: int, state: Sequence[Value]) -> Sequence[Value]:
            features = builder.offset(self.value, builder.mul(start, wide // PAIR))
            with builder.loop(0, self.keys, self.target.tile, self._zeros(size)) as tile:
                words = self._word(features, stride, tile.index, LANE // PAIR)
                weights = builder.offset(self.weights, builder.mul(tile.index, row.size // PAIR))
                end = builder.min(builder.sub(self.keys, tile.index), self.target.tile)
                with builder.loop(0, end, PAIR, tile.carried) as pair:
                    codes = self._load(builder.offset(weights, builder.mul(pair.index, row.size // PAIR)), Kind.I32)
                    here = builder.offset(words, builder.mul(pair.index, LANE // PAIR))
                    values = [builder.at(here, each * wide // PAIR) for each in range(size)]
                    pair.hand_on(*self._added(pair.carried, values, codes))
                tile.hand_on(*pair.results)
            here = builder.offset(out, builder.mul(start, wide))
            for each, products in enumerate(self._rows(tile.results)):
                parts = zip(products, shares, strict=True)
                means = [builder.mul(builder.mul(builder.to_f32(part), scales), share) for part, share in parts]
                store_tokens(builder, means, builder.at(here, each * wide))
            return state

        blocks(builder, self.head_dim, self.most_rows, [], block)

    @property
    def _pairs(self) -> Type:
        return Type(Kind.I16, PAIR * self.target.lanes)

    def _zeros(self, rows: int) -> list[Value]:
        return [self.builder.zeros(Type(Kind.I32, self.target.lanes))] * (rows * VECTORS)

    def _rows(self, sums: Sequence[Value]) -> list[Sequence[Value]]:
        """Return sums row by row."""
        return [sums[start : start + VECTORS] for start in range(0, len(sums), VECTORS)]

    def _load(self, pointer: Value, kind: Kind = Kind.F32) -> list[Value]:
        """Write loads of a row, of a number for each query."""
        type_ = Type(kind, self.target.lanes)
        return [self.builder.load(self.builder.at(pointer, each * type_.size), type=type_) for each in range(VECTORS)]

    def _word(self, start: Value, stride: Value, key: Value, each: int) -> Value:
        """Return where a key's words begin, of ``each`` bytes a key in tiles of ``stride`` bytes."""
        builder, tile = self.builder, self.target.tile
        place = builder.mul(builder.shr(key, bits=tile.bit_length() - 1), stride)
        word: Value = builder.offset(start, builder.add(place, builder.mul(builder.and_(key, tile - 1), each)))
        return word

    def _added(self, sums: Sequence[Value], words: Sequence[Value], factors: Sequence[Value]) -> list[Value]:
        """Return rows of ``sums`` with the products of broadcast words and a row of words added."""
        builder = self.builder
        rows = [builder.bits_as(factor, type=self._pairs) for factor in factors]
        added = []
        for word, row in zip(words, self._rows(sums), strict=True):
            spread = builder.splat(builder.load(word, type=Type(Kind.I32)), lanes=self.target.lanes)
            broadcast = builder.bits_as(spread, type=self._pairs)
            added += [builder.dot2(total, factor, broadcast) for total, factor in zip(row, rows, strict=True)]
        return added
