"""INT8 in torch is the program's INT8, and the layers that cost most stay in float32."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from refusal import refused
from scipy.special import log_softmax
from scipy.stats import binom
from tiny_classifier import tiny_classifier
from word_piece import word_piece

from distilspec.compress.batches import EncodedRows, logits_of
from distilspec.compress.data import Rows
from distilspec.compress.engine import program_logits
from distilspec.compress.quantised import choose, linears_of, quantised
from distilspec.compress.students import load_classifier, save_classifier
from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.tokenizer import Tokenizer
from distilspec.reference.recipes import apply_recipe, calibrate

RECIPES = [recipe for recipe in Recipe if recipe not in (Recipe.FP32, Recipe.W8A8_STATIC_ATTN)]
WORST = "transformer.layer.1.ffn.lin1"


@pytest.fixture
def model(saved, tmp_path):
    """Return a classifier of three layers whose answers do not round away, its program and some rows."""
    _, loaded, rows = saved
    return load_classifier(tmp_path / "model"), loaded.program, rows


def ranges_of(program, rows):
    """Return calibrated ranges."""
    return calibrate(program, [rows.inputs(range(len(rows)))])


def program_of(program, ranges, rows, recipe=Recipe.W8A8_STATIC):
    """Return the function that asks the program which keeps some Linears."""
    return lambda kept: program_logits(apply_recipe(program, recipe, calibration=ranges, keep=kept), rows)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("keep", [(), (WORST, "transformer.layer.0.attention.q_lin")], ids=["all", "some kept"])
def test_each_linear_computes_what_its_step_says(model, recipe, keep):
    """From the input that it sees in torch, up to float32's sums; a kept one computes as before."""
    torch_model, program, rows = model
    ranges = ranges_of(program, rows)
    inputs = {name: tensor for name, tensor in linears_of(program).items() if name not in keep}
    made = apply_recipe(program, recipe, calibration=ranges, keep=keep)
    seen = {}
    for name in linears_of(program):
        watch(torch_model.distilbert.get_submodule(name), seen.setdefault(name, []))
    batch = rows.batch(range(4))
    with torch.no_grad(), quantised(torch_model, recipe, inputs, ranges):
        torch_model(batch.input_ids, batch.attention_mask)

    for name, tensor in linears_of(program).items():
        (x, got), weight, bias = seen[name], program.constants[f"{name}.weight"], program.constants[f"{name}.bias"]
        if name in inputs:
            codes, scale = made.constants[f"{name}.weight.codes"], made.constants[f"{name}.weight.scale"]
            weight = codes * scale[:, None].astype(np.float64)
            x = dequantised(made, tensor, x)
        x, weight, bias = (array.astype(np.float64) for array in (x, weight, bias))
        # A term is a product of two rounded numbers, rounded, in a sum of n + 1 of them: n + 3 roundings at most, each
        # by 2**-24, which is the first-order bound; the factor 1.01 covers the higher orders.
        n = weight.shape[1]
        bound = 1.01 * (n + 3) * 2**-24 * (np.abs(x) @ np.abs(weight).T + np.abs(bias))
        assert np.all(np.abs(got - (x @ weight.T + bias)) <= bound), name


def watch(linear, seen):
    """Append what the Linear is given and what it returns, as arrays."""
    linear.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].numpy().copy()))
    linear.register_forward_hook(lambda *found: seen.append(found[2].numpy().copy()))


def dequantised(program, tensor, x):
    """Return codes times scale as the program's own step makes them, float64."""
    step = next((step for step in program.steps if step.name == f"{tensor}.quantized"), None)
    if step is None:
        return x
    constants = [program.constants[name] for name in step.inputs[1:]]
    found = getattr(ops, step.op)(x, *constants)
    codes, scale, zero_point = found if isinstance(found, tuple) else (found, *constants)
    return (codes.astype(np.float64) - zero_point) * scale.astype(np.float64)


def test_the_model_is_as_before_when_the_block_is_over(model):
    """To the bit, and was not while it lasted."""
    torch_model, program, rows = model
    before = {name: tensor.clone() for name, tensor in torch_model.state_dict().items()}
    plain = logits_of(torch_model, rows)
    with quantised(torch_model, Recipe.W8A8_STATIC, linears_of(program), ranges_of(program, rows)):
        assert abs(logits_of(torch_model, rows) - plain).max() > 1e-4

    np.testing.assert_array_equal(logits_of(torch_model, rows), plain)
    assert all(torch.equal(before[name], tensor) for name, tensor in torch_model.state_dict().items())


def test_a_linear_alone_is_measured_as_if_every_layer_were_run(model):
    """Though those before it are not: the very same numbers, whichever layer it is in."""
    torch_model, program, rows = model
    inputs, ranges = linears_of(program), ranges_of(program, rows)
    plain = logits_of(torch_model, rows).astype(np.float64)
    table = choose(
        torch_model,
        Recipe.W7A8_STATIC,
        inputs,
        ranges,
        rows,
        ask=lambda _: plain,
        budget=100,
        advance=lambda: None,
    ).sensitivity
    log_p = log_softmax(plain, axis=1)
    for line in table:
        with quantised(torch_model, Recipe.W7A8_STATIC, {line.step: inputs[line.step]}, ranges):
            log_q = log_softmax(logits_of(torch_model, rows).astype(np.float64), axis=1)
        assert line.divergence == np.mean(np.sum(np.exp(log_p) * (log_p - log_q), axis=1)), line.step
    assert min(line.divergence for line in table) > 0


def test_the_linear_with_planted_outliers_is_kept_and_no_other(tmp_path):
    """
    Its range is as one outlier makes it that the texts of the validation have not: they use a handful of its codes.

    Each row's label is the answer in float32, so that accuracy is agreement. Keeping one Linear is enough.
    """
    tiny, tokenizer = tiny_classifier(dtype=torch.float32), word_piece(tmp_path)
    texts = tuple(" ".join(words) for words in product(("a", "man", "is", "eat", "food"), repeat=3))
    rows = EncodedRows.of(Rows(texts, (0,) * len(texts)), Tokenizer(tokenizer, max_positions=16, vocab_size=11), 16)
    answers = logits_of(tiny, rows)
    with torch.no_grad():
        # Between the two rows in the middle, so that no row is a tie.
        tiny.classifier.bias[1] -= float(np.sort(answers[:, 1] - answers[:, 0])[62:64].mean())
    rows = replace(rows, labels=logits_of(tiny, rows).argmax(axis=1))
    save_classifier(tmp_path / "model", tiny, tokenizer)
    torch_model, loaded = load_classifier(tmp_path / "model"), load_folder(tmp_path / "model")
    assert 0.4 < rows.labels.mean() < 0.6
    inputs, ranges = linears_of(loaded.program), ranges_of(loaded.program, rows)
    ranges |= {inputs[WORST]: (-500.0, 500.0)}
    readers = [name for name, tensor in inputs.items() if tensor == inputs[WORST]]
    assert readers == [WORST]
    ask = program_of(loaded.program, ranges, rows)
    choice = choose(
        torch_model, Recipe.W8A8_STATIC, inputs, ranges, rows, ask=ask, budget=3.0, advance=lambda: None
    )  # fmt: skip

    assert choice.float32_accuracy == 1
    assert choice.kept == (WORST,)
    spoiled, mended = choice.tradeoff
    assert spoiled.accuracy < 0.9
    assert mended.accuracy >= 0.97
    assert np.mean(ask([WORST]).argmax(axis=1) == rows.labels) == mended.accuracy


def test_the_layer_that_costs_most_comes_first(model):
    """The range of what it reads is 1000 times too wide, so that few codes are left."""
    torch_model, program, rows = model
    inputs = linears_of(program)
    ranges = ranges_of(program, rows) | {inputs[WORST]: (-1000.0, 1000.0)}
    asked = []
    free = choose(
        torch_model,
        Recipe.W8A8_STATIC,
        inputs,
        ranges,
        rows,
        ask=program_of(program, ranges, rows),
        budget=100,
        advance=lambda: asked.append(1),
    )

    assert len(asked) == len(inputs) == 18
    assert free.kept == ()
    assert free.sensitivity[0].step == WORST
    assert [line.divergence for line in free.sensitivity] == sorted(
        (x.divergence for x in free.sensitivity), reverse=True
    )
    assert free.tradeoff[0].weight_bytes == sum(program.constants[f"{name}.weight"].size for name in inputs)


@pytest.fixture
def many(model, monkeypatch):
    """Return the classifier, its program, 500 rows that it answers rightly, and answers with n mistakes."""
    torch_model, program, rows = model
    rows = EncodedRows(rows.tokenizer, list(rows.encodings) * 125, np.zeros(500, np.int64))
    plain = np.tile([1.0, 0.0], (500, 1))
    monkeypatch.setattr("distilspec.compress.quantised._logits_from", lambda *_: plain)
    monkeypatch.setattr("distilspec.compress.quantised.logits_of", lambda *_: plain)

    def wrong(count):
        return np.where(np.arange(500)[:, None] < count, plain[:, ::-1], plain)

    return torch_model, program, rows, wrong


def test_layers_are_kept_until_the_budget_holds(many):
    """Each step of the trade-off keeps one more; with a budget that nothing meets, all of them."""
    torch_model, program, rows, wrong = many
    inputs, ranges = linears_of(program), dict.fromkeys(linears_of(program).values(), (0.0, 1.0))
    asked, answers = [], iter([wrong(150), wrong(100), wrong(3)])

    def ask(kept):
        asked.append(kept)
        return next(answers)

    some = choose(torch_model, Recipe.W8A8_STATIC, inputs, ranges, rows, ask=ask, budget=2, advance=lambda: None)

    assert [line.accuracy for line in some.tradeoff] == [0.7, 0.8, 0.994]
    assert [round(line.cost, 9) for line in some.tradeoff] == [30, 20, 0.6]
    assert some.kept == tuple(line.step for line in some.sensitivity[:2])
    assert asked == [[], list(some.kept[:1]), list(some.kept)]
    size = program.constants[f"{some.kept[0]}.weight"].size
    assert some.tradeoff[1].weight_bytes - some.tradeoff[0].weight_bytes == 3 * size

    every = choose(
        torch_model, Recipe.W8A8_STATIC, inputs, ranges, rows, ask=lambda _: wrong(150), budget=2, advance=lambda: None
    )
    assert set(every.kept) == set(inputs)
    assert every.tradeoff[-1].cost == every.tradeoff[-1].cost_high == 0


@pytest.mark.parametrize(("count", "kept"), [(2, 0), (6, 0), (10, 1), (20, 1)])
def test_a_cost_that_may_be_chance_keeps_no_layer(many, count, kept):
    """
    With n answers wrong of 500, so many of 500 drawn ones are binomial, and the interval's ends are its quantiles.

    Those of 6 begin at 2 rows, 0.4 points, and those of 10 at 4, which are more than the budget. 9,999 draws may end
    one row beside the quantile.
    """
    torch_model, program, rows, wrong = many
    inputs, ranges = linears_of(program), dict.fromkeys(linears_of(program).values(), (0.0, 1.0))
    answers = iter([wrong(count), wrong(0)])
    choice = choose(
        torch_model, Recipe.W8A8_STATIC, inputs, ranges, rows, ask=lambda _: next(answers), budget=0.5,
        advance=lambda: None,
    )  # fmt: skip
    assert len(choice.kept) == kept
    low, high = (binom.ppf(q, 500, count / 500) / 5 for q in (0.025, 0.975))
    assert (choice.tradeoff[0].cost_low, choice.tradeoff[0].cost_high) == pytest.approx((low, high), abs=0.2 + 1e-9)


def test_a_recipe_that_quantises_attention_is_refused(model):
    """Torch would leave it in float32 without a word."""
    torch_model, program, _ = model
    attention = quantised(torch_model, Recipe.W8A8_STATIC_ATTN, linears_of(program), {})
    with refused(UnsupportedError, "w8a8-static-attn: it is not measured in torch; expected"), attention:
        pass


def test_what_cannot_be_kept_is_refused(model):
    """A step that is no encoder Linear, and all of them."""
    _, program, _ = model
    with refused(UnsupportedError, "pre_classifier is to be kept; expected an encoder Linear"):
        apply_recipe(program, Recipe.W8A32, keep=("pre_classifier",))
    with refused(UnsupportedError, "no linear step but kept ones has the tag encoder; expected one"):
        apply_recipe(program, Recipe.W8A32, keep=tuple(linears_of(program)))
