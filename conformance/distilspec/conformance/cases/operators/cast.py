"""Cases of ``cast``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, call
from distilspec.conformance.goldens.build import f32
from distilspec.reference.contract.types import Array

CASES = Cases("cast")
INTEGERS = ("int64", "int32", "uint8", "int8")

#: The clause of each target type, for integers and booleans.
FROM_INTEGER: dict[str, str] = {"bool": "CAST-S1", "float": "CAST-S2", **dict.fromkeys(INTEGERS, "CAST-S5")}


def ends(dtype: str) -> Array:
    """Return the ends of an integer type, the numbers around 0, and those around the ends of the smaller types."""
    limits = np.iinfo(dtype)
    inner = [0, 1, -1, 2, 3, 126, 127, 128, 129, 254, 255, 256, 257, -127, -128, -129, -255, -256]
    outer = [2**15, 2**16, 2**24 + 1, 2**31 - 1, -(2**31), 2**31, 2**32, 2**32 + 5, 2**53 + 1, -(2**53) - 1]
    fitting = [number for number in (*inner, *outer) if limits.min <= number <= limits.max]
    return np.array([limits.min, *fitting, limits.max], dtype)


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: every pair of types, fractions of both signs, ends of ranges, ties, tails."""
    for source in INTEGERS:
        for target, clause in FROM_INTEGER.items():
            new = CASES.named(f"{source}-to-{target}", clause, "the ends of every smaller type, and both signs")
            yield new.case(x=ends(source), dtype=target)
    for target in ("float", *INTEGERS):
        new = CASES.named(f"bool-to-{target}", "CAST-S2" if target == "float" else "CAST-S5", "True is 1")
        yield new.case(x=new.mask(3, 7), dtype=target)
    new = CASES.named("float-to-bool", "CAST-S1", "any number but zero is True: fractions, NaN, infinities")
    normal = values.FINITE_EDGES[(np.abs(values.FINITE_EDGES) >= values.TINY) | (values.FINITE_EDGES == 0)]
    yield new.case(x=np.concatenate([normal, values.SPECIAL]), dtype="bool")
    fractions = f32([0, 0.25, 0.5, 0.75, values.BELOW_ONE, 1, 1.5, 2.5, 3.5, 6.999, 100.5, 126.5])
    for target in INTEGERS:
        new = CASES.named(f"float-to-{target}", "CAST-S4", "fractions are cut off, towards zero")
        signs = [1] if target == "uint8" else [1, -1]
        yield new.case(x=np.concatenate([sign * fractions for sign in signs]), dtype=target)
    new = CASES.named("float-to-int64-large", "CAST-S4", "beyond 32 bits")
    yield new.case(x=f32([2**31, -(2**31), 2**32 + 2**10, 2.0**40, -(2.0**40), 2.0**62]), dtype="int64")
    new = CASES.named("float-to-int32-large", "CAST-S4", "the ends of 32 bits")
    yield new.case(x=f32([2**31 - 128, -(2**31), 2**24 + 2, -(2**30)]), dtype="int32")
    new = CASES.named(
        "rounding-to-float32", "CAST-S3", "float64 is rounded to the nearest, ties to even, and overflows"
    )
    halves = np.array([1 + 2.0**-24, 1 + 3 * 2.0**-24, -1 - 2.0**-24, 1 + 2.0**-24 + 2.0**-50, 0.1, 1e39, -1e39])
    yield new.case(x=halves, dtype="float32")
    for size in values.FEW_TAILS:
        for source, target in (("int64", "float"), ("uint8", "float"), ("int8", "int64")):
            new = CASES.named(f"{source}-to-{target}-{size}", FROM_INTEGER[target], "elements beyond the last vector")
            yield new.case(x=new.integers((size,), 0, 127, source), dtype=target)


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a tensor of any type and a type in whose range it is."""
    shape = values.shapes(draw)
    x: Array
    match values.choice(draw, ("float32", *INTEGERS, "bool")):
        case "float32":
            target = values.choice(draw, ("bool", "float", "float32", "int64", "int32", "int8"))
            whole = target.startswith("int")
            x = values.paint(draw, values.palette(draw, ("whole", "ordinary") if whole else values.ANY), shape)
        case "bool":
            target = values.choice(draw, ("float", *INTEGERS))
            x = values.masks(draw, shape)
        case source:
            least, most = max(int(np.iinfo(source).min), -(2**62)), min(int(np.iinfo(source).max), 2**62)
            target = values.choice(draw, tuple(FROM_INTEGER))
            x = values.paint(draw, values.numbers(draw, least, most, source), shape)
    return call("cast", x=x, dtype=target)
