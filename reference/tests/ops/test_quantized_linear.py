"""``quantized_linear`` against Python integers and exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact import float32, round_half_even, saturate
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates

from distilspec.reference.contract.errors import ContractError, DTypeError, RangeError, ShapeError
from distilspec.reference.ops import quantized_linear

SCALES = st.floats(2.0**-40, 2.0**20, width=32)
U = Fraction(1, 2**53)


def codes(dtype, shape):
    """Draw codes that are mostly one value, and mostly an extreme one."""
    limits = np.iinfo(dtype)
    extreme = st.sampled_from([int(limits.min), int(limits.max)])
    return hnp.arrays(dtype, shape, elements=extreme | st.integers(limits.min, limits.max), fill=extreme)


@st.composite
def operands(draw):
    """Draw x with its scale (one, or one a row) and zero point, a weight with its scales, and a bias or none."""
    rows, in_features = draw(st.sampled_from([1, 3])), draw(st.sampled_from([0, 1, 2, 7, 256, 1000]))
    out_features, dtype = draw(st.sampled_from([1, 2])), draw(st.sampled_from([np.uint8, np.int8]))
    scale = lambda shape: draw(hnp.arrays(np.float32, shape, elements=SCALES))  # noqa: E731
    return {
        "x": draw(codes(dtype, (rows, in_features))),
        "x_scale": scale(draw(st.sampled_from([(), (1,), (rows, 1)]))),
        "x_zero_point": draw(codes(dtype, ())),
        "weight": draw(codes(np.int8, (out_features, in_features))),
        "weight_scale": scale((out_features,)),
        "bias": draw(
            st.none() | hnp.arrays(np.float32, (out_features,), elements=st.floats(-(2.0**20), 2.0**20, width=32))
        ),
    }


def products(case):
    """Return for each output the exact accumulator * scales, and the exact bias."""
    rows, out_features = len(case["x"]), len(case["weight"])
    x_scale = np.broadcast_to(case["x_scale"], (rows, 1)).ravel().tolist()
    zero_point = int(case["x_zero_point"])
    for m, n in np.ndindex(rows, out_features):
        pairs = zip(case["x"][m].tolist(), case["weight"][n].tolist(), strict=True)
        accumulator = sum((i - zero_point) * j for i, j in pairs)
        bias = 0.0 if case["bias"] is None else float(case["bias"][n])
        yield accumulator * Fraction(x_scale[m]) * Fraction(float(case["weight_scale"][n])), Fraction(bias)


@given(operands())
def test_without_a_bias_the_result_is_the_nearest_float64(case):
    """QL-S1, QL-S2: the accumulator and the product of the scales are exact, so one rounding remains."""
    y = quantized_linear(**case | {"bias": None})

    assert y.dtype == np.float64
    assert y.ravel().tolist() == [float(product) for product, _ in products(case)]


@given(operands())
def test_the_bias_costs_one_more_rounding(case):
    """QL-S2, QL-S3: within u |p| + u |p + bias| of the exact value, to first order."""
    y = quantized_linear(**case)

    for got, (product, bias) in zip(y.ravel().tolist(), products(case), strict=True):
        slack = U * abs(product) * (1 + U)
        assert abs(Fraction(got) - (product + bias)) <= slack + U * (abs(product + bias) + slack)


@given(operands(), SCALES, st.integers(0, 255).map(np.uint8) | st.integers(-128, 127).map(np.int8))
def test_requantized_codes_are_those_of_exact_arithmetic(case, y_scale, y_zero_point):
    """QL-S4: the float64 value, rounded to float32, divided in float32, to even, zero point, saturated."""
    limits = np.iinfo(y_zero_point.dtype)

    codes = quantized_linear(**case, y_scale=np.float32(y_scale), y_zero_point=y_zero_point)

    assert codes.dtype == y_zero_point.dtype
    for got, (product, bias) in zip(codes.ravel().tolist(), products(case), strict=True):
        value = Fraction(float(Fraction(float(product)) + bias))
        quotient = float32(float32(value) / Fraction(y_scale))
        assert got == saturate(round_half_even(quotient) + int(y_zero_point), int(limits.min), int(limits.max))


@pytest.mark.parametrize("code", [0, 255])
@pytest.mark.parametrize("zero_point", [0, 255])
@pytest.mark.parametrize("weight", [-128, 127])
def test_extreme_operands_of_the_longest_transformer_layer(code, zero_point, weight):
    """QL-S1: 4096 equal products at the ends of u8 x s8."""
    y = quantized_linear(
        np.full((1, 4096), code, np.uint8),
        np.float32(1),
        np.uint8(zero_point),
        np.full((1, 4096), weight, np.int8),
        np.float32([1]),
    )

    assert y.tolist() == [[4096 * (code - zero_point) * weight]]


def test_each_output_has_its_own_scale_and_bias():
    """QL-S2, QL-S3: per-channel weights."""
    weight, scale, bias = np.int8([[1, 0], [0, 1]]), np.float32([1, 10]), np.float32([0.5, -0.5])

    y = quantized_linear(np.int8([[[3, -4]]]), np.float32(2), np.int8(0), weight, scale, bias)

    assert y.tolist() == [[[6.5, -80.5]]]


def test_ties_of_requantized_codes_go_to_even_before_the_zero_point():
    """QL-S4: the vector that tells the four published rules apart."""
    x, one, half = np.int8([[1], [3], [-1]]), np.float32([1]), np.float32(0.5)

    codes = quantized_linear(x, half, np.int8(0), np.int8([[1]]), one, None, np.float32(1), np.int8(1))

    assert codes.ravel().tolist() == [1, 3, 1]


GOOD = {
    "x": np.zeros((2, 3), np.uint8),
    "x_scale": np.float32(1),
    "x_zero_point": np.uint8(0),
    "weight": np.zeros((4, 3), np.int8),
    "weight_scale": np.ones(4, np.float32),
    "bias": np.zeros(4, np.float32),
}


@pytest.mark.parametrize(
    ("changes", "error", "clause"),
    [
        ({"x": np.zeros((2, 3), np.int32)}, DTypeError, "QL-C1"),
        ({"x_zero_point": np.int8(0)}, DTypeError, "QL-C1"),
        ({"x_zero_point": np.zeros(1, np.uint8)}, ShapeError, "QL-C1"),
        ({"weight": np.zeros((4, 3), np.uint8)}, DTypeError, "QL-C1"),
        ({"x": np.uint8(0)}, ShapeError, "QL-C2"),
        ({"weight": np.zeros((3, 4), np.int8)}, ShapeError, "QL-C2"),
        ({"x": np.zeros((1, 33026), np.uint8), "weight": np.zeros((4, 33026), np.int8)}, RangeError, "MMI-C4"),
        ({"x_scale": np.ones((2, 3), np.float32)}, ShapeError, "QL-C3"),
        ({"x_scale": np.ones(2, np.float32)}, ShapeError, "QL-C3"),
        ({"weight_scale": np.float32(1)}, ShapeError, "QL-C3"),
        ({"x_scale": np.float64(1)}, DTypeError, "QL-C4"),
        ({"x_scale": np.float32(0)}, RangeError, "QL-C4"),
        ({"weight_scale": np.float32([1, 1, 1, -1])}, RangeError, "QL-C4"),
        ({"y_scale": np.float32(np.nan), "y_zero_point": np.uint8(0)}, RangeError, "QL-C4"),
        ({"bias": np.zeros(3, np.float32)}, ShapeError, "QL-C5"),
        ({"bias": np.zeros(4, np.int32)}, DTypeError, "QL-C5"),
        ({"y_scale": np.float32(1)}, ContractError, "QL-C6"),
        ({"y_zero_point": np.uint8(0)}, ContractError, "QL-C6"),
        ({"y_scale": np.ones(4, np.float32), "y_zero_point": np.uint8(0)}, ShapeError, "QL-C6"),
        ({"y_scale": np.float32(1), "y_zero_point": np.zeros(4, np.uint8)}, ShapeError, "QL-C6"),
        ({"y_scale": np.float32(1), "y_zero_point": np.int32(0)}, DTypeError, "QL-C6"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(changes, error, clause):
    """QL-C1 to QL-C6."""
    with violates(error, clause):
        quantized_linear(**GOOD | changes)
