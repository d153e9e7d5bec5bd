"""Two encoder programs for the tests of recipes: one Linear that fits in a formula, and a small random BERT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from distilspec.reference.contract.scope import scope
from distilspec.reference.contract.types import Array, TensorSpec
from distilspec.reference.models.build import build_program, random_weights
from distilspec.reference.models.config import BertConfig
from distilspec.reference.program import Program
from distilspec.reference.tracer import trace

CONFIG = BertConfig(
    vocab_size=40, hidden_size=32, num_layers=2, num_heads=4, intermediate_size=64, max_positions=16, num_labels=3
)
HEAD = "sequence-classification"
LINEARS = tuple(
    f"encoder.layer.{layer}.{name}"
    for layer in range(CONFIG.num_layers)
    for name in (
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
    )
)


def one_linear(weight: Array, bias: Array | None) -> Program:
    """Return the program ``y = linear(x, weight, bias)`` whose only step is tagged as an encoder's."""

    def function(ops: Any, weights: Mapping[str, Any], x: Any) -> Mapping[str, Any]:
        with scope(tag="encoder"):
            return {"y": ops.linear(x, weights["dense.weight"], weights["dense.bias"] if bias is not None else None)}

    arrays = {"dense.weight": weight} | ({"dense.bias": bias} if bias is not None else {})
    return trace("one", function, {"x": TensorSpec("float", ("batch", "sequence", weight.shape[1]))}, arrays)


def small_bert() -> Program:
    """Return a BERT with two layers and random weights; every width is a multiple of 16."""
    return build_program(CONFIG, HEAD, random_weights(CONFIG, HEAD, seed=0))


def batch(seed: int = 0, lengths: tuple[int, ...] = (7, 3, 5)) -> dict[str, Array]:
    """Return a padded batch of random ids and token types."""
    generator = np.random.default_rng(seed)
    shape = len(lengths), max(lengths)
    return {
        "input_ids": generator.integers(0, CONFIG.vocab_size, shape),
        "attention_mask": np.arange(shape[1]) < np.array(lengths)[:, None],
        "token_type_ids": generator.integers(0, 2, shape),
    }
