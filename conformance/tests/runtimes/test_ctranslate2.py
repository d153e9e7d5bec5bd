"""The CTranslate2 adapter: whole models converted by it, judged by derived bounds where they are small enough."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from bare_encoder import BATCH, CONFIG, bare_program, bare_weights
from judged_outputs import judged
from refusal import refused
from tiny_models import BertConfig, DistilBertConfig, tiny_folder

from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.runtimes.adapter import Granularity
from distilspec.reference.contract.errors import RangeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.models.heads import HEADS
from distilspec.reference.recipes import apply_recipe, prune

pytest.importorskip("ctranslate2")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Return a function that makes a model of one layer."""

    def make(head="feature-extraction", kind=BertConfig):
        folder = tmp_path_factory.mktemp("tiny") / "model"
        return load_folder(tiny_folder(folder, head, kind=kind))

    return make


def bare_model():
    """Return the model in which only the feed-forward part does anything; nobody asks it for its tokenizer."""
    weights = bare_weights()
    return SimpleNamespace(name="bare", config=CONFIG, weights=weights, program=bare_program(weights))


def run(model, recipe, inputs, **options):
    """Return the outputs of a model under a recipe, and their judgements."""
    program = apply_recipe(model.program, recipe)
    got = find_runtime("ctranslate2", options).load_model(model, program).run(inputs)
    return got, judged(program, inputs, got)


@pytest.mark.parametrize("kind", [BertConfig, DistilBertConfig])
@pytest.mark.parametrize("head", HEADS)
def test_a_model_stays_within_its_bound(head, kind, tiny):
    """Every head of both families, on two texts of equal length, over the whole layer."""
    model = tiny(head, kind)
    texts = ["the cat sat", "the mat sat"]
    inputs = model.encode([tuple(texts)] if head == "question-answering" else texts)

    _, judgements = run(model, Recipe.FP32, inputs)

    assert {judgement.state for judgement in judgements.values()} == {State.PASS}


def test_padding_changes_no_token_that_is_kept(tiny):
    """Within the bound; the hidden states of padding are copies of the last token's and mean nothing."""
    model = tiny()
    inputs = model.encode(["the cat sat on the mat", "the cat"])
    alone = model.encode(["the cat"])
    kept = int(alone["attention_mask"].sum())

    padded, _ = run(model, Recipe.FP32, inputs)
    single, judgements = run(model, Recipe.FP32, alone)

    assert judgements["last_hidden_state"].state is State.PASS
    text = {"last_hidden_state": padded["last_hidden_state"][1:, :kept], "pooler_output": padded["pooler_output"][1:]}
    assert {judgement.state for judgement in judged(model.program, alone, text).values()} == {State.PASS}
    assert padded["last_hidden_state"][1, -1].tobytes() == padded["last_hidden_state"][1, kept - 1].tobytes()
    assert single["last_hidden_state"].shape == (1, kept, 16)


def test_int8_is_the_token_recipe_or_found_to_saturate():
    """
    QL-S1: int8_float32 is w8a8-dynamic-token to a few percent of the bound, or not at all.

    Where products saturate, no sum is right, because codes are shifted to uint8 and the shift is compensated exactly.
    """
    _, judgements = run(bare_model(), Recipe.W8A8_DYNAMIC_TOKEN, BATCH)

    used = judgements["last_hidden_state"].bound_used
    assert used < 0.1 or used > 1000
    assert judgements["last_hidden_state"].state is (State.PASS if used < 1 else State.FAIL)


@pytest.mark.slow
def test_with_intels_library_int8_is_the_token_recipe():
    """QL-S1: the environment chooses the library before CTranslate2 is imported, so this is a process of its own."""
    code = "import test_ctranslate2 as t; print(*t.mkl_and_state_of_int8())"
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = {**os.environ, "CT2_USE_MKL": "1", "PYTHONPATH": path}

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["1", "PASS"]


def test_a_large_mean_is_normalised_right_or_found_wrong():
    """LN-S3: finding 0011 is that the variance is taken as E[x^2] - E[x]^2, which is 0 here, and outputs a million."""
    model = bare_model()
    for name in ("intermediate.dense", "output.dense"):
        model.weights[f"encoder.layer.0.{name}.weight"] *= 0
    model.weights["encoder.layer.0.attention.output.LayerNorm.weight"][:] = 0.3
    model.weights["encoder.layer.0.attention.output.LayerNorm.bias"][:] = 3000
    model.program = bare_program(model.weights)

    _, judgements = run(model, Recipe.FP32, BATCH)

    judgement = judgements["last_hidden_state"]
    assert judgement.state is (State.FAIL if judgement.max_error > 0.5 else State.PASS)


def mkl_and_state_of_int8():
    """Return which library is in force, and the verdict on the bare model."""
    _, judgements = run(bare_model(), Recipe.W8A8_DYNAMIC_TOKEN, BATCH)
    return find_runtime("ctranslate2").options["CT2_USE_MKL"], judgements["last_hidden_state"].state


def test_only_whole_models_are_taken():
    """Operators and programs are not for it, and it says so."""
    runtime = find_runtime("ctranslate2")

    assert runtime.granularity == (Granularity.MODELS,)
    assert not runtime.supports("linear")
    with refused(UnsupportedError, "is a program; expected a whole model"):
        runtime.load(bare_model().program)


def test_what_it_cannot_convert_is_refused():
    """Other recipes, pruned models, models without layers, masks with holes, texts without tokens."""
    runtime, model = find_runtime("ctranslate2"), bare_model()
    with refused(UnsupportedError, "has no mode for w8a8-dynamic; expected one of fp32, w8a8-dynamic-token"):
        runtime.load_model(model, apply_recipe(model.program, Recipe.W8A8_DYNAMIC))
    with refused(UnsupportedError, "is pruned; expected a dense model"):
        runtime.load_model(model, prune(model.program, sparsity=0.5, block_shape=(4, 1)))
    with refused(UnsupportedError, "has no layers"):
        runtime.load_model(SimpleNamespace(config=replace(CONFIG, num_layers=0)), model.program)
    executable = runtime.load_model(model, model.program)
    with refused(UnsupportedError, "drops a token before one that it keeps"):
        executable.run({**BATCH, "attention_mask": np.int64([[0, 1]])})
    with refused(UnsupportedError, "a text has no token"):
        executable.run({**BATCH, "attention_mask": np.int64([[0, 0]])})


def test_the_outputs_are_all_that_is_shown():
    """They come by their labels, and by their names where these are asked for."""
    model = bare_model()
    executable = find_runtime("ctranslate2").with_threads(2).load_model(model, model.program)

    shown = executable.run_exposed(BATCH, executable.survivors())

    assert executable.survivors() == ("encoder.layer.0.output.LayerNorm",)
    assert shown["last_hidden_state"] is shown["encoder.layer.0.output.LayerNorm"]


def test_the_environments_choice_cannot_be_changed_by_an_option():
    """It is part of the identity, so a replay on another library is refused."""
    in_force = find_runtime("ctranslate2").options["CT2_USE_MKL"]

    assert find_runtime("ctranslate2", {"CT2_USE_MKL": in_force}).options["CT2_USE_MKL"] == in_force
    with refused(RangeError, f"option CT2_USE_MKL is 'other'; expected {in_force}"):
        find_runtime("ctranslate2", {"CT2_USE_MKL": "other"})
    with refused(RangeError, "option compute_type does not exist"):
        find_runtime("ctranslate2", {"compute_type": "int8"})
