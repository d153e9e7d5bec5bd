"""
The loops of matrix products with weights in panels: those of ``dense`` and of ``linear``.

Tokens lie in the lanes, output features side by side in registers. A block of tiles stays in the second cache while it
is multiplied by one panel after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import I64, PTR, Function, Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.codes import FACTORS
from distilspec.fast.kernels.epilogue import Epilogue, coder_of, store_outputs

#: Steps of the reduction that the inner loop takes at once: a power of two.
UNROLLED = 2

#: Bytes of how far something is from the start of a tile.
OFFSET = 4

#: Writes the sums of a panel: from the parameters, the panel's number, and where a tile's activations begin, one row of
#: vectors for each feature.
SumsOf = Callable[[Builder, Mapping[str, Value], Value, Value], Sequence[Sequence[Value]]]


def panel_kernel(
    target: Target, name: str, vectors: int, epilogue: Epilogue, operands: Sequence[str], sums_of: SumsOf
) -> Function:
    """
    Return the kernel ``<name>.<vectors>.<epilogue>``: the first ``vectors`` vectors of each tile, for some panels.

    A step of the reduction takes 4 bytes of a token and 4 bytes of a feature, a float32 or ``dot`` codes.

    Parameters
    ----------
    operands : sequence of str
        The pointers to the activations, to what they are multiplied by, and to what becomes of the sums.
    sums_of : SumsOf
        Multiplies.

    Raises
    ------
    IrError
        Rows of codes are to be written, and not all tokens of a row are computed.
    """
    builder = Builder(
        f"{name}.{vectors}.{epilogue.name}",
        **dict.fromkeys((*operands, *epilogue.operands), PTR),
        **dict.fromkeys(("steps", "features", "tiles", "block"), I64),
        **epilogue.numbers,
        **dict.fromkeys(("first", "last"), I64),
    )
    p = builder.parameters
    tile_size = builder.mul(p["steps"], target.tile * FACTORS)
    coder = coder_of(builder, target, epilogue, vectors, p)
    with (
        builder.loop(0, p["tiles"], p["block"]) as block,
        builder.loop(p["first"], p["last"]) as panel,
        builder.loop(block.index, builder.min(builder.add(block.index, p["block"]), p["tiles"])) as tile,
    ):
        x = builder.offset(p[operands[0]], builder.mul(tile.index, tile_size))
        by_row = sums_of(builder, p, panel.index, x)
        store_outputs(builder, target, epilogue, by_row, p, builder.mul(panel.index, target.panel), tile.index, coder)
    return builder.finish()


def sums_in_order(target: Target, vectors: int, factor: Type, rows: int) -> SumsOf:
    """
    Return what multiplies one step after the other.

    Parameters
    ----------
    vectors : int
        The first ones of a tile that are computed.
    factor : Type
        ``factors(target)``, or float32 lanes.
    rows : int
        Output features that are computed at once and whose weights lie side by side; divides the panel.
    """

    def sums_of(builder: Builder, p: Mapping[str, Value], panel: Value, x: Value) -> Sequence[Sequence[Value]]:
        weights = builder.offset(p["weights"], builder.mul(panel, builder.mul(p["steps"], target.panel * FACTORS)))
        part_size = builder.mul(p["steps"], rows * FACTORS)
        width = vectors_at_once(target, rows)
        by_row: list[list[Value]] = [[] for _ in range(target.panel)]
        for part in range(target.panel // rows):
            here = builder.offset(weights, builder.mul(part_size, part))
            for skipped in range(0, vectors, width):
                some = builder.at(x, skipped * target.lanes * FACTORS)
                block = _Block(builder, target, factor, rows, min(width, vectors - skipped))
                sums = block.products(some, here, p["steps"])
                for row in range(rows):
                    by_row[part * rows + row] += sums[row * block.vectors : (row + 1) * block.vectors]
        return by_row

    return sums_of


@dataclass(frozen=True)
class _Block:
    """Sums of some output features and some vectors of a tile, feature by feature, as many as registers hold."""

    builder: Builder
    target: Target
    factor: Type
    rows: int
    vectors: int

    def products(self, x: Value, weights: Value, steps: Value) -> Sequence[Value]:
        """Return the sums of all steps."""
        builder = self.builder
        kind = Kind.F32 if self.factor.kind is Kind.F32 else Kind.I32
        zeros = [builder.zeros(Type(kind, self.target.lanes))] * (self.rows * self.vectors)
        rest = builder.and_(steps, UNROLLED - 1)
        whole = builder.sub(steps, rest)
        x_size, w_size = self.target.tile * FACTORS, self.rows * FACTORS

        def step(sums: Sequence[Value], index: Value, ahead: int) -> list[Value]:
            tokens = builder.at(x, builder.mul(index, x_size), ahead * x_size)
            return self._step(tokens, builder.at(weights, builder.mul(index, w_size), ahead * w_size), sums)

        with builder.loop(0, whole, UNROLLED, zeros) as main:
            sums: Sequence[Value] = main.carried
            for ahead in range(UNROLLED):
                sums = step(sums, main.index, ahead)
            main.hand_on(*sums)
        with builder.loop(whole, steps, 1, main.results) as last:
            last.hand_on(*step(last.carried, last.index, 0))
        return last.results

    def _step(self, x: Value, weights: Value, sums: Sequence[Value]) -> list[Value]:
        """Return ``sums`` with the products of one step of the reduction added."""
        builder, target = self.builder, self.target
        size = target.lanes * FACTORS
        tokens = [builder.load(builder.at(x, vector * size), type=self.factor) for vector in range(self.vectors)]
        added = []
        for row in range(self.rows):
            weight = broadcast(builder, target, builder.at(weights, row * FACTORS), self.factor)
            old = sums[row * self.vectors : (row + 1) * self.vectors]
            added += [multiplied(builder, target, total, x, weight) for total, x in zip(old, tokens, strict=True)]
        return added


def vectors_at_once(target: Target, rows: int) -> int:
    """Return how many of a tile's vectors have their sums in registers, for some output features."""
    return target.dot if rows * target.dot < target.registers else target.dot // 2


def factors(target: Target) -> Type:
    """Return the type of ``dot`` codes or weights in every lane."""
    return Type(Kind.I8, 4 * target.lanes) if target.dot == 4 else Type(Kind.I16, 2 * target.lanes)


def multiplied(builder: Builder, target: Target, total: Value, x: Value, weights: Value) -> Value:
    """Return ``total`` with the products of ``x`` and ``weights`` added, by the instruction of the target."""
    if total.type.kind is Kind.F32:
        chained: Value = builder.fma(x, weights, total)
        return chained
    opcode = {2: builder.dot2, 4: builder.dot4}[target.dot]
    added: Value = opcode(total, x, weights, signed=target.signed_codes)
    return added


def broadcast(builder: Builder, target: Target, pointer: Value, factor: Type) -> Value:
    """Return the 4 bytes at ``pointer``, a float32 or ``dot`` weights, in every lane."""
    together = builder.splat(builder.load(pointer, type=Type(Kind.I32)), lanes=target.lanes)
    spread: Value = builder.bits_as(together, type=factor)
    return spread
