"""Which operators have a reverse rule, and what happens to the others."""

from __future__ import annotations

import numpy as np
import pytest
from small_encoder import BATCH, CONFIG, ENCODER, encoder

from distilspec.conformance.adjoints import FLAT, RULES, Tape, first_order_bound, sensitivities
from distilspec.reference import ops
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.models.build import build_program, random_weights
from distilspec.reference.models.config import BertConfig, DistilBertConfig
from distilspec.reference.models.heads import HEADS
from distilspec.reference.ops import OPERATORS
from distilspec.reference.recipes import apply_recipe, calibrate, prune
from distilspec.reference.tracer import Builder

SIZES = {
    "vocab_size": 20,
    "hidden_size": 8,
    "num_layers": 1,
    "num_heads": 2,
    "intermediate_size": 8,
    "max_positions": 8,
}


def test_a_rule_is_a_rule_and_not_an_operator_that_a_module_imports():
    """Rules are found by name in modules that use operators too."""
    for name, rule in RULES.items():
        assert rule.__module__.startswith("distilspec.conformance.adjoints"), name
        assert rule is not OPERATORS[name]
    assert not FLAT & set(RULES)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu", "silu"])
@pytest.mark.parametrize("kind", [BertConfig, DistilBertConfig])
def test_every_operator_of_every_model_has_a_rule_or_is_flat(kind, head, activation):
    """A model that can be built can be judged by its decisions."""
    config = kind(**SIZES, activation=activation)
    program = build_program(config, head, random_weights(config, head, seed=0))

    assert {step.op for step in program.steps} <= set(RULES) | FLAT


@pytest.mark.parametrize("recipe", Recipe)
@pytest.mark.parametrize("sparsity", [0.0, 0.5])
def test_every_operator_of_every_recipe_has_a_rule_or_is_flat(recipe, sparsity):
    """Dense and block-sparse."""
    program = prune(ENCODER, sparsity=sparsity, block_shape=(4, 1)) if sparsity else ENCODER
    ranges = calibrate(program, [BATCH], recipe=recipe) if Recipe(recipe).is_calibrated else None
    program = apply_recipe(program, recipe, calibration=ranges)

    assert {step.op for step in program.steps} <= set(RULES) | FLAT


@pytest.mark.parametrize("recipe", Recipe)
def test_every_float_and_every_code_of_an_encoder_moves_its_result(recipe):
    """A path that a rule forgot would show as a tensor without sensitivity."""
    program = encoder(recipe)
    cotangent = {"sentence_embedding": np.random.default_rng(0).standard_normal((3, CONFIG.hidden_size))}

    found = sensitivities(program, BATCH, cotangent)

    floats = {name for name, spec in program.tensors.items() if spec.dtype == "float"}
    codes = {name for name in program.tensors if name.endswith(".quantized")}
    constants = {step.name for step in program.steps if all(name in program.constants for name in step.inputs)}
    assert floats | codes <= set(found) | constants
    assert all(np.any(found[name] != 0) for name in (floats | codes) & set(found))
    assert all(found[name].shape == np.shape(value) for name, value in _values(program).items() if name in found)


def _values(program):
    return program.run(ops, BATCH, keep=list(program.tensors))


def test_two_outputs_add_up_and_a_tensor_read_twice_is_counted_twice():
    """Y = x + x and z = -x with cotangents 1 and 10."""
    builder = Builder("two", {"x": TensorSpec("float", (2,))}, {"recipe": "fp32"})
    (start,) = builder.emit("start", "negate", ["x"])
    (double,) = builder.emit("double", "add", [start, start])
    (less,) = builder.emit("less", "negate", [start])
    program = builder.finish({"y": double, "z": less})

    found = sensitivities(program, {"x": np.ones(2)}, {"y": np.ones(2), "z": np.full(2, 10.0)})

    np.testing.assert_array_equal(found["start"], [2.0 - 10.0] * 2)


def test_the_first_order_bound_is_the_sum_by_hand():
    """M = 3 a b with a = 2, b = -5: |dm/da| 0.1 + |dm/db| 0.01 + |dm/dm| 0.5 = 1.5 + 0.06 + 0.5."""
    specs = {name: TensorSpec("float", (1,)) for name in ("x", "y")}
    builder = Builder("product", specs, {"recipe": "fp32"})
    (a,), (b,) = builder.emit("a", "negate", ["x"]), builder.emit("b", "negate", ["y"])
    (ab,) = builder.emit("ab", "multiply", [a, b])
    (m,) = builder.emit("m", "multiply", [ab, builder.constant("three", np.array([3.0]))])
    program, inputs = builder.finish({"m": m}), {"x": np.array([-2.0]), "y": np.array([5.0])}
    errors = {"a": np.array([0.1]), "b": np.array([0.01]), "m": np.array([0.5])}

    assert first_order_bound(program, inputs, {"m": np.ones(1)}, errors) == pytest.approx(1.5 + 0.06 + 0.5)
    assert first_order_bound(program, inputs, {"m": -np.ones(1)}, errors) == pytest.approx(1.5 + 0.06 + 0.5)
    assert first_order_bound(program, inputs, {"m": np.zeros(1)}, {"a": np.array([np.inf])}) == 0


def test_a_tape_gives_the_same_answer_again():
    """Reverse passes leave nothing behind."""
    program = encoder(Recipe.W8A8_DYNAMIC)
    tape = Tape(program, BATCH)
    cotangent = {"sentence_embedding": np.random.default_rng(0).standard_normal((3, CONFIG.hidden_size))}
    first, second = tape.sensitivities(cotangent), tape.sensitivities(cotangent)

    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
