"""NumPy's steps: exact integers at every size, and the kernels' numbers wherever the specification leaves no choice."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from small_models import inputs, small_program

from distilspec.conformance.result import State
from distilspec.conformance.segments import judge_segments
from distilspec.fast import Engine
from distilspec.fast.backends.numpy_backend import EXACT_COLUMNS, NumpyBackend, _products
from distilspec.fast.lower.fused import Lowered, Quantize, Scales
from distilspec.reference import ops
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.recipes import apply_recipe, calibrate
from distilspec.reference.tracer import trace

RECIPES = ("fp32", "w8a8-static", "w7a8-static", "w8a8-dynamic", "w8a8-dynamic-token", "w8a32")
BACKENDS = ("native", "numpy")

#: Features that go through more than one matrix product.
FEATURES = EXACT_COLUMNS + 86


@pytest.mark.parametrize("last", [-128, -127, 127])
@pytest.mark.parametrize("weight", [-128, -127, 127])
@pytest.mark.parametrize("columns", [1, 513, 514, 515, 519, 1027, 1028, 1029, 1543, 3072])
def test_sums_of_the_largest_products_are_exact(columns, weight, last):
    """Odd sums too: beyond 2**24 float32 has none of them. Those of 515 products are the first that are so large."""
    codes = np.full((1, 2, columns), 255, np.uint8)
    weights = np.full((columns, 3), weight)
    weights[-1] = last
    got = _products(codes, weights.astype(np.float32))
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, np.full((1, 2, 3), 255 * (weight * (columns - 1) + last)))


@pytest.mark.parametrize("columns", [514, 515, 1028, 3072])
def test_sums_of_any_products_are_exact(columns):
    """As int64 has them; weights of one sign, so that sums are large."""
    generator = np.random.default_rng(columns)
    codes = generator.integers(0, 256, (2, 5, columns), np.uint8)
    weight = generator.integers(-128, 0, (columns, 7))
    expected = codes.astype(np.int64) @ weight
    assert columns < 3072 or np.abs(expected).max() > 2**24
    np.testing.assert_array_equal(_products(codes, weight.astype(np.float32)), expected)


@pytest.mark.parametrize("scale", [0.1, 0.3, 1 / 255, 7.0])
@pytest.mark.parametrize(("dtype", "zero_point"), [(np.uint8, 113), (np.int8, -3), (np.int8, 0)])
def test_codes_at_the_boundaries_are_those_of_the_specification(dtype, zero_point, scale):
    """Halves of steps and their neighbours, where a product by the reciprocal goes to the other side."""
    halves = np.float32((np.arange(-300, 300) + 0.5) * scale)
    x = np.stack([np.nextafter(halves, np.float32(-np.inf)), halves, np.nextafter(halves, np.float32(np.inf))])
    values = {"x": x}
    step = Quantize("x", "codes", Scales.STATIC, dtype is np.int8, float(np.float32(scale)), zero_point)
    NumpyBackend(Lowered((), (step,), {}, {}))._quantize(step, values)
    np.testing.assert_array_equal(values["codes"], ops.quantize(x, np.float32(scale), dtype(zero_point)))


def exact_program(recipe):
    """
    Return a program of two Linears and its inputs, of which the first gives the same float32 in every order.

    Ids choose rows of [-1, 254] / 16 that hold both ends, so scales are 1/16, of a token 1/8, and weights have scales
    of 2**-7. Sums are below 254 * (20 * 600 + 127) < 2**22 units, and so is what they become with a bias of such units.
    """
    generator = np.random.default_rng(0)
    table = generator.integers(-1, 255, (20, FEATURES))
    table[:, :2] = -1, 254
    largest = 64 if recipe == "w7a8-static" else 127
    weight = generator.integers(-20, 21, (24, FEATURES))
    weight[:, 0] = largest
    weights = {
        "table": table.astype(np.float32) / 16,
        "first": weight.astype(np.float32) / 128,
        "first_bias": generator.integers(-50, 50, 24).astype(np.float32) / 1024,
        "second": generator.normal(size=(9, 24)).astype(np.float32),
        "second_bias": generator.normal(size=9).astype(np.float32),
    }

    def model(ops, weights, input_ids):
        first = ops.linear(ops.embedding(input_ids, weights["table"]), weights["first"], weights["first_bias"])
        shown = ops.relu(first)
        return {"shown": shown, "y": ops.linear(shown, weights["second"], weights["second_bias"])}

    plain = trace("exact", model, {"input_ids": TensorSpec("int64", ("batch", "sequence"))}, weights)
    tagged = (dataclasses.replace(step, tags=("encoder",)) for step in plain.steps)
    plain = plain.replace(steps=tuple(tagged))
    arrays = {"input_ids": generator.integers(0, 20, (3, 11))}
    ranges = calibrate(plain, [arrays], recipe=recipe) if Recipe(recipe).is_calibrated else None
    return apply_recipe(plain, Recipe(recipe), calibration=ranges), arrays


@pytest.mark.parametrize("recipe", RECIPES)
def test_both_backends_and_the_specification_have_the_same_codes_and_exact_floats(recipe):
    """Nothing is rounded until the second Linear; its codes are float32 quotients, which the specification fixes."""
    program, arrays = exact_program(recipe)
    with Engine(program) as native, Engine(program, backend="numpy") as portable:
        names = native.survivors()
        (outputs, shown), (others, more) = (engine.run_exposed(arrays, names) for engine in (native, portable))
    made = {step.name: step for step in program.steps}
    exact = [name for name in names if name != program.outputs["y"]]
    coded = [name for name in exact if name in made and "quantize" in made[name].op]
    assert len(coded) == (0 if recipe in ("fp32", "w8a32") else 2)
    expected = program.run(ops, arrays, keep=exact)
    for name in exact:
        np.testing.assert_array_equal(shown[name], more[name])
        np.testing.assert_array_equal(shown[name], expected[name])
    np.testing.assert_array_equal(outputs["shown"], others["shown"])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_segment_is_within_what_the_specification_allows(recipe, backend):
    """Bounds are derived step by step from what the engine itself shows before; codes are exact from floats shown."""
    program = small_program(recipe, family="bert", head="sentence-embedding")
    arrays = inputs(program, 3, 17)
    with Engine(program, backend=backend) as made:
        _, shown = made.run_exposed(arrays, made.survivors())
    judged = list(judge_segments(program, {**program.checked(arrays), **shown}))
    assert len(judged) >= 14
    assert [found.judgement for found in judged if found.judgement.state is not State.PASS] == []
