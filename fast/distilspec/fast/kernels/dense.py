"""
Dense INT8 matrix products with everything that follows them fused in.

Tokens lie in the lanes, output features side by side in registers. Codes of activations are ``[tile][K / dot][tile
tokens][dot]``, weights ``[N / panel][K / dot][panel][dot]``; both hold bytes where ``dot`` is 4 and 16-bit integers
where it is 2, padded with zeros. Floats are ``[tile][N][tile tokens]``.

Accumulators are exact. A token's results depend on nothing but its own codes, so they are the same bits for every
target, tile, batch and number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import I64, PTR, Function, Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.epilogue import LANE, OPERANDS, Epilogue, store_outputs

#: Bytes of the ``dot`` factors of a lane.
FACTORS = 4

#: Steps of the reduction that the inner loop takes at once: a power of two.
UNROLLED = 2


def dense(target: Target, vectors: int, epilogue: Epilogue) -> Function:
    """
    Return the kernel ``dense.<vectors>.<epilogue>``: ``vectors`` vectors of tokens of each tile, for some panels.

    Its parameters are the pointers ``codes``, ``weights`` and ``OPERANDS``, and the integers ``steps`` (K / dot),
    ``features`` (N, a multiple of panel), ``skipped`` (vectors of a tile that come before those that it computes),
    ``tiles``, ``first`` and ``last`` (the panels from first until before last).
    """
    builder = Builder(
        f"dense.{vectors}.{epilogue.name}",
        **dict.fromkeys(("codes", "weights", *OPERANDS), PTR),
        **dict.fromkeys(("steps", "features", "skipped", "tiles", "first", "last"), I64),
    )
    p = builder.parameters
    panel_size = builder.mul(p["steps"], target.panel * FACTORS)
    tile_size = builder.mul(p["steps"], target.tile * FACTORS)
    out_size = builder.mul(p["features"], target.tile * LANE)
    skipped = builder.mul(p["skipped"], target.lanes * FACTORS)
    with builder.loop(p["first"], p["last"]) as panel:
        weights = builder.offset(p["weights"], builder.mul(panel.index, panel_size))
        feature = builder.mul(panel.index, target.panel * LANE)
        with builder.loop(0, p["tiles"]) as tile:
            codes = builder.at(p["codes"], builder.mul(tile.index, tile_size), skipped)
            sums = _products(builder, target, vectors, codes, weights, p["steps"])
            token = builder.add(builder.mul(tile.index, target.tile * LANE), skipped)
            rows = builder.mul(feature, target.tile)
            element = builder.add(builder.add(builder.mul(tile.index, out_size), rows), skipped)
            by_row = [sums[row * vectors : (row + 1) * vectors] for row in range(target.panel)]
            store_outputs(builder, target, epilogue, by_row, p, feature, token, element)
    return builder.finish()


def _products(
    builder: Builder, target: Target, vectors: int, codes: Value, weights: Value, steps: Value
) -> Sequence[Value]:
    """Return the accumulators of one panel and one tile, feature by feature."""
    factor = factors(target)
    zeros = [builder.zeros(Type(Kind.I32, target.lanes))] * (target.panel * vectors)
    rest = builder.and_(steps, UNROLLED - 1)
    whole = builder.sub(steps, rest)

    def step(sums: Sequence[Value], index: Value, ahead: int) -> list[Value]:
        x = builder.at(codes, builder.mul(index, target.tile * FACTORS), ahead * target.tile * FACTORS)
        w = builder.at(weights, builder.mul(index, target.panel * FACTORS), ahead * target.panel * FACTORS)
        loaded = [builder.load(builder.at(x, v * target.lanes * FACTORS), type=factor) for v in range(vectors)]
        added = []
        for row in range(target.panel):
            weight = broadcast_factors(builder, target, builder.at(w, row * FACTORS))
            added += [dot_product(builder, target, sums[row * vectors + v], loaded[v], weight) for v in range(vectors)]
        return added

    with builder.loop(0, whole, UNROLLED, zeros) as main:
        sums: Sequence[Value] = main.carried
        for ahead in range(UNROLLED):
            sums = step(sums, main.index, ahead)
        main.hand_on(*sums)
    with builder.loop(whole, steps, 1, main.results) as last:
        last.hand_on(*step(last.carried, last.index, 0))
    return last.results


def factors(target: Target) -> Type:
    """Return the type of ``dot`` codes or weights in every lane."""
    return Type(Kind.I8, 4 * target.lanes) if target.dot == 4 else Type(Kind.I16, 2 * target.lanes)


def dot_product(builder: Builder, target: Target, accumulator: Value, codes: Value, weights: Value) -> Value:
    """Return ``accumulator`` with the products of ``codes`` and ``weights`` added, by the instruction of the target."""
    opcode = {2: builder.dot2, 4: builder.dot4}[target.dot]
    total: Value = opcode(accumulator, codes, weights, signed=target.signed_codes)
    return total


def broadcast_factors(builder: Builder, target: Target, pointer: Value) -> Value:
    """Return the ``dot`` weights at ``pointer`` in every lane."""
    together = builder.splat(builder.load(pointer, type=Type(Kind.I32)), lanes=target.lanes)
    spread: Value = builder.bits_as(together, type=factors(target))
    return spread
