"""Functions of one real number, element by element."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.goldens.build import f32

#: A sweep has so many points: enough to meet each piece of a piecewise approximation.
SWEEP = 513


def unary_cases(
    operator: str, formula: str, *, marks: Sequence[float], span: tuple[float, float], special: str = ""
) -> Iterator[Case]:
    """
    Yield the cases of a function of one real number.

    Parameters
    ----------
    operator : str
    formula : str
        The clauses of its formula, parted by blanks.
    marks : sequence of float
        Where it bends, saturates, overflows, or where implementations change from one approximation to another.
    span : tuple of two floats
        Where it is neither 0, constant nor linear.
    special : str
        The clauses of what is no finite number, if they are others.
    """
    cases = Cases(operator)
    new = cases.named("ends", formula, "zeros, subnormal numbers, neighbours of 1, the largest numbers")
    yield new.case(x=values.FINITE_EDGES)
    new = cases.named("special", special or formula, "NaN and infinities leave their neighbours alone")
    yield new.case(x=np.concatenate([values.SPECIAL, new.reals(10, size=3)]))
    new = cases.named("special-alone", special or formula, "NaN and infinities where no ordinary number is near")
    yield new.case(x=values.SPECIAL[:3])
    new = cases.named("marks", formula, "both neighbours of each number where an approximation may change")
    at = f32([*marks, *np.negative(marks)])
    yield new.case(x=np.stack([np.nextafter(at, np.float32(-np.inf)), at, np.nextafter(at, np.float32(np.inf))]))
    low, high = span
    new = cases.named("sweep", formula, "every piece of a piecewise approximation")
    steps = (np.arange(SWEEP) + new.units(SWEEP)) / SWEEP
    yield new.case(x=(low + (high - low) * steps).astype(np.float32))
    new = cases.named("near-zero", formula, "the relative error of small results, where 1 + x cancels")
    yield new.case(x=new.wide(64, low=-60, high=-2))
    new = cases.named("magnitudes", formula, "every exponent, of negative numbers only those of small ones")
    powers = np.ldexp(1 + new.units(2, 253), np.arange(-126, 127)).astype(np.float32)
    yield new.case(x=np.concatenate([powers[0], -powers[1, :128]]))
    for size in values.FEW_TAILS:
        new = cases.named(f"length-{size}", formula, "the elements beyond the last full vector")
        yield new.case(x=new.reals(size, size=3))
    new = cases.named("four-axes", formula, "any rank")
    yield new.case(x=new.reals(2, 3, 2, 5, size=3))
    yield cases.named("scalar", formula, "no axis").case(x=np.float32(0.75))
    yield cases.named("empty", formula, "no elements").case(x=np.zeros((2, 0, 3), np.float32))


@st.composite
def unary_calls(draw: st.DrawFn, operator: str, marks: Sequence[float] = ()) -> Call:
    """Draw a call on float32 from anywhere."""
    shape = values.shapes(draw)
    return call(operator, x=values.paint(draw, values.palette(draw, values.ANY, marks), shape))
