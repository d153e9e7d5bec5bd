"""Cases of ``block_sparse_linear``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.draw import Draw
from distilspec.conformance.cases.families.sparse import BLOCK_SHAPES, packed, patterns, stored_blocks

CASES = Cases("block_sparse_linear")
BOTH = "BSL-S1 BSL-S2"


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: patterns with empty and full block rows, block shapes, rows of x, bias, infinities."""
    for name, aim, stored in patterns(Draw("block_sparse_linear")):
        for out, columns in ((4, 1), (4, 4), (16, 4), (3, 2)):
            new = CASES.named(f"{name}-{out}x{columns}", BOTH, aim)
            outer, inner = stored.shape[0] * out, stored.shape[1] * columns
            weight = packed(new.reals(outer, inner), stored, (out, columns))
            yield new.case(x=new.reals(3, inner), **weight, bias=new.reals(outer))
    for out, columns in BLOCK_SHAPES:
        new = CASES.named(f"blocks-{out}x{columns}", BOTH, "elements of a block row by row")
        weight = packed(new.reals(3 * out, 7 * columns), new.units(3, 7) < 0.5, (out, columns))
        yield new.case(x=new.reals(2, 3, 7 * columns), **weight, bias=new.reals(3 * out))
    for rows in (0, 1, 2, 5, 7, 8, 9, 17, 33):
        new = CASES.named(f"rows-{rows}", BOTH, "the rows beyond the last full block")
        weight = packed(new.reals(12, 33), new.units(3, 33) < 0.3, (4, 1))
        yield new.case(x=new.reals(rows, 33), **weight, bias=new.reals(12))
    new = CASES.named("no-bias", "BSL-S1 BSL-S2", "an absent bias: empty block rows give 0")
    stored = new.units(4, 9) < 0.4
    stored[2] = False
    yield new.case(x=new.reals(3, 9), **packed(new.reals(16, 9), stored, (4, 1)))
    new = CASES.named("long", BOTH, "a long block row, and an empty one")
    stored = new.units(2, 769) < 0.2
    stored[1] = False
    yield new.case(x=new.reals(2, 769), **packed(new.reals(8, 769), stored, (4, 1)), bias=new.reals(8))
    new = CASES.named("int64-indices", BOTH, "indices of 64 bits")
    weight = packed(new.reals(12, 9), new.units(3, 9) < 0.5, (4, 1), np.int64)
    yield new.case(x=new.reals(3, 9), **weight, bias=new.reals(12))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a pattern, a block shape and the operands."""
    stored, (out, columns) = stored_blocks(draw)
    outer, inner = stored.shape[0] * out, stored.shape[1] * columns
    shape, biased = (*values.leading(draw), inner), draw(st.booleans())
    colours, weights = values.palette(draw), values.palette(draw, ("whole", "ordinary"))
    dense = values.paint(draw, weights[weights != 0], (outer, inner))
    bias = values.paint(draw, colours, (outer,)) if biased else None
    x = values.paint(draw, colours, shape)
    return call("block_sparse_linear", x=x, **packed(dense, stored, (out, columns)), bias=bias)
