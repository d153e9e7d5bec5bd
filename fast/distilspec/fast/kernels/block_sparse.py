"""
Block-sparse INT8 matrix products: blocks of 4 output features by 1 input feature, the paper's pattern.

Other block shapes whose height is a multiple of 4 are lists of such blocks, so this one kernel serves them all.

Codes of activations are ``[tile][K][tile tokens]``, one register a row, in the order in which interleaving ``dot`` rows
puts the tokens into their lanes. Four output features have a list of columns, padded to a multiple of ``dot``; for
every ``dot`` columns the kernel loads their rows, interleaves them, and multiplies by four broadcast groups of weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import I64, PTR, Function, Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.codes import FACTORS, PART
from distilspec.fast.kernels.epilogue import INTEGER_OPERANDS, Epilogue, coder_of, store_outputs
from distilspec.fast.kernels.panels import OFFSET, broadcast, factors, multiplied, vectors_at_once

#: Output features of a block.
ROWS = 4

#: Groups of columns whose rows are fetched ahead of their use; the offsets are padded by as many.
AHEAD = 8


def near_block_sparse(target: Target, vectors: int, epilogue: Epilogue) -> Function:
    """Return ``block_sparse`` for tiles whose codes stay in the first cache: nothing is fetched ahead."""
    return block_sparse(target, vectors, epilogue, near=True)


def block_sparse(target: Target, vectors: int, epilogue: Epilogue, *, near: bool = False) -> Function:
    """
    Return the kernel ``block_sparse.<vectors>.<epilogue>``: the first ``vectors`` vectors of each tile, for some rows.

    Its parameters, in this order, with the smallest sizes of the buffers:

    codes : pointer [tiles][inputs][tile tokens]
        Rows in ``token_order``: ``code_bytes(target, Layout.ROWS, inputs)`` bytes a tile.
    weights, columns, starts : pointers
        The arrays of ``PackedBlocks``: [group][4][dot]; int32 [group + AHEAD][dot], how far a column's row is from the
        start of a tile, in bytes; int64 [fours + 1], the first group of every four features.
    sums, w_scale, bias : pointers to int32, float32, float32 [features]
        The sum of each row of the weight, its scale, and what is added.
    x_scale, zero_point : pointers to float32, int32 [tiles][tile tokens]
        By token; zero points are those of the codes as they are held.
    ``epilogue.operands`` : pointers
        Its docstring gives their sizes.
    inputs, features : integers
        K and N, any numbers.
    tiles : integer
        All of them are computed.
    ``epilogue.numbers``
        The scale and the zero point of the codes that are written, if any.
    first, last : integers
        The fours of features from first until before last; there are features / 4, rounded up.

    Raises
    ------
    IrError
        Rows of codes are to be written, and not all tokens of a row are computed.
    """
    builder = Builder(
        f"{'near_' if near else ''}block_sparse.{vectors}.{epilogue.name}",
        **dict.fromkeys(("codes", "weights", "columns", "starts", *INTEGER_OPERANDS, *epilogue.operands), PTR),
        **dict.fromkeys(("inputs", "features", "tiles"), I64),
        **epilogue.numbers,
        **dict.fromkeys(("first", "last"), I64),
    )
    p = builder.parameters
    tile_size = builder.mul(p["inputs"], row_bytes(target))
    width = vectors_at_once(target, ROWS)
    coder = coder_of(builder, target, epilogue, vectors, p)
    with builder.loop(0, p["tiles"]) as tile:
        codes = builder.offset(p["codes"], builder.mul(tile.index, tile_size))
        with builder.loop(p["first"], p["last"]) as four:
            start = builder.offset(p["starts"], builder.mul(four.index, 8))
            group, end = (builder.load(builder.at(start, 8 * which), type=I64) for which in (0, 1))
            by_row: list[list[Value]] = [[] for _ in range(ROWS)]
            for skipped in range(0, vectors, width):
                some = range(skipped, min(skipped + width, vectors))
                for row, sums in zip(by_row, _products(builder, target, some, codes, p, group, end, near), strict=True):
                    row += sums
            store_outputs(builder, target, epilogue, by_row, p, builder.mul(four.index, ROWS), tile.index, coder)
    return builder.finish()


def row_bytes(target: Target) -> int:
    """Return the bytes of one feature's codes in a tile: those of a register."""
    return target.lanes * FACTORS


def token_order(target: Target) -> list[int]:
    """Return which token of a tile lies at each place of a row of codes."""
    return [
        target.lanes * vector + PART * part + lane
        for part in range(target.lanes // PART)
        for vector in range(target.dot)
        for lane in range(PART)
    ]


def _products(
    builder: Builder,
    target: Target,
    vectors: Sequence[int],
    codes: Value,
    p: Mapping[str, Value],
    first: Value,
    end: Value,
    near: bool,
) -> list[Sequence[Value]]:
    """Return the sums of four features and some vectors of a tile, feature by feature."""
    row = factors(target)
    width = len(vectors)
    zeros = [builder.zeros(Type(Kind.I32, target.lanes))] * (ROWS * width)
    with builder.loop(first, end, 1, zeros) as group:
        offsets = builder.offset(p["columns"], builder.mul(group.index, target.dot * OFFSET))
        rows = []
        for column in range(target.dot):
            rows.append(builder.load(builder.offset(codes, _offset(builder, offsets, column)), type=row))
            if vectors[0] == 0 and not near:
                builder.prefetch(builder.offset(codes, _offset(builder, offsets, column + AHEAD * target.dot)))
        tokens = _interleaved(builder, target, rows)
        here = builder.offset(p["weights"], builder.mul(group.index, ROWS * FACTORS))
        added = []
        for output in range(ROWS):
            weight = broadcast(builder, target, builder.at(here, output * FACTORS), row)
            sums = group.carried[output * width : (output + 1) * width]
            added += [
                multiplied(builder, target, total, tokens[vector], weight)
                for total, vector in zip(sums, vectors, strict=True)
            ]
        group.hand_on(*added)
    return [group.results[output * width : (output + 1) * width] for output in range(ROWS)]


def _offset(builder: Builder, offsets: Value, column: int) -> Value:
    narrow = builder.load(builder.at(offsets, column * OFFSET), type=Type(Kind.I32))
    wide: Value = builder.extend_index(narrow, signed=True)
    return wide


def _interleaved(builder: Builder, target: Target, rows: Sequence[Value]) -> Sequence[Value]:
    """Return vector by vector the codes of ``lanes`` tokens, the ``dot`` features of a token side by side."""
    if target.dot == 2:
        return _unpacked(builder, rows[0], rows[1])
    even, odd = (_unpacked(builder, *pair) for pair in ((rows[0], rows[1]), (rows[2], rows[3])))
    halves = []
    for first, second in zip(even, odd, strict=True):
        pairs = Type(Kind.I16, 2 * target.lanes)
        both = _unpacked(builder, *(builder.bits_as(x, type=pairs) for x in (first, second)))
        halves += [builder.bits_as(x, type=rows[0].type) for x in both]
    return halves


def _unpacked(builder: Builder, a: Value, b: Value) -> list[Value]:
    """Return the lower and the upper halves of every 128 bits of ``a`` and ``b``, interleaved."""
    lanes = a.type.lanes
    part = 16 // (a.type.size // lanes)
    halves = []
    for half in range(2):
        starts = [first + half * part // 2 for first in range(0, lanes, part)]
        order = [source for start in starts for at in range(start, start + part // 2) for source in (at, lanes + at)]
        halves.append(builder.shuffle(a, b, lanes=tuple(order)))
    return halves
