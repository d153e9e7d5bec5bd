"""Cases of ``unpack_block_sparse``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.draw import Draw
from distilspec.conformance.cases.families.sparse import BLOCK_SHAPES, not_zero, packed, patterns, stored_blocks

CASES = Cases("unpack_block_sparse")
BOTH = "UNPK-S1 UNPK-S2"


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: patterns with empty and full block rows, block shapes, types."""
    for name, aim, stored in patterns(Draw("unpack_block_sparse")):
        for out, columns in ((4, 1), (2, 3)):
            new = CASES.named(f"{name}-{out}x{columns}", BOTH, aim)
            few = stored if stored.any() else stored[:1, :2]
            dense = not_zero(new.codes(np.int8, few.shape[0] * out, few.shape[1] * columns))
            yield new.case(**packed(dense, few, (out, columns)), in_features=dense.shape[1])
    for out, columns in BLOCK_SHAPES:
        for dtype in (np.int8, np.float32):
            new = CASES.named(f"blocks-{out}x{columns}-{np.dtype(dtype)}", BOTH, "elements of a block row by row")
            stored = new.units(3, 4) < 0.5
            dense = not_zero(new.codes(np.int8, 3 * out, 4 * columns)).astype(dtype)
            yield new.case(**packed(dense, stored, (out, columns)), in_features=dense.shape[1])
    new = CASES.named("int64-indices", BOTH, "indices of 64 bits")
    stored = new.units(3, 4) < 0.5
    dense = not_zero(new.codes(np.int8, 12, 4))
    yield new.case(**packed(dense, stored, (4, 1), np.int64), in_features=4)


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a pattern, a block shape and the elements."""
    stored, (out, columns) = stored_blocks(draw)
    codes = values.codes(draw, np.int8)
    dense = values.paint(draw, codes[codes != 0], (stored.shape[0] * out, stored.shape[1] * columns))
    return call("unpack_block_sparse", **packed(dense, stored, (out, columns)), in_features=dense.shape[1])
