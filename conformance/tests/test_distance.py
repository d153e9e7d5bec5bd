"""How far apart two answers may be: the limits, their states, and what counts."""

from __future__ import annotations

import numpy as np
import pytest
from small_encoder import BATCH, encoder

from distilspec.conformance.adjoints import Tape, root_sum_square, worst_movement
from distilspec.conformance.adjoints.first_order import FirstOrder
from distilspec.conformance.adjoints.local_errors import local_errors
from distilspec.conformance.adjoints.turned_codes import deviations_of_vectors, unseen_codes
from distilspec.conformance.distance import Compared, judge_distance
from distilspec.conformance.result import State, Unit
from distilspec.reference import ops
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.tracer import Builder

TWO_RUNS = Compared(runs=2, codes_equal=False, unit=Unit.METAMORPHIC)
ONE_RUN = Compared(runs=1, codes_equal=False, unit=Unit.BOUND)
OUTPUT = "sentence_embedding"


@pytest.mark.parametrize("recipe", [Recipe.FP32, Recipe.W8A8_STATIC, Recipe.W8A8_DYNAMIC_TOKEN])
@pytest.mark.parametrize("codes_equal", [False, True])
def test_one_text_moves_alone_as_it_does_in_its_batch(recipe, codes_equal):
    """The padding of the batch stays, so that every sum has as many terms."""
    program = encoder(recipe)
    direction = np.random.default_rng(0).standard_normal(24)
    cotangent = np.zeros((3, 24))
    cotangent[1] = direction
    moves = Tape(program, BATCH).sensitivities({OUTPUT: cotangent}, codes_fixed=codes_equal)
    errors = local_errors(program, BATCH)

    found = FirstOrder(program, BATCH).movement(OUTPUT, (1,), direction, codes_equal=codes_equal)

    assert found.worst == pytest.approx(worst_movement(moves, errors), rel=1e-6)
    assert found.at_random == pytest.approx(root_sum_square(moves, errors), rel=1e-6)
    assert found.by_codes == pytest.approx(0 if codes_equal else unseen_codes(program, moves), rel=1e-6)
    assert found.at_random < found.worst


def test_texts_that_share_a_scale_are_not_taken_apart():
    """The largest value of any text moves the scale of all."""
    program = encoder(Recipe.W8A8_DYNAMIC)
    direction = np.ones(24)
    together = FirstOrder(program, BATCH).movement(OUTPUT, (1,), direction)
    alone = FirstOrder(program, {name: array[1:2] for name, array in BATCH.items()}).movement(OUTPUT, (0,), direction)

    assert together.worst != pytest.approx(alone.worst, rel=1e-3)


def test_movements_beside_fixed_codes_agree_with_central_differences():
    """Of a tensor that goes on beside the codes that are made of it."""
    program = encoder(Recipe.W8A8_STATIC)
    name = "encoder.layer.0.attention.output.LayerNorm"
    codes = [tensor for tensor in program.tensors if ".quantized" in tensor]
    rest = program.extract([program.outputs[OUTPUT]], [name, *codes, *program.inputs])
    values = program.run(ops, BATCH, keep=[name, *codes])
    random = np.random.default_rng(0)
    direction, cotangent = random.standard_normal(values[name].shape), random.standard_normal((3, 24))
    given = {key: values.get(key, BATCH.get(key)) for key in rest.inputs}
    ends = [
        np.sum(cotangent * rest.run(ops, {**given, name: values[name] + step * direction})[program.outputs[OUTPUT]])
        for step in (-1e-6, 1e-6)
    ]

    found = Tape(program, BATCH).sensitivities({OUTPUT: cotangent}, codes_fixed=True)

    # the central difference of a smooth function is off by the step squared, and by rounding over the step
    assert np.sum(found[name] * direction) == pytest.approx((ends[1] - ends[0]) / 2e-6, rel=1e-6)


def doubled(label, shape):
    """Return ``y = 3 x``, where each element of x rounds once."""
    specs = {"x": TensorSpec("float", shape), "attention_mask": TensorSpec("bool", ("batch", "sequence"))}
    builder = Builder("doubled", specs, {"recipe": "fp32"})
    three = builder.constant("three", np.float32([3]))
    (y,) = builder.emit("y", "multiply", ["x", three])
    return builder.finish({label: y})


X = np.float32(np.random.default_rng(3).uniform(1, 2, (2, 5, 3)))
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])


def limits():
    """Return the movements of 3 x, and the error of an element, which is exactly known."""
    program = doubled("logits", ("batch", "sequence", 3))
    inputs = {"x": X, "attention_mask": MASK}
    return FirstOrder(program, inputs), local_errors(program, inputs)["y"]


def judged(moved, compared=TWO_RUNS):
    """Return the verdict on answers that differ by ``moved``."""
    first = 3 * X.astype(np.float64)
    return judge_distance(limits()[0], "logits", first, first + moved, compared)


def test_a_difference_within_two_bounds_passes_and_one_beyond_fails():
    """Along the element that moved: twice its error, or once where the other answer is the reference's."""
    _, errors = limits()
    place = np.unravel_index(np.argmax(np.where(MASK[..., None], errors, 0)), errors.shape)
    moved = np.zeros(X.shape)
    moved[place] = 1.9 * errors[place]

    assert judged(moved).state is State.PASS
    assert judged(moved).bound_used == pytest.approx(0.95)
    assert judged(moved, ONE_RUN).state is State.FAIL
    assert judged(1.1 * moved).state is State.FAIL
    assert judged(1.1 * moved).max_error == pytest.approx(1.1 * moved[place])


def test_many_small_errors_of_one_sign_are_undecided():
    """Float errors at their worst explain them, float errors with signs at random do not."""
    dimension = 400
    program = doubled("logits", ("batch", dimension))
    x = np.full((2, dimension), 1.1, np.float32)
    inputs = {"x": x, "attention_mask": MASK}
    question = FirstOrder(program, inputs)
    errors = local_errors(program, inputs)["y"]
    first = 3 * x.astype(np.float64)
    share = deviations_of_vectors(dimension, 2) * np.sqrt(2) / np.sqrt(dimension)

    assert 1 < share < 2
    within, beyond = (
        judge_distance(question, "logits", first, first + factor * errors, TWO_RUNS) for factor in (1, 1.9)
    )
    assert (within.state, beyond.state) == (State.PASS, State.UNDECIDED)
    assert "errors at random" in beyond.detail


def test_padding_says_nothing():
    """Whatever stands there, NaN included."""
    moved = np.where(MASK[..., None], 0.0, np.nan) * np.ones(3)

    assert judged(moved).state is State.PASS


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_fails(value):
    """In either answer, at a token."""
    moved = np.zeros(X.shape)
    moved[1, 1, 2] = value

    assert judged(moved).state is State.FAIL
    assert judged(moved).detail == "1 elements of logits are not finite"


def test_a_limit_above_the_answer_proves_nothing():
    """Codes of a scale that is larger than what they stand for."""
    specs = {"x": TensorSpec("float", ("batch", 3)), "attention_mask": TensorSpec("bool", ("batch", "sequence"))}
    builder = Builder("coarse", specs, {"recipe": "w8a8-static"})
    scale, zero_point = builder.constant("scale", np.float32(9)), builder.constant("zero_point", np.uint8(10))
    (codes,) = builder.emit("x.quantized", "quantize", ["x", scale, zero_point])
    (y,) = builder.emit("y", "dequantize", [codes, scale, zero_point])
    program, inputs = builder.finish({"logits": y}), {"x": np.full((2, 3), 8.0), "attention_mask": MASK}
    first = np.full((2, 3), 9.0)

    verdict = judge_distance(FirstOrder(program, inputs), "logits", first, first * [[1, 2, 1], [1, 1, 1]], TWO_RUNS)

    assert verdict.state is State.MISTRUSTED
    assert "more than its length" in verdict.detail
