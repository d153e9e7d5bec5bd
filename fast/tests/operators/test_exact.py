"""The integer paths of single operators: the bits of the reference, for full-range operands of any shape."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distilspec.fast import operators as fast
from distilspec.fast.isa import executable_targets
from distilspec.fast.isa.host import VARIABLE
from distilspec.fast.operators.matmul_integer import EXACT_SUM
from distilspec.reference import ops as reference
from distilspec.reference.contract.operands.matmul_integer import LONGEST_SUM

targets = pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)
few = settings(max_examples=25, deadline=None)

#: Those beside the lanes and the tiles of the targets, and any others.
SIZES = st.one_of(st.integers(0, 20), st.sampled_from([31, 32, 33]))
CODES = st.sampled_from([np.uint8, np.int8])


@contextmanager
def on(target):
    """Let the operators use a target."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(VARIABLE, target.name)
        yield


def codes(data, shape, dtype, *, name="codes"):
    """Draw codes of the full range: all kinds, or the largest ones of one sign."""
    ends = np.iinfo(dtype)
    drawn = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label=f"seed of {name}"))
    if data.draw(st.booleans(), label=f"{name} are extreme"):
        return drawn.choice(
            np.array([ends.min, ends.max], dtype), shape, p=data.draw(st.sampled_from([(0, 1), (0.5, 0.5)]))
        )
    return drawn.integers(ends.min, ends.max, shape, dtype, endpoint=True)


def floats(data, shape):
    """Draw float32 values, all finite: of one size, ties of common scales, or of every size there is."""
    drawn = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed of floats"))
    kind = data.draw(st.sampled_from(["normal", "ties", "bits", "zeros"]))
    if kind == "normal":
        return drawn.standard_normal(shape, np.float32) * data.draw(st.sampled_from([1e-30, 1, 300, 1e30]))
    if kind == "ties":
        return drawn.integers(-600, 600, shape).astype(np.float32) / 2
    bits = drawn.integers(0, 2**32, shape, np.uint32) if kind == "bits" else np.zeros(shape, np.uint32)
    values = np.asarray(bits).view(np.float32)
    return np.where(np.isfinite(values), values, np.float32(0)) / 2


def assert_same(got, expected):
    """Assert that arrays have one dtype, one shape and the same bits."""
    for ours, theirs in zip(got, expected, strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert ours.tobytes() == theirs.tobytes()


@targets
@given(data=st.data())
@few
def test_matmul_integer(target, data):
    """Codes of either kind by codes of either kind, zero points by row and column, sums in one part and in several."""
    kinds = data.draw(CODES), data.draw(CODES)
    rows, columns = data.draw(SIZES), data.draw(SIZES)
    inner = data.draw(st.one_of(SIZES, st.sampled_from([EXACT_SUM - 1, EXACT_SUM, EXACT_SUM + 1])))
    a, b = codes(data, (rows, inner), kinds[0], name="a"), codes(data, (inner, columns), kinds[1], name="b")
    a_zero_point = data.draw(st.sampled_from([(), (rows, 1)]))
    b_zero_point = data.draw(st.sampled_from([(), (columns,)]))
    zero_points = codes(data, a_zero_point, kinds[0]), codes(data, b_zero_point, kinds[1])

    with on(target):
        got = fast.matmul_integer(a, b, *zero_points)

    assert_same([got], [reference.matmul_integer(a, b, *zero_points)])


@targets
@given(data=st.data(), sparse=st.booleans())
@few
def test_accumulators_of_quantized_linear(target, data, sparse):
    """With scales of 1 the result is the accumulator, rounded to float32 once."""
    kind = data.draw(CODES)
    rows, features, inner = (data.draw(SIZES) for _ in range(3))
    x, weight = codes(data, (rows, inner), kind, name="x"), codes(data, (features, inner), np.int8, name="weight")
    zero_point, one = codes(data, (), kind, name="zero point"), np.float32(1)
    scales = np.ones(features, np.float32)

    with on(target):
        if sparse:
            blocks = every_other_block(weight)
            weight = reference.unpack_block_sparse(*blocks, in_features=inner)
            got = fast.quantized_block_sparse_linear(x, one, zero_point, *blocks, scales)
        else:
            got = fast.quantized_linear(x, one, zero_point, weight, scales)

    accumulators = reference.matmul_integer(x, weight.T, zero_point)
    assert_same([got], [accumulators.astype(np.float32)])


@targets
@pytest.mark.parametrize("inner", [513, 514, 515, 529, LONGEST_SUM])
def test_sums_that_float32_does_not_hold(target, inner):
    """Odd sums beyond 2^24, whose last bit a product in one part would lose."""
    a, b = np.full((2, inner), 255, np.uint8), np.full((inner, 3), 127, np.int8)
    zero_point = np.uint8([[0], [1]])

    with on(target):
        got = fast.matmul_integer(a, b, zero_point)

    assert got.tolist() == [[255 * 127 * inner] * 3, [254 * 127 * inner] * 3]


@targets
@pytest.mark.parametrize("zero_point", [0, 255])
@pytest.mark.parametrize("weight", [-128, 127])
def test_the_longest_sum(target, zero_point, weight):
    """Nothing wraps or saturates in the longest sum of the largest products, dense or sparse."""
    x = np.full((3, LONGEST_SUM), 255 - zero_point, np.uint8)
    operands = x, np.float32(1), np.uint8(zero_point)
    held, scales = np.full((5, LONGEST_SUM), weight, np.int8), np.ones(5, np.float32)
    blocks = held[:, :, np.newaxis].reshape(1, 5, LONGEST_SUM), np.int32([0]), np.int32([0, 1])

    with on(target):
        dense = fast.quantized_linear(*operands, held, scales)
        sparse = fast.quantized_block_sparse_linear(*operands, *blocks, scales)

    expected = np.full((3, 5), (255 - 2 * zero_point) * weight * LONGEST_SUM, np.int64).astype(np.float32)
    assert_same([dense, sparse], [expected, expected])


def every_other_block(weight):
    """Return blocks of 1 by 1 in every other column, rows beginning with the first and the second in turn."""
    features, inner = weight.shape
    columns = [np.arange(row % 2, inner, 2, dtype=np.int32) for row in range(features)]
    indices = np.concatenate([*columns, np.zeros(0, np.int32)])
    starts = np.cumsum([0, *map(len, columns)]).astype(np.int32)
    values = [weight[row, chosen] for row, chosen in enumerate(columns)]
    return np.concatenate([*values, np.zeros(0, np.int8)]).reshape(-1, 1, 1), indices, starts


@targets
@given(data=st.data())
@few
def test_codes_of_quantize(target, data):
    """Scales and zero points of the tensor, of rows, of features and of elements, and infinities."""
    shape = (data.draw(SIZES), data.draw(SIZES))
    x = floats(data, shape)
    if x.size:
        x.flat[0] = data.draw(st.sampled_from([-np.inf, np.inf, -0.0]))
    scale = np.abs(floats(data, data.draw(st.sampled_from([(), (1, 1), (shape[0], 1), shape[1:], shape])))) + 2.0**-126
    kind, by = data.draw(CODES), data.draw(st.sampled_from([(), (shape[0], 1), shape]))
    zero_point = codes(data, by, kind)

    with on(target):
        got = fast.quantize(x, scale.astype(np.float32), zero_point)

    assert_same([got], [reference.quantize(x, scale.astype(np.float32), zero_point)])


@targets
@pytest.mark.parametrize("op", ["dynamic_quantize", "dynamic_quantize_token"])
@given(data=st.data())
@few
def test_codes_scales_and_zero_points_of_dynamic_quantisation(target, op, data):
    """The scale too has the bits of the reference, on ranges of every size."""
    x = floats(data, (data.draw(SIZES), data.draw(SIZES)))

    with on(target):
        got = getattr(fast, op)(x)

    assert_same(got, getattr(reference, op)(x))
