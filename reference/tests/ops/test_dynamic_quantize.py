"""``dynamic_quantize`` against exact rational arithmetic, and ONNX's evaluator as a second opinion."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact import float32, round_half_even, saturate
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import violates

from distilspec.reference.contract.errors import DTypeError, RangeError
from distilspec.reference.ops import dynamic_quantize

SMALLEST_NORMAL = Fraction(2) ** -126
TIES = st.integers(-255, 255).map(lambda k: k / 2)
ELEMENTS = st.floats(-(2.0**126), 2.0**126, width=32) | st.floats(-8, 8, width=32) | TIES
TENSORS = hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=5), elements=ELEMENTS)


@given(hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5), elements=ELEMENTS))
def test_codes_scale_and_zero_point_are_those_of_exact_arithmetic(x):
    """DYN-S1 to DYN-S5: the formula in fractions, with each float32 rounding written out."""
    values = [float32(Fraction(value)) for value in x.ravel().tolist()]
    low, high = min([Fraction(0), *values]), max([Fraction(0), *values])
    exact = float32(float32(high - low) / 255)
    exact = Fraction(1) if exact < SMALLEST_NORMAL else exact
    offset = saturate(round_half_even(float32(-low / exact)), 0, 255)

    codes, scale, zero_point = dynamic_quantize(x)

    assert (codes.dtype, scale.dtype, zero_point.dtype) == (np.uint8, np.float32, np.uint8)
    assert (scale.shape, zero_point.shape, codes.shape) == ((), (), x.shape)
    assert (Fraction(float(scale)), int(zero_point)) == (exact, offset)
    assert codes.ravel().tolist() == [
        saturate(round_half_even(float32(value / exact)) + offset, 0, 255) for value in values
    ]


@pytest.fixture(scope="module")
def onnx_dynamic_quantize():
    """Return ONNX's own evaluation of DynamicQuantizeLinear."""
    helper = pytest.importorskip("onnx.helper")
    reference = pytest.importorskip("onnx.reference")
    outputs = ["codes", "scale", "zero_point"]
    graph = helper.make_graph(
        [helper.make_node("DynamicQuantizeLinear", ["x"], outputs)],
        "one_node",
        [helper.make_tensor_value_info("x", 1, None)],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in zip(outputs, (2, 1, 2), strict=True)],
    )
    evaluator = reference.ReferenceEvaluator(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    return lambda x: evaluator.run(None, {"x": x})


@given(x=TENSORS)
def test_onnx_agrees_where_the_scale_is_normal(onnx_dynamic_quantize, x):
    """DYN-S3 to DYN-S5: equal bits, except for a computed scale of 0 or below the normal numbers."""
    low, high = min(0, x.min()), max(0, x.max())
    if np.float32(high - low) / np.float32(255) < np.finfo(np.float32).tiny:
        return

    for ours, theirs in zip(dynamic_quantize(x), onnx_dynamic_quantize(x), strict=True):
        assert ours.tolist() == theirs.tolist()


def test_onnx_differs_for_zeros_as_declared(onnx_dynamic_quantize):
    """DYN-S3: ours is 1, the evaluator of ONNX has 1 / 255."""
    zeros = np.zeros(3, np.float32)

    assert dynamic_quantize(zeros).scale == 1
    assert onnx_dynamic_quantize(zeros)[1] == np.float32(1) / np.float32(255)


def test_a_range_on_one_side_is_widened_to_zero():
    """DYN-S2: only positive, and only negative values."""
    assert dynamic_quantize(np.float32([100, 255])).codes.tolist() == [100, 255]
    assert dynamic_quantize(np.float32([-100, -255])).codes.tolist() == [155, 0]


@pytest.mark.parametrize("x", [np.zeros((2, 0)), np.zeros(3), np.full(3, -0.0), np.full(3, 2.0**-149), np.float64(0)])
def test_without_values_or_of_zeros_the_scale_is_one(x):
    """DYN-S3, DYN-S4: and the zero point is 0."""
    codes, scale, zero_point = dynamic_quantize(x)

    assert (scale, zero_point, codes.any()) == (1, 0, False)


@pytest.mark.parametrize(
    ("x", "error", "clause"),
    [
        (np.zeros(3, np.int32), DTypeError, "DYN-C1"),
        (np.float32([0, np.nan]), RangeError, "DYN-C2"),
        (np.float32([0, -np.inf]), RangeError, "DYN-C2"),
        (np.float64([0, 1e39]), RangeError, "DYN-C2"),
        (np.float32([-3e38, 3e38]), RangeError, "ASYM-C3"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(x, error, clause):
    """DYN-C1, DYN-C2; the distance of the ends is refused by ASYM-C3."""
    with violates(error, clause):
        dynamic_quantize(x)
