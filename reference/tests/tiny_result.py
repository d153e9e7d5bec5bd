"""A folder as ``distilspec compress`` leaves it, of a DistilBERT too small to know anything."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from word_piece import VOCABULARY, word_piece

from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.compressed import Compressed
from distilspec.reference.formats.hugging_face import load_folder, save_folder
from distilspec.reference.formats.saved import save_program
from distilspec.reference.models.build import random_weights
from distilspec.reference.models.config import DistilBertConfig
from distilspec.reference.recipes import apply_recipe, calibrate, prune
from distilspec.reference.recipes.unpack import unpack

HEAD = "sequence-classification"
CONFIG = DistilBertConfig(
    vocab_size=len(VOCABULARY), hidden_size=16, num_layers=1, num_heads=2, intermediate_size=16, max_positions=12
)
KEPT = "transformer.layer.0.ffn.lin2"


def inputs_of(program, seed=0):
    """Return a batch of three texts."""
    ids = np.random.default_rng(seed).integers(0, CONFIG.vocab_size, (3, 6))
    return {"input_ids": ids, "attention_mask": np.ones(ids.shape, np.bool_)}


def tiny_result(parent, *, sparsity=0.5, block_shape=(4, 4), recipe=Recipe.W8A8_STATIC, kept=(KEPT,)):
    """
    Write ``parent/small`` with a student, its programs and the choice of layers, and the teacher beside it.

    The student's weights are the teacher's, pruned; ``kept`` stays in float32. Without ``recipe`` there is no INT8.
    """
    folder, teacher = parent / "small", parent / "teachers" / "0" / "model"
    for made in (folder / "programs", teacher.parent):
        made.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        tokenizer = word_piece(Path(temporary))
        weights = random_weights(CONFIG, HEAD, 0)
        save_folder(teacher, CONFIG, HEAD, weights, tokenizer)
        program = load_folder(teacher).program
        pruned = prune(program, sparsity=sparsity, block_shape=block_shape) if sparsity else program
        dense = unpack(pruned).constants
        save_folder(
            folder / "student", CONFIG, HEAD, {name: dense.get(name, weights[name]) for name in weights}, tokenizer
        )
    save_program(pruned, folder / "programs" / "fp32")
    if recipe is not None:
        ranges = calibrate(program, [inputs_of(program, seed=5)], recipe=recipe)
        save_program(apply_recipe(pruned, recipe, calibration=ranges, keep=kept), folder / "programs" / recipe.value)
    (folder / "pipeline.json").write_text("{}")
    (folder / "quantisation.json").write_text(json.dumps({"kept": list(kept)}))
    (folder / "teacher.json").write_text(json.dumps({"folder": "../teachers/0/model"}))
    return Compressed(folder)
