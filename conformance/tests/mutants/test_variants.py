"""Correct variants compute in other ways, each in the way that it says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import special
from small_encoder import BATCH, encoder

from distilspec.conformance.mutants.variants import all_variants, arithmetic, sums
from distilspec.conformance.mutants.variants.float32 import Arithmetic, Float32Operators, fused
from distilspec.conformance.runtimes.reference import ReferenceRuntime
from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.recipes import Recipe

VARIANTS = all_variants()

#: Float32 moves the small encoder's answer by less, a bug by far more.
GROSS = 1e-5

#: They change what is held or called, and no number.
EQUAL = (
    "float64, rounded at every step",
    "results are read-only and not contiguous",
    "the rows of a batch are sorted by length",
)


def variant(name):
    """Return the variant of this name."""
    return next(variant for variant in VARIANTS if variant.name == name)


def answer(runtime, recipe):
    """Return what a runtime makes of the small encoder, or None where it declines."""
    try:
        executable = runtime.load(encoder(recipe))
    except UnsupportedError:
        return None
    return executable.run(BATCH)["sentence_embedding"]


def test_there_are_enough_and_names_tell_them_apart():
    """A false alarm names one."""
    assert len(VARIANTS) >= 30
    assert [name for name, count in Counter(v.name for v in VARIANTS).items() if count > 1] == []


@pytest.mark.parametrize("name", [v.name for v in VARIANTS])
def test_a_variant_agrees_with_the_reference_to_float32(name):
    """A gross mistake in one would make its acceptance a scandal."""
    for recipe in (Recipe.FP32, Recipe.W8A32):
        expected = answer(ReferenceRuntime({}), recipe)
        got = answer(variant(name).runtime(), recipe)
        assert got is None or np.max(np.abs(got - expected)) < GROSS


@pytest.mark.parametrize("name", [v.name for v in VARIANTS if v.name.startswith("float32")])
def test_another_arithmetic_gives_other_bits(name):
    """A variant that is the reference under another name would prove nothing."""
    assert answer(variant(name).runtime(), Recipe.FP32).tobytes() != answer(ReferenceRuntime({}), Recipe.FP32).tobytes()


@pytest.mark.parametrize("name", EQUAL)
def test_another_form_gives_the_same_bits(name):
    """Only the arithmetic moves numbers."""
    got, expected = answer(variant(name).runtime(), Recipe.FP32), answer(ReferenceRuntime({}), Recipe.FP32)

    assert np.array_equal(got, expected)


# Sums: one large term hides small ones that together count.

HALF_ULP = 2.0**-24
TERMS = np.float32([1, HALF_ULP, HALF_ULP, HALF_ULP])


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        (sums.left_to_right, 1),
        (sums.right_to_left, 1 + 4 * HALF_ULP),
        (sums.pairwise, 1 + 2 * HALF_ULP),
        (sums.in_lanes(2), 1 + 2 * HALF_ULP),
        (sums.in_blocks(2), 1 + 2 * HALF_ULP),
        (sums.compensated, 1 + 4 * HALF_ULP),
        (sums.in_float64, 1 + 4 * HALF_ULP),
        (sums.flushing, 1),
    ],
)
def test_a_sum_takes_its_terms_in_its_order(total, expected):
    """1 + h rounds to 1 by the tie, (h + h) + h is 3 h, and 1 + 3 h rounds up to 1 + 4 h."""
    assert float(total(TERMS)) == expected


@pytest.mark.parametrize("total", [sums.pairwise, sums.in_lanes(8), sums.in_blocks(16), sums.compensated])
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 5), (2, 17)])
def test_a_sum_of_integers_is_exact_whatever_the_shape(total, shape):
    """Empty axes and tails included."""
    terms = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)

    assert np.array_equal(total(terms), terms.sum(axis=-1))


def test_flushing_drops_subnormal_terms():
    """Two halves of the smallest normal number are nothing."""
    half = np.float32([2.0**-127, 2.0**-127])

    assert float(sums.flushing(half)) == 0
    assert float(sums.left_to_right(half)) == 2.0**-126


def test_a_fused_step_rounds_once():
    """(1 + h)(1 - h) - 1 is -h^2, which a rounded product loses."""
    h = 2.0**-13
    a, b = np.float32([[1, 1 + h]]), np.float32([[-1, 1 - h]])

    assert fused(a, b).item() == -(h**2)
    assert sums.left_to_right(a[:, np.newaxis] * b).item() == 0


# Functions


@pytest.mark.parametrize("function", [np.exp, special.erf, np.tanh])
def test_a_sloppy_function_is_off_by_what_it_says_and_exact_at_special_values(function):
    """The errors are those of the budget: in ulp of the result."""
    x = np.float32([-3, -0.5, 0.25, 1.5])
    exact = function(x.astype(np.float64))
    ulp = np.ldexp(1.0, np.frexp(exact)[1] - 24)

    for ulps in (-7, 7):
        moved = (arithmetic.off_by(function, ulps)(x).astype(np.float64) - exact) / ulp
        assert np.all(np.abs(moved - ulps) <= 0.5)
        special_values = np.float32([-np.inf, np.inf, np.nan])
        assert np.array_equal(
            arithmetic.off_by(function, ulps)(special_values), function(special_values), equal_nan=True
        )


def test_the_power_of_two_is_an_exponential():
    """
    It stays within 5 ulp from the smallest normal to the largest result, and ends where exp does.

    NumPy's exp2 may be off by 4 (here its AVX-512 form is by 2.4, that of AVX2 by less than 2); the rest rounds twice.
    """
    x = np.linspace(-87, 88.7, 9973, dtype=np.float32)
    exact = np.exp(x.astype(np.float64))

    assert np.max(np.abs(arithmetic.exp_by_exp2(x) - exact) / np.ldexp(1.0, np.frexp(exact)[1] - 24)) < 5
    assert arithmetic.exp_by_exp2(np.float32([-np.inf, np.inf, 0])).tolist() == [0, np.inf, 1]


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 200])
def test_running_moments_are_those_of_two_passes(n):
    """Short rows are one chain, long ones are merged; integers with a small mean lose little."""
    x = np.float32([np.arange(n) % 7 - 3])
    d, variance = arithmetic.running(x, sums.left_to_right)

    assert np.max(np.abs(d - (x - x.mean(dtype=np.float64)))) < 1e-5
    assert abs(variance.item() - x.var(dtype=np.float64)) < 1e-5 * max(1, n**0.5)


def test_a_running_maximum_rescales():
    """The largest entry comes last, after a block that knew only smaller ones."""
    x = np.float32([np.linspace(-20, 20, 200)])
    operators = Float32Operators(Arithmetic(exponentials=arithmetic.with_a_running_maximum))

    assert np.max(np.abs(operators.softmax(x) - ops.softmax(x))) < 1e-6


def test_ragged_and_row_by_row_decline_what_depends_on_the_batch():
    """A dynamic scale for the tensor is not that of a row."""
    for name in ("padding is dropped", "one row of the batch after the other"):
        with pytest.raises(UnsupportedError, match="row by row: dynamic_quantize takes one range"):
            variant(name).runtime().load(encoder(Recipe.W8A8_DYNAMIC))


def test_what_a_variant_shows_is_what_it_says():
    """Outputs always, the rest by its kind."""
    program = encoder(Recipe.FP32)
    shown = {name: variant(name).runtime().load(program).survivors() for name in (
        "nothing but the outputs is shown", "only the ends of blocks are shown", "fused kernels hide what is inside"
    )}  # fmt: skip

    assert shown["nothing but the outputs is shown"] == ("l2_normalize",)
    assert "encoder.layer.0.output.LayerNorm" in shown["only the ends of blocks are shown"]
    assert "encoder.layer.0.intermediate.dense" not in shown["only the ends of blocks are shown"]
    assert "encoder.layer.0.intermediate.dense" in shown["fused kernels hide what is inside"]
    assert "encoder.layer.0.intermediate.gelu" not in shown["fused kernels hide what is inside"]
