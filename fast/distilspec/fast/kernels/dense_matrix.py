"""
The products of ``dense`` by squares of ``MATRIX`` features and tokens, on targets with ``matrix``.

Sums go through memory of the kernel's own: a processor's matrix registers have no way to its vectors but that one.
"""

from __future__ import annotations

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import I64, PTR, Function, Kind, Type
from distilspec.fast.codegen.opcodes import DEPTH, MATRIX
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.codes import FACTORS
from distilspec.fast.kernels.epilogue import INTEGER_OPERANDS, Epilogue, coder_of, store_outputs
from distilspec.fast.kernels.tiles import LANE


def dense_matrix(target: Target, vectors: int, epilogue: Epilogue) -> Function:
    """
    Return the kernel ``dense_matrix.<vectors>.<epilogue>``: the first ``vectors`` vectors of each tile, some panels.

    Its parameters are those of ``dense``, with panels of ``MATRIX`` features, but for:

    codes : pointer [tiles][blocks * DEPTH / dot][tile tokens][dot]
        K is a multiple of ``DEPTH``.
    weights : pointer [panels][blocks][MATRIX][DEPTH]
        Those of ``packed_squares``.
    blocks : integer
        K / DEPTH, in place of ``steps``.

    Raises
    ------
    IrError
        As ``dense``.
    """
    builder = Builder(
        f"dense_matrix.{vectors}.{epilogue.name}",
        **dict.fromkeys(("codes", "weights", *INTEGER_OPERANDS, *epilogue.operands), PTR),
        **dict.fromkeys(("blocks", "features", "tiles", "block"), I64),
        **epilogue.numbers,
        **dict.fromkeys(("first", "last"), I64),
    )
    p = builder.parameters
    vector = Type(Kind.I32, target.lanes)
    squares = range(0, vectors * vector.size, MATRIX * LANE)
    step, row = target.tile * FACTORS, len(squares) * MATRIX * LANE
    sums = builder.local(bytes=MATRIX * row)
    strides = {"row": row, "step": step, "w_move": MATRIX * DEPTH, "x_move": DEPTH // target.dot * step}
    coder = coder_of(builder, target, epilogue, vectors, p)
    tile_size = builder.mul(p["blocks"], strides["x_move"])
    panel_size = builder.mul(p["blocks"], strides["w_move"])
    builder.matrix_open()
    with (
        builder.loop(0, p["tiles"], p["block"]) as block,
        builder.loop(p["first"], p["last"]) as panel,
        builder.loop(block.index, builder.min(builder.add(block.index, p["block"]), p["tiles"])) as tile,
    ):
        weights = builder.offset(p["weights"], builder.mul(panel.index, panel_size))
        codes = builder.offset(p["codes"], builder.mul(tile.index, tile_size))
        for start in squares:
            operands = builder.at(sums, start), weights, builder.at(codes, start), p["blocks"]
            builder.matrix_dot(*operands, **strides, fetch=start == 0)
        with builder.loop(0, MATRIX, target.panel) as some:
            here = builder.offset(sums, builder.mul(some.index, row))
            totals = [
                [builder.load(builder.at(here, number * row, of * vector.size), type=vector) for of in range(vectors)]
                for number in range(target.panel)
            ]
            feature = builder.add(builder.mul(panel.index, MATRIX), some.index)
            store_outputs(builder, target, epilogue, totals, p, feature, tile.index, coder)
    builder.matrix_close()
    return builder.finish()
