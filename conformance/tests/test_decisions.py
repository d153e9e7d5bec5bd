"""Decisions: what is a candidate, when a flip counts, and when the bound says nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from distilspec.conformance.adjoints import Tape
from distilspec.conformance.adjoints.turned_codes import FAILURE, deviations, deviations_of_vectors
from distilspec.conformance.cases.models import model_subject
from distilspec.conformance.decisions import DECISIONS_PER_OUTPUT, choices, judge_decisions, judge_outputs
from distilspec.conformance.result import State, Unit
from distilspec.reference import ops
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.models.build import build_program, random_weights
from distilspec.reference.models.config import BertConfig, DistilBertConfig
from distilspec.reference.tracer import Builder

SIZES = {
    "vocab_size": 20,
    "hidden_size": 12,
    "num_layers": 1,
    "num_heads": 2,
    "intermediate_size": 8,
    "max_positions": 8,
    "num_labels": 3,
}
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0]])


def one_step(label, shape):
    """Return the program ``label = -x``, so that its only sensitivity is the gradient of the margin itself."""
    specs = {"x": TensorSpec("float", shape), "attention_mask": TensorSpec("bool", MASK.shape)}
    builder = Builder("one", specs, {"recipe": "fp32"})
    (y,) = builder.emit("y", "negate", ["x"])
    return builder.finish({label: y})


def judged(label, expected, got, error):
    """Return name and judgement of every decision of one output whose elements may each be off by ``error``."""
    program = one_step(label, expected.shape)
    inputs = {"x": -expected, "attention_mask": MASK}
    errors = {"y": np.full(expected.shape, error)}
    found = judge_decisions(program, inputs, {label: expected}, {label: got.astype(np.float32)}, errors, {})
    return {name: judgement for _, name, judgement in found}


def states(label, expected, got, error):
    """Return the states of all decisions of one output."""
    return [judgement.state for judgement in judged(label, expected, got, error).values()]


LOGITS = np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 1.0, 5.0]])


def test_a_clear_margin_and_the_same_winner_pass():
    """Margins of 1 to 4 against a bound of 2 x 0.1."""
    assert states("logits", LOGITS, LOGITS + 0.05, 0.1) == [State.PASS] * 3


def test_a_flip_of_a_clear_margin_fails_and_says_so():
    """Only the row that flipped, with the margin between the reference's winner and the runtime's."""
    got = LOGITS.copy()
    got[0] = 1.0, 0.0, 3.0
    found = list(judged("logits", LOGITS, got, 0.1).values())

    assert [judgement.state for judgement in found] == [State.FAIL, State.PASS, State.PASS]
    assert found[0].detail == "margin 3, first-order bound 0.2, flipped"
    assert found[0].unit is Unit.DECISION
    assert found[0].max_error == pytest.approx(5.0)
    assert found[0].bound_used == pytest.approx(25.0)


@pytest.mark.parametrize("flipped", [False, True])
def test_a_margin_below_the_bound_is_undecided_either_way(flipped):
    """The smallest margin is 1; the bound is 2 x 0.6."""
    got = LOGITS[:, ::-1].copy() if flipped else LOGITS

    assert states("logits", LOGITS, got, 0.6)[1] is State.UNDECIDED


def test_a_margin_that_equals_its_bound_is_undecided():
    """Two candidates that may meet are a toss-up."""
    assert states("logits", LOGITS, LOGITS, 0.5)[1] is State.UNDECIDED
    assert states("logits", LOGITS, LOGITS, 0.499)[1] is State.PASS


def test_equal_candidates_are_undecided_even_without_any_error():
    """The first of equals wins, but nobody has to know."""
    expected = np.zeros((3, 3))

    assert states("logits", expected, expected, 0.0) == [State.UNDECIDED] * 3


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_runtime_that_gives_no_number_does_not_pass(bad):
    """NaN everywhere has no winner; an infinite loser wins, an infinitely low winner loses."""
    expected, got = LOGITS, LOGITS.copy()
    got[0, 0 if bad == -np.inf else 1] = bad

    assert states("logits", expected, got, 0.1)[0] is State.FAIL
    assert State.PASS not in states("logits", expected, np.full_like(got, np.nan), 0.1)


def test_padding_is_no_candidate_for_a_span():
    """A runtime may put anything at padding; a reference whose largest score is there decides among the rest."""
    expected = np.array([[0.0, 1, 2, 3, 9], [0, 5, 1, 99, 99], [4, 0, 77, 77, 77]])
    got = expected.copy()
    got[MASK == 0] = np.nan

    found = judged("start_logits", expected, got, 0.1)

    assert list(found) == ["start_logits 0", "start_logits 1", "start_logits 2"]
    assert {judgement.state for judgement in found.values()} == {State.PASS}


def test_a_span_flip_within_the_text_fails():
    """The end moves to another kept token."""
    expected = np.array([[0.0, 1, 2, 3, 9], [0, 5, 1, 0, 0], [4, 0, 0, 0, 0]])
    got = expected.copy()
    got[1] = 6, 5, 1, 0, 0

    assert states("end_logits", expected, got, 0.1) == [State.PASS, State.FAIL, State.PASS]


def test_padding_decides_no_token_label():
    """Kept tokens only, and at most so many of them."""
    logits = np.random.default_rng(0).standard_normal((3, 5, 4))
    names = [choice.name for choice in choices("logits", logits, MASK)]

    assert names == [f"logits {(row, column)}" for row, column in np.argwhere(MASK).tolist()]
    assert len(judged("logits", logits, logits, 0.0)) <= DECISIONS_PER_OUTPUT


def test_a_single_label_a_single_token_and_two_sentences_decide_nothing():
    """There is no rival."""
    assert list(choices("logits", np.ones((3, 1)), MASK)) == []
    assert list(choices("start_logits", np.ones((1, 3)), np.array([[1, 0, 0]]))) == []
    assert list(choices("sentence_embedding", np.ones((2, 4)), MASK[:2])) == []
    assert list(choices("last_hidden_state", np.ones((3, 5, 4)), MASK)) == []


def unit(rows):
    """Return rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


EMBEDDINGS = unit(np.array([[1.0, 0.0, 0.1], [1.0, 0.2, 0.0], [0.0, 1.0, 0.0]]))


def test_the_nearest_sentence_is_a_decision():
    """A sentence is not its own neighbour; a swap of two neighbours fails."""
    found = judged("sentence_embedding", EMBEDDINGS, EMBEDDINGS, 1e-3)
    flipped = states("sentence_embedding", EMBEDDINGS, EMBEDDINGS[[0, 2, 1]], 1e-3)

    assert list(found) == ["nearest to 0", "nearest to 1", "nearest to 2"]
    assert {judgement.state for judgement in found.values()} == {State.PASS}
    assert State.FAIL in flipped


def test_the_gradient_of_every_margin_agrees_with_differences():
    """Inner products of embeddings, where one row is on both sides, and plain scores."""
    random = np.random.default_rng(0)
    for label, output in (
        ("sentence_embedding", random.standard_normal((3, 4))),
        ("logits", random.standard_normal((3, 5, 4))),
        ("logits", random.standard_normal((3, 4))),
        ("start_logits", random.standard_normal((3, 5))),
    ):
        for choice in choices(label, output, MASK):
            first, second = choice.winner(choice.scores), choice.runner_up()
            direction = random.standard_normal(output.shape)
            ends = []
            for step in (-1e-6, 1e-6):
                moved = {c.name: c for c in choices(label, output + step * direction, MASK)}[choice.name]
                ends.append(moved.scores[first] - moved.scores[second])
            slope = np.sum(choice.cotangent(first, second) * direction)
            assert slope == pytest.approx((ends[1] - ends[0]) / 2e-6, rel=1e-6, abs=1e-8)


def test_the_winner_and_the_runner_up_are_the_two_best():
    """Over the candidates only."""
    for choice in choices("start_logits", np.array([[5.0, 1, 7, 3, 9], [1, 2, 0, 9, 9], [2, 2, 9, 9, 9]]), MASK):
        ranked = sorted(choice.candidates, key=lambda index: -choice.scores[index])
        assert [choice.winner(choice.scores), choice.runner_up()] == ranked[:2]


def test_turned_codes_widen_the_bound():
    """What rounding upstream did to a code counts with its sign and its sensitivity: one code is worth one scale."""
    specs = {"x": TensorSpec("float", (3, 3)), "attention_mask": TensorSpec("bool", MASK.shape)}
    builder = Builder("codes", specs, {"recipe": "w8a8-static"})
    scale, zero_point = builder.constant("scale", np.float32(0.5)), builder.constant("zero_point", np.uint8(10))
    (codes,) = builder.emit("x.quantized", "quantize", ["x", scale, zero_point])
    (y,) = builder.emit("y", "dequantize", [codes, scale, zero_point])
    program, inputs = builder.finish({"logits": y}), {"x": LOGITS, "attention_mask": MASK}
    expected = program.run(ops, inputs)
    offsets = Tape(program, inputs).rounding_offsets()["x.quantized"].copy()
    offsets[1, 1] -= 1
    offsets[2] += 1

    found = list(judge_decisions(program, inputs, expected, expected, {}, {"x.quantized": offsets}))

    assert [detail.detail for *_, detail in found] == [
        "margin 2, first-order bound 0",
        "margin 1, first-order bound 0.5",
        "margin 4, first-order bound 0",
    ]


@pytest.mark.parametrize("kind", [BertConfig, DistilBertConfig])
@pytest.mark.parametrize(
    ("head", "labels"),
    [
        ("sentence-embedding", {"sentence_embedding": 3}),
        ("sequence-classification", {"logits": 3}),
        ("token-classification", {"logits": 5}),
        ("question-answering", {"start_logits": 3, "end_logits": 3}),
        ("masked-lm", {"logits": 5}),
        ("feature-extraction", {}),
    ],
)
def test_every_head_of_every_model_is_decided(kind, head, labels):
    """The reference passes its own decisions, and shifted outputs that flip them all fail."""
    config = kind(**SIZES | ({"num_labels": 2} if head == "question-answering" else {}))
    program = build_program(config, head, random_weights(config, head, seed=3))
    random = np.random.default_rng(0)
    inputs = {"input_ids": random.integers(0, 20, MASK.shape), "attention_mask": MASK}
    if "token_type_ids" in program.inputs:
        inputs["token_type_ids"] = np.zeros(MASK.shape, np.int64)
    expected = program.run(ops, inputs)
    last = {tensor: np.full(expected[label].shape, 1e-6) for label, tensor in program.outputs.items()}

    same = list(judge_decisions(program, inputs, expected, expected, last, {}))
    opposite = {label: -output for label, output in expected.items()}
    opposite |= (
        {"sentence_embedding": expected["sentence_embedding"] * [[1], [-1], [-1]]}
        if "sentence_embedding" in labels
        else {}
    )
    flipped = list(judge_decisions(program, inputs, expected, opposite, last, {}))

    counts = {label: sum(found == label for found, *_ in same) for label in labels}
    assert counts == labels
    assert len(same) == sum(labels.values())
    assert all(judgement.state is State.PASS for *_, judgement in same)
    assert not labels or any(judgement.state is State.FAIL for *_, judgement in flipped)
    if set(labels) == {"logits"}:
        assert all(judgement.state is State.FAIL for *_, judgement in flipped)


# Codes that nobody has seen


def test_the_deviations_cover_gaussian_numbers_and_not_much_more():
    """Sub-Gaussian numbers include Gaussian ones, whose quantiles are known."""
    for count in (1, 2, 30522):
        exact = stats.norm.isf(FAILURE / 2 / count)
        assert exact <= deviations(count) <= 1.1 * exact
    for dimension in (1, 2, 20, 384, 4992):
        exact = np.sqrt(stats.chi2.isf(FAILURE, dimension))
        assert exact <= deviations_of_vectors(dimension) <= 1.2 * exact
    assert deviations_of_vectors(384, 10) ** 2 >= stats.chi2.isf(FAILURE / 10, 384)


def test_unseen_codes_widen_the_bound_by_what_they_may_do():
    """Two codes of scale 1/2 stand behind each margin: lambda(3) * sqrt(2 * (1/2)^2 / 4)."""
    specs = {"x": TensorSpec("float", (3, 3)), "attention_mask": TensorSpec("bool", MASK.shape)}
    builder = Builder("codes", specs, {"recipe": "w8a8-static"})
    scale, zero_point = builder.constant("scale", np.float32(0.5)), builder.constant("zero_point", np.uint8(10))
    (codes,) = builder.emit("x.quantized", "quantize", ["x", scale, zero_point])
    (y,) = builder.emit("y", "dequantize", [codes, scale, zero_point])
    program, inputs = builder.finish({"logits": y}), {"x": LOGITS, "attention_mask": MASK}
    expected = program.run(ops, inputs)

    found = list(judge_decisions(program, inputs, expected, expected, {}, {}))

    bound = deviations(3) * np.sqrt(1 / 8)
    assert [judgement.detail for *_, judgement in found] == [
        f"margin {margin}, first-order bound {bound:.3g}" for margin in (2, 1, 4)
    ]
    assert [judgement.state for *_, judgement in found] == [State.UNDECIDED, State.UNDECIDED, State.PASS]


def shaken(program, inputs, relative, seed):
    """Return the outputs of a run in which every real result is off by up to ``relative``, so that codes turn."""
    random = np.random.default_rng(seed)

    class Shaken:
        def __getattr__(self, name):
            operator = getattr(ops, name)

            def shake(*operands, **attributes):
                result = operator(*operands, **attributes)
                if name == "constant" or not isinstance(result, np.ndarray) or result.dtype.kind != "f":
                    return result
                return result * (1 + relative * random.uniform(-1, 1, result.shape))

            return shake

    return program.run(Shaken(), inputs)


@pytest.mark.parametrize("recipe", [Recipe.W8A8_STATIC, Recipe.W8A8_DYNAMIC, Recipe.W8A8_DYNAMIC_TOKEN])
@pytest.mark.parametrize("name", ["random-bert-1", "random-distilbert-3", "random-bert-9", "random-distilbert-10"])
def test_turned_codes_move_no_output_beyond_what_is_said_of_them(name, recipe):
    """DEC-S2: many codes turn, and outputs move by a good part of the limit and never by all of it."""
    subject = model_subject(name, recipe)
    program, inputs = subject.program, subject.batches["mixed"]
    expected = program.run(ops, inputs)
    used = [
        judgement.bound_used
        for seed in range(4)
        for _, judgement in judge_outputs(program, inputs, expected, shaken(program, inputs, 1e-4, seed))
    ]

    assert max(used) < 1
    assert max(used) > 0.05


@pytest.mark.parametrize("recipe", Recipe)
@pytest.mark.parametrize("name", ["random-bert-1", "random-distilbert-3", "random-bert-10"])
def test_another_function_moves_outputs_beyond_what_is_said(name, recipe):
    """DEC-S2: a last LayerNorm with a weight of -1."""
    subject = model_subject(name, recipe)
    program, inputs = subject.program, subject.batches["mixed"]
    last = [step for step in program.steps if step.op == "layer_norm"][-1]
    wrong = program.replace(
        constants=program.constants | {last.inputs[1]: -np.ones_like(program.constants[last.inputs[1]])}
    )

    found = list(judge_outputs(program, inputs, program.run(ops, inputs), wrong.run(ops, inputs)))

    assert {judgement.state for _, judgement in found} == {State.FAIL}
    assert all(label in program.outputs and judgement.bound_used > 1 for label, judgement in found)


def test_an_operator_without_a_rule_leaves_decisions_undecided():
    """Nothing can be said about a margin that depends on it."""
    specs = {"x": TensorSpec("float", (3, 3)), "attention_mask": TensorSpec("bool", MASK.shape)}
    builder = Builder("scaled", specs, {"recipe": "fp32"})
    (size,) = builder.emit("size", "absolute", ["x"])
    (scale,) = builder.emit("scale", "symmetric_scale", [size])
    (y,) = builder.emit("y", "add", ["x", scale])
    program, inputs = builder.finish({"logits": y}), {"x": LOGITS, "attention_mask": MASK}
    expected = program.run(ops, inputs)

    decided = list(judge_decisions(program, inputs, expected, expected, {}, {}))
    moved = list(judge_outputs(program, inputs, expected, {"logits": expected["logits"] + 1}))

    assert {judgement.state for *_, judgement in decided} == {State.UNDECIDED}
    assert [judgement.state for _, judgement in moved] == [State.UNDECIDED]
    assert "scale is a symmetric_scale" in moved[0][1].detail
