"""One layer of a BERT in which only the feed-forward part does anything, on 64 features that it is given exactly."""

from __future__ import annotations

import numpy as np

from distilspec.reference.models.build import build_program, random_weights
from distilspec.reference.models.config import BertConfig

CONFIG = BertConfig(
    vocab_size=4,
    hidden_size=64,
    num_layers=1,
    num_heads=1,
    intermediate_size=64,
    max_positions=4,
    activation="relu",
    has_pooler=False,
)

BATCH = {
    "input_ids": np.int64([[1, 2]]),
    "attention_mask": np.int64([[1, 1]]),
    "token_type_ids": np.int64([[0, 0]]),
}


def bare_weights(seed=0):
    """Return weights with which the norm after attention gives its bias, whatever comes, so that no code can turn."""
    weights = random_weights(CONFIG, "feature-extraction", seed)
    attended = "encoder.layer.0.attention.output.LayerNorm"
    weights[f"{attended}.weight"] = np.zeros(64, np.float32)
    weights[f"{attended}.bias"] = np.random.default_rng(seed).uniform(0.2, 1, 64).astype(np.float32)
    return weights


def bare_program(weights):
    """Return the encoder as a program."""
    return build_program(CONFIG, "feature-extraction", weights)
