"""``apply_recipe``: the form of the programs, and a program of one Linear against its formula in fractions."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from encoders import LINEARS, batch, one_linear, small_bert
from exact import float32, round_half_even, saturate
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import refused

from distilspec.reference import ops
from distilspec.reference.contract.errors import RangeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.recipes import apply_recipe, calibrate, prune

U = Fraction(1, 2**53)

#: Those that a program without attention can have.
OF_LINEARS = [recipe for recipe in Recipe if recipe is not Recipe.W8A8_STATIC_ATTN]
FLOATS = st.floats(-8, 8, width=32)


def nonzero(scale):
    """Return a scale by its rule: 1 in place of 0 and of a subnormal quotient."""
    return scale if scale >= Fraction(2) ** -126 else Fraction(1)


def symmetric(values, largest_code=127):
    """Return codes up to the largest one and their scale, with float32 rounding written out."""
    scale = nonzero(float32(max([abs(value) for value in values]) / largest_code))
    return [saturate(round_half_even(float32(value / scale)), -128, 127) for value in values], scale


def asymmetric(values, low, high):
    """Return codes in [0, 255], their scale and their zero point, with float32 rounding written out."""
    low, high = min(low, Fraction(0)), max(high, Fraction(0))
    scale = nonzero(float32(float32(high - low) / 255))
    zero_point = saturate(round_half_even(float32(-low / scale)), 0, 255)
    codes = [saturate(round_half_even(float32(value / scale)) + zero_point, 0, 255) for value in values]
    return codes, scale, zero_point


def product(recipe, tokens, weight, bias, calibrated):
    """Return for each token and output the exact real value by the recipe's table, and the sum of magnitudes in it."""
    channels = [symmetric(row, 64 if recipe == "w7a8-static" else 127) for row in weight]
    everything = [value for token in tokens for value in token]
    for token in tokens:
        match recipe:
            case Recipe.FP32 | Recipe.W8A32:
                codes, x_scale, zero_point = token, Fraction(1), 0
            case Recipe.W8A8_STATIC | Recipe.W7A8_STATIC:
                codes, x_scale, zero_point = asymmetric(token, *calibrated)
            case Recipe.W8A8_DYNAMIC:
                codes, x_scale, zero_point = asymmetric(token, min(everything), max(everything))
            case Recipe.W8A8_DYNAMIC_TOKEN:
                (codes, x_scale), zero_point = symmetric(token), 0
        for o, row in enumerate(weight):
            row_codes, row_scale = (row, Fraction(1)) if recipe is Recipe.FP32 else channels[o]
            terms = [(code - zero_point) * x_scale * w * row_scale for code, w in zip(codes, row_codes, strict=True)]
            yield sum(terms) + bias[o], sum(map(abs, terms)) + abs(bias[o])


@pytest.mark.parametrize("recipe", OF_LINEARS)
@settings(max_examples=40)
@given(
    x=hnp.arrays(np.float32, (2, 3, 5), elements=FLOATS),
    weight=hnp.arrays(np.float32, (4, 5), elements=FLOATS),
    bias=hnp.arrays(np.float32, 4, elements=FLOATS),
    ends=st.tuples(FLOATS, FLOATS).map(sorted),
)
def test_one_linear_is_its_formula_in_exact_arithmetic(recipe, x, weight, bias, ends):
    """Design section 4: each row of the table of recipes, up to float64 rounding of the sum of 5 terms and a bias."""
    program = apply_recipe(one_linear(weight, bias), recipe, calibration={"x": ends})

    y = program.run(ops, {"x": x})["y"]

    assert y.dtype == np.float64
    tokens = [[Fraction(value) for value in token] for token in x.reshape(-1, 5).tolist()]
    rows = [[Fraction(value) for value in row] for row in weight.tolist()]
    exact = product(recipe, tokens, rows, [Fraction(value) for value in bias.tolist()], [Fraction(end) for end in ends])
    for got, (value, size) in zip(y.ravel().tolist(), exact, strict=True):
        assert abs(Fraction(got) - value) <= 8 * U / (1 - 8 * U) * size


QUANTISED = {
    Recipe.W8A8_STATIC: "quantize",
    Recipe.W7A8_STATIC: "quantize",
    Recipe.W8A8_DYNAMIC: "dynamic_quantize",
    Recipe.W8A8_DYNAMIC_TOKEN: "dynamic_quantize_token",
}


@pytest.mark.parametrize("recipe", QUANTISED)
def test_exactly_the_encoders_linears_become_quantised_ones(recipe):
    """Design section 4: embeddings, LayerNorm, attention products and heads stay what they are, in the same order."""
    before = small_bert()

    after = apply_recipe(before, recipe, calibration=calibrate(before, [batch()]))

    added = [step for step in after.steps if step.op == QUANTISED[recipe]]
    assert after.properties == {"recipe": recipe.value}
    assert before.properties == {"recipe": "fp32"}
    assert [step.name for step in after.steps if step.op == "quantized_linear"] == list(LINEARS)
    assert all(step.name.endswith(".quantized") and "encoder" in step.tags for step in added)
    assert [step.name for step in after.steps if step not in added] == [step.name for step in before.steps]
    kept = {step.name: step for step in after.steps}
    assert all(kept[step.name] == step for step in before.steps if step.name not in LINEARS)
    assert (after.inputs, after.outputs) == (before.inputs, before.outputs)
    assert {name: after.tensors[name] for name in before.tensors} == before.tensors


@pytest.mark.parametrize("recipe", QUANTISED)
def test_linears_that_read_one_tensor_share_its_codes(recipe):
    """Query, key and value read the same codes, scale and zero point; there are 4 distinct inputs a layer."""
    before = small_bert()
    after = apply_recipe(before, recipe, calibration=calibrate(before, [batch()]))
    makers = {step.name: step for step in after.steps}

    activations = [makers[name].inputs[:3] for name in LINEARS]

    source = makers["embeddings.LayerNorm.quantized"]
    assert source.inputs[0] == "embeddings.LayerNorm"
    name = source.name
    assert activations[:3] == [(name, f"{name}.scale", f"{name}.zero_point")] * 3
    assert sum(step.op == QUANTISED[recipe] for step in after.steps) == 8


@pytest.mark.parametrize(("recipe", "largest"), [("w8a8-dynamic", 127), ("w8a8-static", 127), ("w7a8-static", 64)])
def test_weights_become_codes_with_one_scale_for_each_output_channel(recipe, largest):
    """Design section 4: int8 up to the largest code, which every channel reaches; no float weight."""
    before = small_bert()
    after = apply_recipe(before, recipe, calibration=calibrate(before, [batch()]))

    for name in LINEARS:
        codes, scale = after.constants[f"{name}.weight.codes"], after.constants[f"{name}.weight.scale"]
        assert (codes.dtype, scale.dtype, scale.shape) == (np.int8, np.float32, codes.shape[:1])
        assert np.abs(codes.astype(int)).max(axis=1).tolist() == [largest] * len(codes)
        assert f"{name}.weight" not in after.constants
    assert "classifier.weight" in after.constants


def test_w8a32_dequantizes_weights_and_leaves_activations_alone():
    """Design section 4: a step ``dequantize`` along axis 0 before each Linear."""
    after = apply_recipe(small_bert(), Recipe.W8A32)

    made = {step.name: step for step in after.steps}
    for name in LINEARS:
        weight = made[f"{name}.weight"]
        assert (weight.op, weight.attributes) == ("dequantize", {"axis": 0})
        assert weight.inputs == (f"{name}.weight.codes", f"{name}.weight.scale")
        assert made[name].op == "linear"
        assert made[name].inputs[1:] == (f"{name}.weight", f"{name}.bias")
    assert not any("quantized" in tensor for tensor in after.tensors)


def test_static_ranges_become_constants():
    """Design section 4: the scale and zero point of ``asymmetric_scale``, uint8."""
    program = apply_recipe(
        one_linear(np.ones((2, 3), np.float32), None), "w8a8-static", calibration={"x": (-1.5, 253.5)}
    )

    assert program.constants["x.quantized.scale"] == np.float32(1)
    assert program.constants["x.quantized.zero_point"] == np.uint8(2)
    assert program.steps[-1].inputs == (
        "x.quantized",
        "x.quantized.scale",
        "x.quantized.zero_point",
        "dense.weight.codes",
        "dense.weight.scale",
    )


def test_fp32_is_the_program_itself():
    """The recipe that every program starts with."""
    program = small_bert()

    assert apply_recipe(program, "fp32") is program


@pytest.mark.parametrize("recipe", Recipe)
def test_a_quantised_program_stays_close_to_the_real_one(recipe):
    """A sanity check of scale, not of conformance: 8 bits on two layers move the logits by less than a tenth."""
    program, inputs = small_bert(), batch()

    after = apply_recipe(program, recipe, calibration=calibrate(program, [inputs], recipe=recipe))

    difference = after.run(ops, inputs)["logits"] - program.run(ops, inputs)["logits"]
    assert np.abs(difference).max() < 0.1


@pytest.mark.parametrize("recipe", OF_LINEARS[1:])
@pytest.mark.parametrize("again", Recipe)
def test_a_quantised_program_is_not_quantised_again(recipe, again):
    """A recipe names the numerics completely."""
    program = apply_recipe(one_linear(np.ones((2, 3), np.float32), None), recipe, calibration={"x": (0, 1)})

    with refused(UnsupportedError, f"recipe is {recipe}; expected fp32"):
        apply_recipe(program, again, calibration={"x": (0, 1)})


ONES = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    ("weight", "recipe", "calibration", "error", "match"),
    [
        (ONES, "w8a16", None, UnsupportedError, "recipe 'w8a16' does not exist; expected one of fp32, w8a8-static"),
        (ONES, "w8a8-static", None, RangeError, "tensor x has no range"),
        (ONES, "w7a8-static", None, RangeError, "tensor x has no range"),
        (ONES, "w8a8-static", {"y": (0, 1)}, RangeError, "tensor x has no range"),
        (ONES, "w8a8-static", {"x": (1, 0)}, RangeError, "tensor x: .*ASYM-C2"),
        (ONES, "w8a8-static", {"x": (0, np.inf)}, RangeError, "tensor x: .*ASYM-C3"),
        (ONES * np.float32(np.nan), "w8a8-dynamic", None, RangeError, "step dense: weight dense.weight: .* nan"),
        (ONES * np.float32(np.inf), "w8a32", None, RangeError, "step dense: weight dense.weight: .* inf"),
        (np.full((2, 3), 1e39), "w8a32", None, RangeError, "step dense: weight dense.weight: .* inf"),
    ],
)
def test_bad_arguments_are_refused_in_one_line_that_names_the_tensor(weight, recipe, calibration, error, match):
    """No half-made program comes back."""
    with refused(error, match):
        apply_recipe(one_linear(weight, None), recipe, calibration=calibration)


def test_a_program_without_encoder_linears_is_refused():
    """The recipe would otherwise be a label without meaning."""
    program = one_linear(ONES, None)
    untagged = program.replace(steps=tuple(replace(step, tags=()) for step in program.steps))

    with refused(UnsupportedError, "no linear step has the tag encoder"):
        apply_recipe(untagged, "w8a8-dynamic")


def test_a_weight_that_another_step_makes_is_refused():
    """Its codes cannot be constants."""
    program = apply_recipe(one_linear(ONES, None), "w8a32").replace(properties={"recipe": "fp32"})

    with refused(UnsupportedError, "weight dense.weight, which another step makes"):
        apply_recipe(program, "w8a8-dynamic")


@pytest.mark.parametrize(("recipe", "largest"), [("w8a8-dynamic", 127), ("w7a8-static", 64)])
def test_a_pruned_program_can_be_quantised(recipe, largest):
    """The codes of a block-sparse weight are packed again, and its properties are kept."""
    pruned = prune(small_bert(), sparsity=0.8, block_shape=(4, 1))

    after = apply_recipe(pruned, recipe, calibration=calibrate(pruned, [batch()]))

    step = next(step for step in after.steps if step.name == LINEARS[0])
    assert step.op == "quantized_block_sparse_linear"
    assert step.inputs[3:] == tuple(
        f"{LINEARS[0]}.{name}" for name in ("weight.data", "weight.indices", "weight.indptr", "weight.scale", "bias")
    )
    codes = after.constants[f"{LINEARS[0]}.weight.data"]
    assert (codes.dtype, np.abs(codes.astype(int)).max()) == (np.int8, largest)
    assert after.properties == {"recipe": recipe, "sparsity": "0.8", "block_shape": "(4, 1)"}
