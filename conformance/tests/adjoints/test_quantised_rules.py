"""The reverse rules of quantised operators: straight through the rounding, exact everywhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulling_back import pulled_back

from distilspec.reference import ops

SIZES = st.sampled_from([1, 2, 3, 7])
SHAPES = st.lists(SIZES, min_size=1, max_size=3).map(tuple)
SEEDS = st.integers(0, 2**32 - 1)


def codes(random, *shape, dtype=np.uint8):
    """Return random codes of the whole range."""
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max + 1, shape).astype(dtype)


def one_turned(random, held):
    """Return the codes with one of them moved by one, its place, and the sign of the move."""
    moved, place = held.copy(), tuple(int(random.integers(size)) for size in held.shape)
    step = -1 if held[place] == np.iinfo(held.dtype).max else 1
    moved[place] = int(held[place]) + step
    return moved, place, step


def scales(random, *shape):
    """Return positive float32 scales."""
    return np.asarray(0.01 + random.random(shape), np.float32)


@settings(max_examples=20)
@given(shape=SHAPES, seed=SEEDS, data=st.data())
def test_a_code_moves_by_one_for_each_scale(shape, seed, data):
    """One scale, or one for each index of an axis counted from either end; saturated codes too."""
    random = np.random.default_rng(seed)
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    size = () if axis is None else (shape[axis],)
    scale, zero_point = scales(random, *size), codes(random, *size)
    x, cotangent = 100 * random.standard_normal(shape), random.standard_normal(shape)
    broadcast = (
        scale if axis is None else np.moveaxis(np.broadcast_to(scale, (*np.delete(shape, axis), *size)), -1, axis)
    )

    found = pulled_back("quantize", [x, scale, zero_point], cotangent, axis=axis)

    np.testing.assert_allclose(found[0], cotangent / broadcast.astype(np.float64), rtol=1e-12)


@settings(max_examples=20)
@given(shape=SHAPES, seed=SEEDS, given_zero=st.booleans(), data=st.data())
def test_dequantize_against_differences(shape, seed, given_zero, data):
    """It is linear in the codes and in the scale, so differences are exact up to rounding."""
    random = np.random.default_rng(seed)
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    size = () if axis is None else (shape[axis],)
    held, scale, zero_point = codes(random, *shape), scales(random, *size), codes(random, *size)
    rest = [zero_point] if given_zero else []
    cotangent = random.standard_normal(shape)

    found = pulled_back("dequantize", [held, scale, *rest], cotangent, axis=axis)

    before = ops.dequantize(held, scale, *rest, axis=axis)
    moved, place, step = one_turned(random, held)
    after = ops.dequantize(moved, scale, *rest, axis=axis)
    assert found[0][place] * step == pytest.approx(np.sum((after - before) * cotangent), rel=1e-9, abs=1e-9)
    doubled = ops.dequantize(held, 2 * scale, *rest, axis=axis)
    assert np.sum(found[1] * scale) == pytest.approx(np.sum((doubled - before) * cotangent), rel=1e-9, abs=1e-9)
    assert found[1].shape == scale.shape


@settings(max_examples=20)
@given(sizes=st.tuples(SIZES, SIZES, SIZES), batch=st.sampled_from([(), (1,), (3,)]), seed=SEEDS, zeros=st.booleans())
def test_matmul_integer_against_differences(sizes, batch, seed, zeros):
    """It is linear in the codes of either factor."""
    random = np.random.default_rng(seed)
    rows, inner, columns = sizes
    a, b = codes(random, *batch, rows, inner), codes(random, inner, columns, dtype=np.int8)
    rest = [codes(random), codes(random, dtype=np.int8)] if zeros else []
    before = ops.matmul_integer(a, b, *rest)
    cotangent = random.standard_normal(before.shape)

    found = pulled_back("matmul_integer", [a, b, *rest], cotangent)

    for position, held in enumerate((a, b)):
        moved, place, step = one_turned(random, held)
        after = ops.matmul_integer(*((moved, b) if position == 0 else (a, moved)), *rest)
        difference = np.sum((after.astype(np.float64) - before) * cotangent)
        assert found[position][place] * step == pytest.approx(difference, rel=1e-9, abs=1e-6)


@settings(max_examples=20)
@given(sizes=st.tuples(SIZES, SIZES, SIZES), per_row=st.booleans(), bias=st.booleans(), seed=SEEDS)
def test_quantized_linear_against_differences(sizes, per_row, bias, seed):
    """Codes, the scale of the codes, one for all or one a row, and the bias."""
    random = np.random.default_rng(seed)
    rows, inner, outputs = sizes
    x, x_scale, zero_point = (
        codes(random, 2, rows, inner),
        scales(random, *((2, rows, 1) if per_row else ())),
        codes(random),
    )
    weight, weight_scale = codes(random, outputs, inner, dtype=np.int8), scales(random, outputs)
    rest = [random.standard_normal(outputs).astype(np.float32)] if bias else []
    before = ops.quantized_linear(x, x_scale, zero_point, weight, weight_scale, *rest)
    cotangent = random.standard_normal(before.shape)

    found = pulled_back("quantized_linear", [x, x_scale, zero_point, weight, weight_scale, *rest], cotangent)

    moved, place, step = one_turned(random, x)
    after = ops.quantized_linear(moved, x_scale, zero_point, weight, weight_scale, *rest)
    assert found[0][place] * step == pytest.approx(np.sum((after - before) * cotangent), rel=1e-7, abs=1e-7)
    doubled = ops.quantized_linear(x, 2 * x_scale, zero_point, weight, weight_scale, *rest)
    assert found[1].shape == x_scale.shape
    assert np.sum(found[1] * x_scale) == pytest.approx(np.sum((doubled - before) * cotangent), rel=1e-7, abs=1e-7)
    if bias:
        np.testing.assert_allclose(found[5], cotangent.sum(axis=(0, 1)), rtol=1e-9, atol=1e-12)


def test_requantised_codes_are_worth_their_own_scale():
    """With y_scale, the cotangent is per code of the result."""
    random = np.random.default_rng(0)
    operands = [
        codes(random, 2, 3),
        scales(random),
        codes(random),
        codes(random, 4, 3, dtype=np.int8),
        scales(random, 4),
    ]
    cotangent, y_scale = random.standard_normal((2, 4)), np.float32(0.5)

    plain = pulled_back("quantized_linear", [*operands, None], cotangent)
    requantised = pulled_back("quantized_linear", [*operands, None, np.asarray(y_scale), np.uint8(7)], cotangent)

    np.testing.assert_allclose(requantised[0], plain[0] / 0.5, rtol=1e-12)


@pytest.mark.parametrize("block_shape", [(4, 1), (2, 3)])
def test_the_block_sparse_form_has_the_sensitivities_of_its_dense_form(block_shape):
    """Bit for bit the same program with explicit zeros, and so are its derivatives."""
    random = np.random.default_rng(0)
    weight = codes(random, 8, 6, dtype=np.int8)
    weight[:4] = 0
    head = [codes(random, 2, 3, 6), scales(random), codes(random)]
    tail = [scales(random, 8), random.standard_normal(8).astype(np.float32)]
    cotangent = random.standard_normal((2, 3, 8))

    dense = pulled_back("quantized_linear", [*head, weight, *tail], cotangent)
    packed = ops.pack_block_sparse(weight, block_shape=block_shape)
    sparse = pulled_back("quantized_block_sparse_linear", [*head, *packed, *tail], cotangent)

    for position, other in ((0, 0), (1, 1), (5, 7)):
        np.testing.assert_allclose(sparse[other], dense[position], rtol=1e-12)


def test_the_scale_follows_the_ends_of_the_range():
    """While no code turns, dequantised values grow with the scale: a difference of the whole operator shows it."""
    step = np.float32(2.0**-4)
    x = np.arange(-100, 156).reshape(16, 16) * float(step)  # every element in the middle of its code
    cotangent = np.random.default_rng(0).standard_normal(x.shape)

    def whole(x):
        quantised = ops.dynamic_quantize(x)
        return quantised, ops.dequantize(*quantised)

    quantised, before = whole(x)
    back = pulled_back("dequantize", list(quantised), cotangent)
    found = pulled_back("dynamic_quantize", [x], np.zeros_like(x), back[1], np.zeros(()))[0]

    for place, sign in ((np.unravel_index(x.argmax(), x.shape), 1), (np.unravel_index(x.argmin(), x.shape), -1)):
        moved = x.copy()
        moved[place] += sign * 0.3 * step
        after_quantised, after = whole(moved)
        np.testing.assert_array_equal(after_quantised[0], quantised[0])
        difference = np.sum((after - before) * cotangent) / (sign * 0.3 * step)
        assert found[place] == pytest.approx(difference, rel=1e-3)
    assert np.count_nonzero(found) == 2


def test_the_scale_of_a_row_follows_its_largest_magnitude():
    """A scale a row, whose sign is that of the largest element."""
    x = np.array([[127.0, -3.0, 8.0], [4.0, -127.0, 9.0], [0.0, 0.0, 0.0]])
    cotangent = np.random.default_rng(0).standard_normal(x.shape)
    quantised = ops.dynamic_quantize_token(x)
    before = ops.dequantize(*quantised)
    back = pulled_back("dequantize", list(quantised), cotangent)
    found = pulled_back("dynamic_quantize_token", [x], np.zeros_like(x), back[1], np.zeros(()))[0]

    for place, sign in (((0, 0), 1), ((1, 1), -1)):
        moved = x.copy()
        moved[place] += sign * 0.3
        difference = np.sum((ops.dequantize(*ops.dynamic_quantize_token(moved)) - before) * cotangent) / (sign * 0.3)
        assert found[place] == pytest.approx(difference, rel=1e-3)
    assert np.count_nonzero(found) == 2


@pytest.mark.parametrize("operator", ["dynamic_quantize", "dynamic_quantize_token"])
@pytest.mark.parametrize("layout", ["C", "F"])
def test_there_and_back_is_straight_through(operator, layout):
    """
    With the rounding offset o = code - zero_point - x / scale held, x comes back as x + o * scale.

    So the cotangent comes back as it is, and the ends of the range get the sum of cotangent * o / steps in addition;
    a cotangent that is not contiguous, as from a transpose, included.
    """
    random = np.random.default_rng(0)
    x, cotangent = random.standard_normal((3, 5)), random.standard_normal((3, 5))
    held = getattr(ops, operator)(x)
    back = pulled_back("dequantize", list(held), cotangent)

    found = pulled_back(operator, [x], np.asarray(back[0], order=layout), back[1], np.zeros(()))[0]

    offset = held.codes.astype(np.float64) - held.zero_point - x / held.scale
    expected = cotangent.copy()
    if operator == "dynamic_quantize":
        follows = np.sum(cotangent * offset) / 255
        expected.flat[x.argmax()] += follows
        expected.flat[x.argmin()] -= follows
    else:
        ends = (np.arange(3), np.abs(x).argmax(axis=1))
        expected[ends] += np.sign(x[ends]) * np.sum(cotangent * offset, axis=1) / 127
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("operator", ["dynamic_quantize", "dynamic_quantize_token"])
def test_an_empty_batch_has_empty_sensitivities(operator):
    """Nothing to follow, nothing to fail on."""
    x = np.zeros((0, 4))
    scale = np.zeros(() if operator == "dynamic_quantize" else (0, 1))

    assert pulled_back(operator, [x], np.zeros((0, 4)), scale, np.zeros(()))[0].shape == (0, 4)
