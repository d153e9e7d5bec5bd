"""
Block-sparse INT8 products whose blocks are ``dot`` input features wide, on targets with a ``pair_limit``.

They are those of ``dense`` without the steps that are all zeros: a step's four features share a block, so its codes lie
side by side and nothing has to be interleaved. Two steps are multiplied together where none of their fours is too much
for 16 bits, and the others one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import I64, Function, Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.codes import FACTORS
from distilspec.fast.kernels.dense_fours import STEPS_AHEAD, Block
from distilspec.fast.kernels.epilogue import INTEGER_OPERANDS, Epilogue
from distilspec.fast.kernels.panels import SumsOf, panel_kernel, vectors_at_once
from distilspec.fast.kernels.tiles import INDEX

#: What codes are multiplied by.
PRODUCTS = ("pair_weights", "pair_places", "pair_starts", "single_weights", "single_places", "single_starts")


def sparse_panels(target: Target, vectors: int, epilogue: Epilogue) -> Function:
    """
    Return the kernel ``sparse_panels.<vectors>.<epilogue>``: the first ``vectors`` vectors of each tile, some panels.

    Its parameters are those of ``dense``, but for what codes are multiplied by:

    pair_weights : pointer [steps][panel][dot]
        Those of panel after panel, an even number each; two after the other are multiplied together.
    pair_places : pointer to int32 [steps + STEPS_AHEAD]
        How far the codes of a step are from the start of a tile, in bytes.
    pair_starts : pointer to int64 [panels + 1]
        The first step of every panel.
    single_weights, single_places, single_starts : pointers
        Likewise, of the steps that are multiplied alone, any number; nothing is fetched ahead.

    Raises
    ------
    IrError
        Rows of codes are to be written, and not all tokens of a row are computed.
    """
    operands = ("codes", *PRODUCTS, *INTEGER_OPERANDS)
    return panel_kernel(target, "sparse_panels", vectors, epilogue, operands, _sums_of_steps(target, vectors))


def _sums_of_steps(target: Target, vectors: int) -> SumsOf:
    def sums_of(builder: Builder, p: Mapping[str, Value], panel: Value, x: Value) -> Sequence[Sequence[Value]]:
        pairs, singles = (_ends(builder, p[f"{which}_starts"], panel) for which in ("pair", "single"))
        zero, width = builder.zeros(Type(Kind.I32, target.lanes)), vectors_at_once(target, target.panel)
        by_row: list[list[Value]] = [[] for _ in range(target.panel)]
        for skipped in range(0, vectors, width):
            block = Block(builder, target, target.panel, min(width, vectors - skipped))
            some = builder.at(x, skipped * target.lanes * FACTORS)
            with builder.loop(*pairs, 2, [zero] * (block.rows * block.vectors)) as step:
                block.fetch(some, p["pair_places"], builder.add(step.index, STEPS_AHEAD))
                step.hand_on(*block.added(step.carried, some, p["pair_places"], p["pair_weights"], step.index))
            with builder.loop(*singles, 1, step.results) as alone:
                alone.hand_on(
                    *block.added_alone(alone.carried, some, p["single_places"], p["single_weights"], alone.index)
                )
            for row, of_row in enumerate(by_row):
                of_row += alone.results[row * block.vectors : (row + 1) * block.vectors]
        return by_row

    return sums_of


def _ends(builder: Builder, starts: Value, panel: Value) -> tuple[Value, Value]:
    """Return the first step of a panel and that of the next one."""
    start = builder.offset(starts, builder.mul(panel, INDEX))
    first, end = (builder.load(builder.at(start, which * INDEX), type=I64) for which in (0, 1))
    return first, end
