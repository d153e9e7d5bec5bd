"""A small BERT with random weights under each recipe, and a batch with padding."""

from __future__ import annotations

from functools import cache

import numpy as np

from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.models.build import build_program, random_weights
from distilspec.reference.models.config import BertConfig
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe, calibrate

CONFIG = BertConfig(vocab_size=50, hidden_size=24, num_layers=2, num_heads=3, intermediate_size=40, max_positions=20)
ENCODER = build_program(CONFIG, "sentence-embedding", random_weights(CONFIG, "sentence-embedding", seed=0))

_RNG = np.random.default_rng(1)
BATCH = {
    "input_ids": _RNG.integers(0, 50, (3, 16)),
    "attention_mask": np.int64([[1] * 16, [1] * 5 + [0] * 11, [1] + [0] * 15]),
    "token_type_ids": _RNG.integers(0, 2, (3, 16)),
}


@cache
def encoder(recipe: Recipe) -> Program:
    """Return the encoder under a recipe, calibrated on the batch."""
    ranges = calibrate(ENCODER, [BATCH], recipe=recipe) if Recipe(recipe).is_calibrated else None
    return apply_recipe(ENCODER, recipe, calibration=ranges)
