"""
Attention, with tokens in the lanes: scores, softmax and the weighted sum of values for a tile of queries and one head.

Queries lie in the lanes, keys below each other: a score is a broadcast element of a key times a vector of queries, the
softmax goes down the keys, and the result is a broadcast element of a value times a vector of weights. So a query's
result depends on nothing but its own row and the kept keys in their order, and every target gives the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import F32, I64, PTR, Function, Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.codes import Coder, Layout, store_codes
from distilspec.fast.kernels.exp import exp
from distilspec.fast.kernels.key_list import OFFSET
from distilspec.fast.kernels.tiles import feature_of, load_tokens, tokens_bytes

#: The columns of ``places``: where a unit's operands start, in bytes.
PLACES = ("query", "key", "value", "listed", "counted", "result")

#: Workers' scratch memory starts at multiples of this, a cache line.
LINE = 64

#: Registers of exponentials that are computed side by side, because each is a long chain of instructions.
EXPONENTIALS = 4

#: Keys or features whose elements are broadcast in an inner loop: at most so many, for each needs an address.
MOST_ROWS = 8

State = Sequence[Value]
Block = Callable[[Value, int, State], State]


def attention(target: Target, layout: Layout | None) -> Function:
    """
    Return the kernel ``attention.<layout>``, or ``attention.floats``.

    Its units are a head and a tile of queries. Its parameters are, in this order,

    =================================  ==============================================================================
    ``query`` ``key`` ``value``        float32 [tile][features][tile tokens]; may be parts of one buffer
    ``keys`` ``counts``                what ``key_list`` wrote for the tile stride of ``key`` and ``value``
    ``places``                         int64 [unit][6]: bytes from the start of each operand to the unit's part of it
    ``out``                            [tile][heads * head_dim][tile tokens] float32, or codes in ``layout``
    ``scratch``                        ``scratch_bytes`` for each worker
    ``scale``                          float32: what scores are multiplied by
    ``out_scale``                      float32; only with a ``layout``
    ``out_zero_point``                 integer; only with a ``layout``
    ``head_dim``                       integer; a multiple of dot for ``Layout.FACTORS``
    ``scratch_size``                   integer: bytes from one worker's part of ``scratch`` to the next one's
    ``first`` ``last`` ``worker``      integers: the units from first until before last, and who computes them
    =================================  ==============================================================================

    The columns of ``places`` are

    0. in ``query``, the head's first feature in the tile of queries,
    1. in ``key``, the head's first feature in the first tile of the sequence,
    2. in ``value``, the same,
    3. in ``keys``, the sequence's list,
    4. in ``counts``, the sequence's count,
    5. in ``out``, the head's first feature in the tile of queries.

    A sequence without a kept key gives zeros. Lanes beyond the sequence's length get some value. Units of one head that
    follow each other find its keys in the cache.
    """
    quantised = {} if layout is None else {"out_scale": F32, "out_zero_point": I64}
    builder = Builder(
        f"attention.{layout or 'floats'}",
        **dict.fromkeys(("query", "key", "value", "keys", "counts", "places", "out", "scratch"), PTR),
        scale=F32,
        **quantised,
        **dict.fromkeys(("head_dim", "scratch_size", "first", "last", "worker"), I64),
    )
    p = builder.parameters
    weights = builder.offset(p["scratch"], builder.mul(p["worker"], p["scratch_size"]))
    coder = Coder.of_all(builder, target, p["out_scale"], p["out_zero_point"], target.tile) if layout else None
    with builder.loop(p["first"], p["last"]) as number:
        entry = builder.offset(p["places"], builder.mul(number.index, len(PLACES) * OFFSET))
        place = {name: builder.load(builder.at(entry, at * OFFSET), type=I64) for at, name in enumerate(PLACES)}
        query, key, value = (builder.offset(p[name], place[name]) for name in ("query", "key", "value"))
        keys = builder.offset(p["keys"], place["listed"])
        count = builder.load(builder.offset(p["counts"], place["counted"]), type=I64)
        out = builder.offset(p["out"], place["result"])
        unit = _Unit(builder, target, query, key, value, keys, count, p["head_dim"], weights)
        total = unit.exponentials(unit.scores(p["scale"]))
        if layout is None or coder is None:
            unit.means(total, out)
        else:
            means = builder.offset(weights, builder.mul(count, unit.row.size))
            unit.means(total, means)
            values_of = partial(feature_values, builder, target, means)
            store_codes(builder, target, layout, p["head_dim"], builder.index(0), values_of, coder, out)
    return builder.finish()


def scratch_bytes(target: Target, keys: int, head_dim: int, layout: Layout | None) -> int:
    """Return the memory that a worker needs: a row of weights for each key and, with a layout, of means."""
    rows = keys + (0 if layout is None else head_dim)
    return -(-rows * tokens_bytes(target) // LINE) * LINE


def feature_values(builder: Builder, target: Target, means: Value, feature: Value) -> list[Value]:
    """Write loads of a feature of a tile's tokens."""
    return load_tokens(builder, target, feature_of(builder, target, means, feature))


@dataclass(frozen=True)
class _Unit:
    """
    A head and a tile of queries; its methods write what is done with them, one after the other.

    ``row`` is a number for each query. ``weights`` points to rows, one a kept key: first its scores, then exp of them.
    """

    builder: Builder
    target: Target
    query: Value
    key: Value
    value: Value
    keys: Value
    count: Value
    head_dim: Value
    weights: Value

    @property
    def row(self) -> Type:
        return Type(Kind.F32, self.target.tile)

    @property
    def rows(self) -> int:
        """Return how many rows of sums an inner loop has: what fits beside a row of factors and a broadcast element."""
        return min(MOST_ROWS, (self.target.registers - 1) // self.target.dot - 1)

    def scores(self, scale: Value) -> Value:
        """Write scale * (query . key) of every kept key, and return the largest score of each query."""
        builder, row, stride = self.builder, self.row, tokens_bytes(self.target)
        scales = builder.splat(scale, lanes=row.lanes)
        end = builder.mul(self.head_dim, stride)

        def block(start: Value, size: int, state: State) -> State:
            (largest,) = state
            listed = builder.offset(self.keys, builder.mul(start, OFFSET))
            offsets = [builder.load(builder.at(listed, each * OFFSET), type=I64) for each in range(size)]
            starts = [builder.offset(self.key, offset) for offset in offsets]
            with builder.loop(0, end, stride, [builder.zeros(row)] * size) as feature:
                queries = builder.load(builder.offset(self.query, feature.index), type=row)
                elements = [builder.offset(start, feature.index) for start in starts]
                feature.hand_on(*_added(builder, feature.carried, elements, queries))
            here = builder.offset(self.weights, builder.mul(start, row.size))
            for each, product in enumerate(feature.results):
                score = builder.mul(product, scales)
                builder.store(score, builder.at(here, each * row.size))
                largest = builder.max(score, largest)
            return [largest]

        (largest,) = blocks(builder, self.count, self.rows, [builder.number(-math.inf, row.lanes)], block)
        return largest

    def exponentials(self, largest: Value) -> Value:
        """
        Replace every score by exp(score - largest), and return the sum of each query's.

        Where ``exp`` ends, at 1.01 * 2^-126, a weight is up to that too large. So a mean y of n values v is off by
        1.01 (sum of |v| + n |y|) 2^-126 at most, for which the bound has (3 sum of |v| + (n + 2) |y|) 2^-126, and
        u |y| for a sum that is not made: it has n roundings, and n - 1 sums are made.
        """
        builder, row = self.builder, self.row

        def block(start: Value, size: int, state: State) -> State:
            (total,) = state
            here = builder.offset(self.weights, builder.mul(start, row.size))
            most = builder.shuffle(largest, largest, lanes=tuple(range(row.lanes)) * size)
            x = builder.sub(builder.load(here, type=most.type), most)
            made = builder.max(exp(builder, x), x)  # x is never the larger one, but may be NaN
            builder.store(made, here)
            for each in range(size):
                lanes = tuple(range(each * row.lanes, (each + 1) * row.lanes))
                total = builder.add(total, builder.shuffle(made, made, lanes=lanes))
            return [total]

        together = EXPONENTIALS // self.target.dot
        (total,) = blocks(builder, self.count, together, [builder.zeros(row)], block)
        return total

    def means(self, total: Value, out: Value) -> None:
        """Write the sum of weight * value over the keys, divided by ``total``, for each feature."""
        builder, row, stride = self.builder, self.row, tokens_bytes(self.target)
        # the total is 1 or more where there is a key
        share = builder.div(builder.number(1, row.lanes), builder.max(total, 1.0))

        def block(start: Value, size: int, state: State) -> State:
            first = builder.mul(start, stride)
            features = builder.offset(self.value, first)
            with builder.loop(0, self.count, 1, [builder.zeros(row)] * size) as key:
                offset = builder.load(builder.offset(self.keys, builder.mul(key.index, OFFSET)), type=I64)
                weight = builder.load(builder.offset(self.weights, builder.mul(key.index, row.size)), type=row)
                elements = [builder.at(features, offset, each * stride) for each in range(size)]
                key.hand_on(*_added(builder, key.carried, elements, weight))
            here = builder.offset(out, first)
            for each, summed in enumerate(key.results):
                builder.store(builder.mul(summed, share), builder.at(here, each * stride))
            return state

        blocks(builder, self.head_dim, self.rows, [], block)


def blocks(builder: Builder, stop: Value, largest: int, state: State, block: Block) -> State:
    """
    Write ``block(start, size, state)`` for all of 0 until ``stop``, and return the last state.

    Blocks of ``largest`` come first, then at most one of each smaller power of 2.
    """
    done = builder.index(0)
    smaller = [2**power for power in reversed(range(largest.bit_length())) if 2**power < largest]
    for size in (largest, *smaller):
        with builder.loop(done, builder.sub(stop, size - 1), size, [done, *state]) as loop:
            following = block(loop.index, size, loop.carried[1:])
            loop.hand_on(builder.add(loop.index, size), *following)
        done, *state = loop.results
    return state


def _added(builder: Builder, sums: State, elements: Sequence[Value], factor: Value) -> list[Value]:
    """Return ``sums`` with the products of broadcast elements and a row added."""
    added = []
    for element, total in zip(elements, sums, strict=True):
        spread = builder.splat(builder.load(element, type=F32), lanes=factor.type.lanes)
        added.append(builder.fma(spread, factor, total))
    return added
