"""``w8a8-static-attn``: attention of codes against its formula in exact arithmetic, and what the recipe refuses."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from encoders import batch, one_linear, small_bert
from exact import float32, round_half_even, saturate
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import refused

from distilspec.reference import ops
from distilspec.reference.contract.errors import RangeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.scope import scope
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.recipes import apply_recipe, calibrate
from distilspec.reference.tracer import trace

RECIPE = Recipe.W8A8_STATIC_ATTN
NAMES = ("query", "key", "value")
SIZES = (1, 1, "sequence", 2)


def attention(masked=True, scale=0.5):
    """Return a program of one encoder attention, and of one Linear that the recipe quantises beside it."""

    def function(ops, weights, **inputs):
        with scope(tag="encoder"):
            operands = [inputs[name] for name in (*NAMES, *(["mask"] if masked else []))]
            y = ops.scaled_dot_product_attention(*operands, scale=scale)
            return {"y": y, "z": ops.linear(y, weights["dense.weight"], None)}

    specs = dict.fromkeys(NAMES, TensorSpec("float", SIZES))
    if masked:
        specs["mask"] = TensorSpec("bool", (1, 1, 1, "sequence"))
    return trace("attention", function, specs, {"dense.weight": np.ones((1, 2), np.float32)})


def quantised(ranges, **options):
    """Return the program under the recipe."""
    program = attention(**options)
    name = program.outputs["y"]
    return apply_recipe(program, RECIPE, calibration={**ranges, name: (-1, 1)}), name


def coded(x, scale, zero, low, high):
    """Return codes by the clauses of ``quantize``, as fractions."""
    return [[saturate(round_half_even(float32(v / scale)) + zero, low, high) for v in row] for row in x]


def usable(scale):
    """Return a scale by its rule: 1 in place of 0 and of a subnormal quotient."""
    return scale if scale >= Fraction(2) ** -126 else Fraction(1)


def exact(x, ranges, mask):
    """Return codes, scores and the weighted means by the decision's formula; None where a weight is a near tie."""
    rows = {name: [[Fraction(v) for v in row] for row in array[0, 0].tolist()] for name, array in x.items()}
    low, high = (Fraction(end) for end in ranges["query"])
    low, high = min(low, Fraction(0)), max(high, Fraction(0))
    scale = usable(float32(float32(high - low) / 255))
    zero = saturate(round_half_even(float32(-low / scale)), 0, 255)
    query = coded(rows["query"], scale, zero, 0, 255)
    signed, scales = {}, {}
    for name in ("key", "value"):
        scales[name] = usable(float32(max(abs(Fraction(end)) for end in ranges[name]) / 127))
        signed[name] = coded(rows[name], scales[name], 0, -128, 127)
    folded = float32(scale * scales["key"] / 2)
    kept = np.flatnonzero(mask).tolist()
    for q in query:
        sums = {k: sum((a - zero) * b for a, b in zip(q, signed["key"][k], strict=True)) for k in kept}
        best = max(sums.values(), default=0)
        codes = {}
        for k, total in sums.items():
            share = mpmath.exp(mpmath.mpf(int(total - best)) * folded.numerator / folded.denominator) * 255
            codes[k] = None if abs(share % 1 - 0.5) < 1e-4 else int(mpmath.nint(share))
        if None in codes.values():
            yield None
            continue
        weight = sum(codes.values())
        columns = zip(*signed["value"], strict=True)
        yield [scales["value"] * sum(codes[k] * v[k] for k in kept) / max(weight, 1) for v in columns]


FLOATS = st.floats(-8, 8, width=32)
ENDS = st.tuples(FLOATS, FLOATS).map(sorted)
OPERANDS = hnp.arrays(np.float32, (1, 1, 3, 2), elements=FLOATS)


@settings(max_examples=60)
@given(
    x=st.fixed_dictionaries(dict.fromkeys(NAMES, OPERANDS)),
    ranges=st.fixed_dictionaries(dict.fromkeys(NAMES, ENDS)),
    mask=hnp.arrays(np.bool_, 3),
)
def test_attention_is_its_formula_in_exact_arithmetic(x, ranges, mask):
    """Decision 0012: integers are exact; the result has the float64 roundings of one product and one quotient."""
    program, name = quantised(ranges)

    y = program.run(ops, {**x, "mask": mask.reshape(1, 1, 1, 3)}, keep=[name])[name]

    for got, row in zip(y[0, 0].tolist(), exact(x, ranges, mask), strict=True):
        if row is not None:
            assert all(abs(Fraction(a) - b) <= 2 * abs(b) * Fraction(2) ** -53 for a, b in zip(got, row, strict=True))


RANGES = {"query": (-4, 4), "key": (-2, 1), "value": (-127, 127)}


def test_the_best_key_has_the_largest_code_however_many_keys_there_are():
    """Decision 0012: among 1000 equal keys none is lost, although each has a probability below half of 1 / 255."""
    program, name = quantised(RANGES, masked=False)
    x = {"query": np.ones((1, 1, 1000, 2)), "key": np.ones((1, 1, 1000, 2)), "value": np.full((1, 1, 1000, 2), 127.0)}

    values = program.run(ops, x, keep=[f"{name}.shares.quantized", name])

    assert (values[f"{name}.shares.quantized"] == 255).all()
    assert (values[name] == 127).all()


def test_a_query_without_a_kept_key_gives_zeros():
    """SDPA-S5 stays true."""
    program, name = quantised(RANGES)
    x = {part: np.ones((1, 1, 3, 2)) for part in NAMES}

    y = program.run(ops, {**x, "mask": np.zeros((1, 1, 1, 3), bool)}, keep=[name])[name]

    assert not y.any()


def test_a_masked_key_changes_nothing_whatever_its_value_is():
    """SDPA-S4 stays true, for codes of NaN and infinities too."""
    program, name = quantised(RANGES)
    mask = np.array([True, True, False]).reshape(1, 1, 1, 3)
    x = {part: np.random.default_rng(3).normal(size=(1, 1, 3, 2)) for part in NAMES}
    other = {part: array.copy() for part, array in x.items()}
    other["key"][..., 2, :], other["value"][..., 2, :] = np.inf, np.nan

    first, second = (program.run(ops, {**each, "mask": mask}, keep=[name])[name] for each in (x, other))

    assert first[..., :2, :].tobytes() == second[..., :2, :].tobytes()


def test_padding_has_no_influence_on_the_ranges_of_heads():
    """Of [batch, heads, sequence, head_dim] the positions of tokens count, as of rows of features."""
    program, inputs = small_bert(), batch()
    padded = {name: np.pad(array, ((0, 0), (0, 3))) for name, array in inputs.items()}

    ranges = calibrate(program, [inputs], recipe=RECIPE)

    again = calibrate(program, [padded], recipe=RECIPE)
    assert list(again) == list(ranges)
    # the sums of a softmax with more, empty, terms may be added in another order, and float32 hides it but for a ulp
    np.testing.assert_allclose(list(again.values()), list(ranges.values()), rtol=2**-23)
    heads = [name for step in program.steps if "attention" in step.op for name in step.inputs[:3]]
    assert len(heads) == 6
    assert ranges.keys() - calibrate(program, [inputs]).keys() == set(heads)


def test_a_program_without_attention_is_refused():
    """The recipe would otherwise be a label without meaning."""
    with refused(UnsupportedError, "no scaled_dot_product_attention step has the tag encoder"):
        apply_recipe(one_linear(np.ones((2, 3), np.float32), None), RECIPE, calibration={"x": (0, 1)})


@pytest.mark.parametrize(
    ("ranges", "scale", "error", "match"),
    [
        ({"query": (0, 1), "key": (0, 1)}, 0.5, RangeError, "tensor value has no range"),
        ({**RANGES, "key": (0, np.nan)}, 0.5, RangeError, "tensor key: .*SYM-C2"),
        (RANGES, -0.5, UnsupportedError, "scale is -0.5; expected a positive one"),
        (RANGES, 1e-60, RangeError, "the scale of its scores is 0.0; expected a float32 number"),
    ],
)
def test_what_has_no_codes_is_refused_in_one_line(ranges, scale, error, match):
    """No half-made program comes back."""
    with refused(error, match):
        quantised(ranges, scale=scale)
