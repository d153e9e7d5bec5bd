"""INT8 in torch is the program's INT8, and the layers that cost most stay in float32."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from refusal import refused
from tiny_classifier import tiny_classifier
from word_piece import word_piece

from distilspec.compress.batches import EncodedRows
from distilspec.compress.data import Rows
from distilspec.compress.quantised import choose, linears_of, quantised
from distilspec.compress.students import load_classifier, save_classifier
from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.recipes import apply_recipe, calibrate

TEXTS = ("a man is eating food", "a man", "food is a man", "is a man eating")
RECIPES = [recipe for recipe in Recipe if recipe not in (Recipe.FP32, Recipe.W8A8_STATIC_ATTN)]
WORST = "transformer.layer.1.ffn.lin1"


@pytest.fixture
def model(tmp_path):
    """Return a classifier of three layers whose answers do not round away, its program and some rows."""
    tiny = tiny_classifier(dtype=torch.float32)
    save_classifier(tmp_path / "model", tiny, word_piece(tmp_path))
    loaded = load_folder(tmp_path / "model")
    rows = EncodedRows.of(Rows(TEXTS, (0, 1, 0, 1)), loaded.tokenizer, 16)
    return load_classifier(tmp_path / "model"), loaded.program, rows


def ranges_of(program, rows):
    """Return calibrated ranges."""
    return calibrate(program, [rows.inputs(range(len(rows)))])


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("keep", [(), (WORST, "transformer.layer.0.attention.q_lin")], ids=["all", "some kept"])
def test_torch_computes_what_the_program_says(model, recipe, keep):
    """Within float32 of the specification's integers, and far from float32's own answers; afterwards as before."""
    torch_model, program, rows = model
    ranges = ranges_of(program, rows)
    before = {name: tensor.clone() for name, tensor in torch_model.state_dict().items()}
    inputs = {name: tensor for name, tensor in linears_of(program).items() if name not in keep}
    batch = rows.batch(range(4))
    arrays = {"input_ids": batch.input_ids.numpy(), "attention_mask": batch.attention_mask.numpy().astype(bool)}
    with torch.no_grad():
        plain = torch_model(batch.input_ids, batch.attention_mask).logits.numpy()
        with quantised(torch_model, recipe, inputs, ranges):
            got = torch_model(batch.input_ids, batch.attention_mask).logits.numpy()
        again = torch_model(batch.input_ids, batch.attention_mask).logits.numpy()

    made = apply_recipe(program, recipe, calibration=ranges, keep=keep)
    assert {step.name for step in made.steps if step.op == "quantized_linear"} == (
        set() if recipe is Recipe.W8A32 else set(inputs)
    )
    # three layers of sums of 12 terms of size 1, in units of 2**-24
    np.testing.assert_allclose(got, made.run(ops, arrays)["logits"], rtol=0, atol=1e-5)
    assert abs(got - plain).max() > 1e-4
    np.testing.assert_array_equal(again, plain)
    assert all(torch.equal(before[name], tensor) for name, tensor in torch_model.state_dict().items())


def test_the_layer_that_costs_most_comes_first(model):
    """The range of what it reads is 1000 times too wide, so that few codes are left."""
    torch_model, program, rows = model
    inputs = linears_of(program)
    ranges = ranges_of(program, rows) | {inputs[WORST]: (-1000.0, 1000.0)}
    asked = []
    free = choose(torch_model, Recipe.W8A8_STATIC, inputs, ranges, rows, budget=100, advance=lambda: asked.append(1))

    assert len(asked) == len(inputs) == 18
    assert free.kept == ()
    assert free.sensitivity[0].step == WORST
    assert [line.divergence for line in free.sensitivity] == sorted(
        (x.divergence for x in free.sensitivity), reverse=True
    )
    assert free.tradeoff[0].weight_bytes == sum(program.constants[f"{name}.weight"].size for name in inputs)


def test_layers_are_kept_until_the_budget_holds(model, monkeypatch):
    """Each step of the trade-off keeps one more; with a budget that nothing meets, all of them."""
    torch_model, program, rows = model
    inputs, ranges = linears_of(program), ranges_of(program, rows)
    accuracies = iter([0.9, *[0.5] * 18, 0.7, 0.8, 0.89, 0.9])
    monkeypatch.setattr("distilspec.compress.quantised._accuracy", lambda *_: next(accuracies))
    some = choose(torch_model, Recipe.W8A8_STATIC, inputs, ranges, rows, budget=2, advance=lambda: None)

    assert [line.accuracy for line in some.tradeoff] == [0.7, 0.8, 0.89]
    assert some.kept == tuple(line.step for line in some.sensitivity[:2])
    size = program.constants[f"{some.kept[0]}.weight"].size
    assert some.tradeoff[1].weight_bytes - some.tradeoff[0].weight_bytes == 3 * size

    accuracies = iter([0.9, *[0.5] * 37, 0.9])
    every = choose(torch_model, Recipe.W8A8_STATIC, inputs, ranges, rows, budget=2, advance=lambda: None)
    assert set(every.kept) == set(inputs)


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
