"""``cast`` against Python numbers and exact rational rounding."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import numpy as np
import pytest
from exact import round_half_even
from hypothesis import given
from hypothesis import strategies as st
from loops import at, indices
from refusal import violates
from strategies import ANY_TYPE, FLOATS, tensors

from distilspec.reference.contract.errors import DTypeError, RangeError
from distilspec.reference.ops import cast

BITS = {"int64": 64, "int32": 32, "int8": 8, "uint8": 8}
INTEGERS = st.sampled_from(sorted(BITS))


def limits(dtype):
    """Return the lowest and the highest value of an integer type."""
    bits = BITS[dtype]
    return (0, 2**bits - 1) if dtype == "uint8" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def nearest_float32(value):
    """Return ``value`` rounded to 24 significant bits, or fewer below 2**-126; at 2**128 and beyond, infinity."""
    if value == 0:
        return 0.0
    exponent = max(math.frexp(float(value))[1] - 24, -149)
    rounded = round_half_even(value / Fraction(2) ** exponent) * Fraction(2) ** exponent
    return float(rounded) if abs(rounded) < 2**128 else math.copysign(math.inf, float(value))


@given(tensors(ANY_TYPE))
def test_to_bool_asks_for_zero(x):
    """CAST-S1: in fresh memory; a read-only operand in any layout is left alone."""
    y = cast(x, dtype="bool")

    assert y.dtype == np.bool_
    assert y.shape == x.shape
    assert not np.shares_memory(y, x)
    for index in indices(x.shape):
        assert y[index] == (at(x, index) != 0)


@given(tensors(ANY_TYPE))
def test_to_float_keeps_the_value(x):
    """CAST-S2: in fresh memory, also from float64."""
    y = cast(x, dtype="float")

    assert y.dtype == np.float64
    assert y.shape == x.shape
    assert not np.shares_memory(y, x)
    for index in indices(x.shape):
        assert y[index] == at(x, index)


@given(tensors(st.just("float64"), values=st.floats(-(2.0**129), 2.0**129)) | tensors(st.just("int64")))
def test_to_float32_rounds_to_nearest_even(x):
    """CAST-S3: subnormals and overflow included."""
    y = cast(x, dtype="float32")

    assert y.dtype == np.float32
    for index in indices(x.shape):
        assert y[index] == nearest_float32(Fraction(at(x, index)))


@pytest.mark.filterwarnings("error")
def test_ties_and_overflow_of_float32():
    """CAST-S3: a tie goes to the even neighbour, the largest tie to infinity, without a warning."""
    largest = 2.0**128 - 2.0**104
    y = cast(np.array([1 + 2.0**-24, 1 + 3 * 2.0**-24, largest + 2.0**103, -1e39, 2.0**-150]), dtype="float32")

    assert y.tolist() == [1, 1 + 2.0**-22, math.inf, -math.inf, 0]
    assert cast(np.int64([2**24 + 1, 2**24 + 3]), dtype="float32").tolist() == [2**24, 2**24 + 4]
    assert struct.pack("<f", cast(np.array(-0.0), dtype="float32")) == b"\0\0\0\x80"


@given(INTEGERS.flatmap(lambda to: st.tuples(st.just(to), tensors(FLOATS, values=st.floats(-127.5, 127.5, width=16)))))
def test_float_to_integer_drops_the_fraction(case):
    """CAST-S4: towards zero."""
    to, x = case
    x = abs(x) if to == "uint8" else x

    y = cast(x, dtype=to)

    assert y.dtype == to
    for index in indices(x.shape):
        assert y[index] == math.trunc(at(x, index))


@given(st.sampled_from([*BITS, "bool"]).flatmap(lambda of: tensors(st.just(of))), INTEGERS)
def test_integer_to_integer_wraps(x, to):
    """CAST-S5: two's complement, as ONNX says; True is 1."""
    y = cast(x, dtype=to)

    low, high = limits(to)
    assert y.dtype == to
    assert not np.shares_memory(y, x)
    for index in indices(x.shape):
        assert low <= y[index] <= high
        assert (int(y[index]) - int(at(x, index))) % 2 ** BITS[to] == 0


@pytest.mark.filterwarnings("error")
def test_special_values_stay_in_floats_and_are_true():
    """CAST-S1, CAST-S2, CAST-S3, CAST-S4."""
    x = np.array([np.nan, np.inf, -np.inf, -0.0])

    assert cast(x, dtype="bool").tolist() == [True, True, True, False]
    assert str(cast(x, dtype="float").tolist()) == "[nan, inf, -inf, -0.0]"
    assert str(cast(x, dtype="float32").tolist()) == "[nan, inf, -inf, -0.0]"
    assert cast(np.array([-0.0, -0.9]), dtype="int32").tolist() == [0, 0]


@pytest.mark.parametrize("dtype", sorted(BITS))
def test_floats_up_to_the_ends_of_the_range_fit(dtype):
    """CAST-C2, CAST-S4: the ends are those after truncation; the next float beyond does not fit."""
    low, high = limits(dtype)
    last = math.nextafter(high + 1.0, 0.0)
    first = math.nextafter(low - 1.0, 0.0) if dtype != "int64" else float(low)

    assert cast(np.array([first, last]), dtype=dtype).tolist() == [math.trunc(first), math.trunc(last)]
    for beyond in (high + 1.0, low - 1.0 if dtype != "int64" else math.nextafter(low, -math.inf)):
        with violates(RangeError, "CAST-C2"):
            cast(np.array([0.0, beyond]), dtype=dtype)


@pytest.mark.parametrize(
    ("x", "dtype", "error", "clause"),
    [
        (np.ones(2), "float64", DTypeError, "CAST-C1"),
        (np.ones(2), "int16", DTypeError, "CAST-C1"),
        (np.ones(2, np.float16), "float", DTypeError, "CAST-C1"),
        (np.ones(2, np.uint64), "int64", DTypeError, "CAST-C1"),
        (np.float32([0, np.nan]), "int64", RangeError, "CAST-C2"),
        (np.float32([np.inf]), "uint8", RangeError, "CAST-C2"),
        (np.float32([2.0**63]), "int64", RangeError, "CAST-C2"),
        (np.array(-1.0), "uint8", RangeError, "CAST-C2"),
    ],
)
def test_bad_operands_are_refused(x, dtype, error, clause):
    """CAST-C1, CAST-C2."""
    with violates(error, clause):
        cast(x, dtype=dtype)
