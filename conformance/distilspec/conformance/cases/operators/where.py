"""Cases of ``where``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.cases.families.layout import TYPES, numbered, special_floats, tensors

CASES = Cases("where")
FORMULA = "WHERE-S1"


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: types, what is not taken, broadcasting of each operand, tails."""
    for dtype in TYPES:
        new = CASES.named(f"type-{dtype}", FORMULA, "every bit of either choice")
        yield new.case(condition=new.mask(5, 7), a=numbered(dtype, 5, 7), b=numbered(dtype, 5, 7)[::-1])
    new = CASES.named("special-not-taken", FORMULA, "NaN and infinities that are not taken have no influence")
    condition = new.mask(4, 9)
    special, ordinary = special_floats(new, 4, 9), new.reals(4, 9)
    yield new.case(condition=condition, a=np.where(condition, ordinary, special), b=np.where(condition, special, 2))
    new = CASES.named("special-taken", FORMULA, "NaN and infinities that are taken arrive")
    yield new.case(condition=new.mask(4, 9), a=special_floats(new, 4, 9), b=new.reals(4, 9))
    for index, shapes in enumerate([((3, 1), (3, 5), ()), ((), (3, 5), (5,)), ((3, 5), (5,), (3, 1))]):
        new = CASES.named(f"broadcast-{index}", FORMULA, "each operand is repeated")
        yield new.case(condition=new.mask(*shapes[0]), a=new.reals(*shapes[1]), b=new.reals(*shapes[2]))
    for value in (False, True):
        new = CASES.named(f"all-{value}".lower(), FORMULA, "one choice only")
        yield new.case(condition=np.full((3, 5), value), a=new.reals(3, 5), b=new.reals(3, 5))
    for size in values.FEW_TAILS:
        new = CASES.named(f"length-{size}", FORMULA, "the elements beyond the last full vector")
        yield new.case(condition=new.mask(size), a=new.reals(size), b=new.reals(size))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw two tensors of one type and a mask."""
    condition, left, right = values.broadcastable(draw, 3)
    dtype = values.choice(draw, TYPES)
    a, b = tensors(draw, left, dtype), tensors(draw, right, dtype)
    return call("where", condition=values.masks(draw, condition), a=a, b=b)
