"""``quantize_weight``: the codes and scales of a weight under every recipe that has some."""

from __future__ import annotations

import numpy as np
import pytest
from encoders import one_linear
from refusal import refused

from distilspec.reference.contract.errors import DTypeError, RangeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.recipes import apply_recipe, quantize_weight

QUANTISING = [recipe for recipe in Recipe if recipe not in (Recipe.FP32, Recipe.W8A8_STATIC_ATTN)]

#: Rows of which 127 and 64 make other codes: ties for either, an exact 0, a subnormal scale, and nothing but zeros.
WEIGHT = np.float32([[64, -0.5, 1.5, 0], [127, -0.5, 2.5, 126], [1e-39, -1e-39, 0, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize(
    ("recipe", "codes", "scale"),
    [
        ("w7a8-static", [[64, 0, 2, 0], [64, 0, 1, 63], [0, 0, 0, 0], [0, 0, 0, 0]], [1, 127 / 64, 1, 1]),
        ("w8a8-static", [[127, -1, 3, 0], [127, 0, 2, 126], [0, 0, 0, 0], [0, 0, 0, 0]], [64 / 127, 1, 1, 1]),
    ],
)
def test_codes_and_scales_are_those_of_a_calculation_by_hand(recipe, codes, scale):
    """SYM-S1 to SYM-S3, Q-S2 to Q-S4: 64 and 127 steps, ties to even, and 1 where a scale would be subnormal."""
    found = quantize_weight(WEIGHT, recipe)

    assert found.codes.tolist() == codes
    assert found.scale.tolist() == np.float32(scale).tolist()
    assert (found.codes.dtype, found.scale.dtype) == (np.int8, np.float32)


@pytest.mark.parametrize("recipe", QUANTISING)
def test_apply_recipe_holds_the_same_codes(recipe):
    """Whoever trains with the codes of a recipe trains with those of the program."""
    program = apply_recipe(one_linear(WEIGHT, None), recipe, calibration={"x": (0, 1)})

    codes, scale = quantize_weight(WEIGHT, recipe)

    assert np.array_equal(program.constants["dense.weight.codes"], codes)
    assert np.array_equal(program.constants["dense.weight.scale"], scale)


def test_no_two_products_of_seven_bits_leave_16_bits():
    """docs/decisions/0014: 2 x 255 x 64 is below 2**15, which 2 x 255 x 127 is not."""
    weight = np.random.default_rng(0).normal(size=(50, 300))
    largest = {recipe: int(np.abs(quantize_weight(weight, recipe).codes.astype(int)).max()) for recipe in QUANTISING}

    assert {recipe for recipe, code in largest.items() if 2 * 255 * code < 2**15} == {Recipe.W7A8_STATIC}


@pytest.mark.parametrize("shape", [(3, 0), (0, 3)])
def test_a_weight_without_elements_has_no_codes(shape):
    """A channel of nothing has the scale 1, as one of zeros."""
    codes, scale = quantize_weight(np.zeros(shape), "w7a8-static")

    assert codes.shape == shape
    assert scale.tolist() == [1] * shape[0]


@pytest.mark.parametrize(
    ("weight", "recipe", "error", "match"),
    [
        (WEIGHT, "fp32", UnsupportedError, "recipe fp32: its weights have no codes"),
        (WEIGHT, "w7a8", UnsupportedError, "recipe 'w7a8' does not exist"),
        (WEIGHT * np.float32(np.nan), "w7a8-static", RangeError, "SYM-C2"),
        (WEIGHT.astype(np.int64), "w7a8-static", DTypeError, "SYM-C1"),
    ],
)
def test_what_has_no_codes_is_refused(weight, recipe, error, match):
    """One line each."""
    with refused(error, match):
        quantize_weight(weight, recipe)
