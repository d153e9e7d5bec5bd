"""A small DistilBERT whose products are counted by hand."""

from __future__ import annotations

from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.models.build import build_program, random_weights
from distilspec.reference.models.config import DistilBertConfig
from distilspec.reference.recipes import apply_recipe, prune

CONFIG = DistilBertConfig(
    vocab_size=30, hidden_size=8, num_layers=3, num_heads=2, intermediate_size=20, max_positions=16
)

#: In one layer: four matrices of the attention, two of the feed-forward network.
WEIGHTS = 3 * (4 * 8 * 8 + 2 * 8 * 20)

#: For one text of seven tokens: scores and sums, each 7 x 7 x 8 in a layer.
ATTENTION = 3 * 2 * 7 * 7 * 8


def program(sparsity=0.0, recipe=Recipe.FP32):
    """Return a small DistilBERT."""
    made = build_program(CONFIG, "feature-extraction", random_weights(CONFIG, "feature-extraction", 0))
    if sparsity:
        made = prune(made, sparsity=sparsity, block_shape=(4, 1))
    return apply_recipe(made, recipe)
