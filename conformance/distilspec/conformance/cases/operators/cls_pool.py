"""Cases of ``cls_pool``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call

CASES = Cases("cls_pool")


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: batches, lengths, tails, values that a mean would spoil."""
    for batch, sequence in ((0, 3), (1, 1), (1, 7), (5, 3)):
        new = CASES.named(f"batch-{batch}-sequence-{sequence}", "CLS-S1", "the first token of each sequence")
        yield new.case(hidden_states=new.reals(batch, sequence, 6))
    for size in values.FEW_TAILS:
        new = CASES.named(f"hidden-{size}", "CLS-S1", "the elements beyond the last full vector")
        yield new.case(hidden_states=new.reals(2, 3, size))
    new = CASES.named(
        "special", "CLS-S1", "NaN and infinities in other tokens have no influence, in the first they stay"
    )
    x = new.reals(3, 4, 7)
    x[0, 1:], x[1, 1, 2], x[2, 0] = np.nan, np.inf, values.SPECIAL
    yield new.case(hidden_states=x)


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw hidden states."""
    shape = (values.narrow_size(draw), values.narrow_size(draw), values.wide_size(draw))
    return call("cls_pool", hidden_states=values.paint(draw, values.palette(draw, values.ANY), shape))
