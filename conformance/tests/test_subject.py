"""Subjects: the model under a recipe, and the texts that it is judged on."""

from __future__ import annotations

import numpy as np
import pytest
from refusal import refused
from tiny_models import POSITIONS, BertConfig, DistilBertConfig, tiny_folder

from distilspec.conformance.cases import texts
from distilspec.conformance.subject import CALIBRATION_BATCH, compress, prepare
from distilspec.reference.contract.errors import RangeError, ShapeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.recipes import apply_recipe, calibrate


@pytest.fixture(scope="module", params=[BertConfig, DistilBertConfig])
def model(request, tmp_path_factory):
    """Return a tiny sentence-embedding model."""
    return load_folder(
        tiny_folder(tmp_path_factory.mktemp("models") / "tiny", "sentence-embedding", kind=request.param)
    )


def test_no_judged_text_is_used_for_calibration():
    """Ranges that were taken from the judged texts would never saturate on them."""
    judged = {*texts.MIXED, *texts.SINGLE}

    assert not judged & set(texts.CALIBRATION)
    assert len(judged) == len(texts.MIXED) + len(texts.SINGLE)
    assert len(set(texts.CALIBRATION)) == len(texts.CALIBRATION) > CALIBRATION_BATCH


@pytest.mark.parametrize("recipe", Recipe)
@pytest.mark.parametrize("sparsity", [0.0, 0.5])
def test_a_subject_has_its_recipe_its_sparsity_and_two_batches(model, recipe, sparsity):
    """A padded batch of mixed lengths and a batch of one, cut to the model's positions."""
    subject = prepare(model, recipe, sparsity=sparsity)

    assert (subject.name, subject.program.recipe) == ("tiny", recipe)
    assert subject.program.properties.get("sparsity") == (str(sparsity) if sparsity else None)
    assert list(subject.batches) == ["mixed", "single"]
    mixed, single = subject.batches.values()
    assert mixed["input_ids"].shape == (len(texts.MIXED), POSITIONS)
    assert single["input_ids"].shape == (1, single["attention_mask"].sum())
    assert set(mixed) == set(subject.program.inputs)
    assert np.count_nonzero(mixed["attention_mask"] == 0) > 0


def test_static_ranges_come_from_all_calibration_texts(model):
    """The same as from one batch after the other by hand, and not from the judged texts."""
    encoded = [
        model.encode(texts.CALIBRATION[start : start + 8], truncate=True)
        for start in range(0, len(texts.CALIBRATION), 8)
    ]
    by_hand = apply_recipe(model.program, Recipe.W8A8_STATIC, calibration=calibrate(model.program, encoded))

    program = compress(model, Recipe.W8A8_STATIC)
    other = compress(model, Recipe.W8A8_STATIC, calibration=("a man",))

    scales = [name for name in program.constants if name.endswith(".quantized.scale")]
    assert scales
    assert all(program.constants[name] == by_hand.constants[name] for name in scales)
    assert any(program.constants[name] != other.constants[name] for name in scales)


def test_without_recipe_and_sparsity_the_program_is_the_models_own(model):
    """Nothing is copied or renamed."""
    assert compress(model, Recipe.FP32) is model.program


@pytest.mark.parametrize("sparsity", [-0.1, 1.5, float("nan")])
def test_an_impossible_sparsity_is_refused(model, sparsity):
    """A share lies between 0 and 1."""
    with refused(RangeError, "sparsity"):
        compress(model, Recipe.FP32, sparsity=sparsity)


def test_a_block_shape_that_does_not_divide_is_refused(model):
    """The weights are 16 wide."""
    with refused(ShapeError, "block_shape"):
        compress(model, Recipe.FP32, sparsity=0.5, block_shape=(3, 1))
