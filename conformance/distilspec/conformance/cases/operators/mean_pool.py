"""Cases of ``mean_pool``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.goldens.build import boolean, i64

CASES = Cases("mean_pool")
FORMULA = "MEAN-S1 MEAN-S2"


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: lengths, holes, tails, nothing kept, what masked tokens hold."""
    for length in values.TAILS:
        new = CASES.named(f"sequence-{length}", FORMULA, "the tokens beyond the last full block")
        mask = np.arange(length) < i64([[length], [max(length - 2, 1)], [(length + 1) // 2]])
        yield new.case(hidden_states=new.reals(3, length, 5, size=3), attention_mask=mask)
    for size in values.FEW_TAILS:
        new = CASES.named(f"hidden-{size}", FORMULA, "the elements beyond the last full vector")
        mask = boolean([[True, True, True, False], [True, False, False, False]])
        yield new.case(hidden_states=new.reals(2, 4, size, size=3), attention_mask=mask)
    new = CASES.named("holes", FORMULA, "kept tokens that are not the first ones")
    mask = new.mask(4, 9)
    mask[:, 8] = True
    yield new.case(hidden_states=new.reals(4, 9, 6, size=3), attention_mask=mask)
    new = CASES.named("masked-large", "MEAN-S2 MEAN-S3", "padding that is much larger than what is kept")
    yield new.case(
        hidden_states=np.where(mask[..., np.newaxis], new.reals(4, 9, 6), np.float32(1e30)), attention_mask=mask
    )
    new = CASES.named("masked-special", "MEAN-S3", "NaN and infinities in padding")
    special = np.resize(values.SPECIAL[:3], (4, 9, 6))
    yield new.case(hidden_states=np.where(mask[..., np.newaxis], new.reals(4, 9, 6), special), attention_mask=mask)
    new = CASES.named("none-kept", "MEAN-S4", "sequences without a kept token, beside others, and what they hold")
    mask = boolean([[True, True, False], [False] * 3, [False] * 3, [True] * 3])
    x = new.reals(4, 3, 6, size=3)
    x[2] = np.nan
    yield new.case(hidden_states=x, attention_mask=mask)
    new = CASES.named("kept-special", "MEAN-S2", "NaN and infinities that are kept spoil their feature and no other")
    x = new.reals(3, 4, 7, size=3)
    x[0, 1, 2], x[1, 3, 6], x[2, 0, 0] = np.nan, np.inf, -np.inf
    yield new.case(hidden_states=x, attention_mask=np.ones((3, 4), np.bool_))
    new = CASES.named("empty-batch", "MEAN-S2", "no sequences")
    yield new.case(hidden_states=np.zeros((0, 3, 4), np.float32), attention_mask=np.zeros((0, 3), np.bool_))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw hidden states and a mask."""
    length, size = values.wide_and_narrow(draw)
    batch, colours = values.narrow_size(draw), values.palette(draw, values.NOT_EXTREME)
    mask = values.masks(draw, (batch, length))
    return call("mean_pool", hidden_states=values.paint(draw, colours, (batch, length, size)), attention_mask=mask)
