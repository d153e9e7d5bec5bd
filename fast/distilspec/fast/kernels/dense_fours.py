"""
The sums of ``dense`` on targets with a ``pair_limit``: two steps at once, four of their products added in 16 bits.

Any two steps may be multiplied together. Who packs the weights pairs them so that hardly any four weights are too much
for 16 bits (``fours.py``), and takes out of the others what is. That is multiplied for one feature at a time, in pairs
of steps as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import I64, Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.codes import FACTORS
from distilspec.fast.kernels.panels import OFFSET, SumsOf, broadcast, factors, multiplied, vectors_at_once
from distilspec.fast.kernels.tiles import INDEX

#: What codes are multiplied by.
PRODUCTS = ("weights", "places", "extra_weights", "extra_places", "extra_starts")

#: Steps whose codes are fetched ahead of their use; ``places`` is padded by as many.
STEPS_AHEAD = 16


def sums_in_fours(target: Target, vectors: int) -> SumsOf:
    """
    Return what multiplies the codes of the first ``vectors`` vectors of a tile by a panel's weights.

    The parameters of the kernel that it reads, ``even`` being ``steps`` rounded up to an even number:

    weights : pointer [panels][even][panel][dot]
        Steps 0 and 1, 2 and 3, and so on are multiplied together.
    places : pointer to int32 [panels * even + STEPS_AHEAD]
        How far the codes of a step are from the start of a tile, in bytes.
    extra_weights, extra_places : pointers [extra steps][dot], and to int32 [extra steps]
        Likewise for one feature, an even number of steps each.
    extra_starts : pointer to int64 [panels * panel + 1]
        The first extra step of every feature.
    """

    def sums_of(builder: Builder, p: Mapping[str, Value], panel: Value, x: Value) -> Sequence[Sequence[Value]]:
        even = builder.and_(builder.add(p["steps"], 1), -2)
        before = builder.mul(panel, even)
        weights = builder.offset(p["weights"], builder.mul(before, target.panel * FACTORS))
        places = builder.offset(p["places"], builder.mul(before, OFFSET))
        zero, width = builder.zeros(Type(Kind.I32, target.lanes)), vectors_at_once(target, target.panel)
        by_row: list[list[Value]] = [[] for _ in range(target.panel)]
        for skipped in range(0, vectors, width):
            block = Block(builder, target, target.panel, min(width, vectors - skipped))
            some = builder.at(x, skipped * target.lanes * FACTORS)
            with builder.loop(0, even, 2, [zero] * (block.rows * block.vectors)) as step:
                block.fetch(some, places, builder.add(step.index, STEPS_AHEAD))
                step.hand_on(*block.added(step.carried, some, places, weights, step.index))
            for row, of_row in enumerate(by_row):
                of_row += step.results[row * block.vectors : (row + 1) * block.vectors]
        return [_with_extra(builder, target, p, panel, row, x, of_row) for row, of_row in enumerate(by_row)]

    return sums_of


def _with_extra(
    builder: Builder, target: Target, p: Mapping[str, Value], panel: Value, row: int, x: Value, sums: Sequence[Value]
) -> Sequence[Value]:
    """Return one feature's ``sums`` with the products of what was taken from its weights added."""
    feature = builder.add(builder.mul(panel, target.panel), row)
    start = builder.offset(p["extra_starts"], builder.mul(feature, INDEX))
    first, end = (builder.load(builder.at(start, which * INDEX), type=I64) for which in (0, 1))
    block = Block(builder, target, 1, len(sums))
    with builder.loop(first, end, 2, sums) as step:
        step.hand_on(*block.added(step.carried, x, p["extra_places"], p["extra_weights"], step.index))
    return step.results


@dataclass(frozen=True)
class Block:
    """Sums of some output features and some vectors of a tile, feature by feature, as many as registers hold."""

    builder: Builder
    target: Target
    rows: int
    vectors: int

    def added(self, sums: Sequence[Value], x: Value, places: Value, weights: Value, step: Value) -> list[Value]:
        """Return ``sums`` with the products of a step and of the next one added."""
        builder, target, factor = self.builder, self.target, factors(self.target)
        here = builder.offset(weights, builder.mul(step, self.rows * FACTORS))
        codes = [self._loaded(tokens) for tokens in self._codes(x, places, step)]
        made = []
        for row in range(self.rows):
            b, d = (
                broadcast(builder, target, builder.at(here, (which * self.rows + row) * FACTORS), factor)
                for which in (0, 1)
            )
            old = sums[row * self.vectors : (row + 1) * self.vectors]
            made += [builder.dot8(total, a, b, c, d) for total, a, c in zip(old, *codes, strict=True)]
        return made

    def added_alone(self, sums: Sequence[Value], x: Value, places: Value, weights: Value, step: Value) -> list[Value]:
        """Return ``sums`` with the products of one step added."""
        builder, target, factor = self.builder, self.target, factors(self.target)
        here = builder.offset(weights, builder.mul(step, self.rows * FACTORS))
        codes = self._loaded(self._codes(x, places, step, 1)[0])
        made = []
        for row in range(self.rows):
            weight = broadcast(builder, target, builder.at(here, row * FACTORS), factor)
            old = sums[row * self.vectors : (row + 1) * self.vectors]
            made += [multiplied(builder, target, total, a, weight) for total, a in zip(old, codes, strict=True)]
        return made

    def fetch(self, x: Value, places: Value, step: Value) -> None:
        """Fetch the codes of a step and of the next one."""
        for tokens in self._codes(x, places, step):
            self.builder.prefetch(tokens)

    def _loaded(self, tokens: Value) -> list[Value]:
        builder, size = self.builder, self.target.lanes * FACTORS
        factor = factors(self.target)
        return [builder.load(builder.at(tokens, vector * size), type=factor) for vector in range(self.vectors)]

    def _codes(self, x: Value, places: Value, step: Value, steps: int = 2) -> list[Value]:
        """Return where the codes of a step and of those after it are."""
        builder = self.builder
        place = builder.offset(places, builder.mul(step, OFFSET))
        offsets = [builder.load(builder.at(place, which * OFFSET), type=Type(Kind.I32)) for which in range(steps)]
        return [builder.offset(x, builder.extend_index(offset, signed=True)) for offset in offsets]
