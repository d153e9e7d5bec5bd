"""Tiny whole models on which mutants are judged: what they need is every kind of step, tail and mask, not knowledge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from distilspec.conformance.dimensions import MASK
from distilspec.conformance.subject import Subject
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array, Float32Array
from distilspec.reference.models.build import build_program, random_weights
from distilspec.reference.models.config import BertConfig, Config, DistilBertConfig
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe, calibrate, prune

#: Sizes leave a tail at every vector width; 272 terms go beyond one block of 256, 300 words beyond 8 bits. Only the
#: first has layers to mix up.
SMALL = BertConfig(vocab_size=300, hidden_size=24, num_layers=2, num_heads=3, intermediate_size=40, max_positions=80)
WIDE = BertConfig(vocab_size=40, hidden_size=20, num_layers=1, num_heads=5, intermediate_size=272, max_positions=80)
#: More words than 15 bits count.
DISTILLED = DistilBertConfig(
    vocab_size=40_000, hidden_size=12, num_layers=1, num_heads=2, intermediate_size=28, max_positions=80, num_labels=3
)

#: Weights of one LayerNorm in real checkpoints differ from another's by more than this.
SMALL_SCALE = np.float32(0.05)

#: Masks of batches, a string a row, 1 for a token: padding, gaps, left padding, one token, none.
#: ``twin`` has the ids of ``mixed``, and its first mask; ``other`` has its shape and nothing else.
MASKS = {
    "mixed": ("1111111111111", "1111100000000", "1101001110010", "1000000000000", "0000000000000"),
    "twin": ("1111111111111", "1111111111000", "0010110001101", "1110000000000", "1111000000000"),
    "other": ("1111111110000", "0011111100000", "1111111111111", "1100000000000", "1111111111111"),
    "one": ("111111",),
    "token": ("1",),
    "long": ("1" * 41 + "00" + "1" * 24,),
}

#: Where the ids of a batch begin among the rows that are drawn; at 0 for the batches that are not here.
FIRST_ROW = {"other": 5}

#: So many rows and positions are drawn.
DRAWN = (10, 70)


def tiny_subjects(seed: int) -> Iterator[Subject]:
    """
    Yield small models under every recipe, dense and sparse; weights and ids are drawn by the seed.

    Those that have something that no other one before them has come first.
    """
    encoder = partial(_subject, "tiny-bert", SMALL, "sentence-embedding", seed, ("mixed", "twin", "one"))
    distilled = partial(_subject, "tiny-distilbert-4x1", DISTILLED, "sequence-classification", seed, ("other", "mixed"))
    wide = partial(_subject, "tiny-bert-wide", WIDE, "question-answering", seed)
    square = partial(_subject, "tiny-bert-4x4", WIDE, "token-classification", seed, ("mixed", "token"))
    yield encoder(Recipe.FP32)
    yield wide(("one", "long", "mixed"), Recipe.FP32)
    yield square(Recipe.W8A8_STATIC, (4, 4))
    yield distilled(Recipe.FP32, (4, 1))
    yield from (encoder(recipe) for recipe in Recipe if recipe is not Recipe.FP32)
    yield wide(("mixed",), Recipe.W8A8_STATIC)
    yield from (distilled(recipe, (4, 1)) for recipe in (Recipe.W8A8_STATIC, Recipe.W8A8_DYNAMIC_TOKEN))


def _subject(
    name: str,
    config: Config,
    head: str,
    seed: int,
    batches: Sequence[str],
    recipe: Recipe,
    block_shape: tuple[int, int] | None = None,
) -> Subject:
    program = build_program(config, head, _weights(config, head, seed, sparse=block_shape is not None))
    if block_shape is not None:
        program = prune(program, sparsity=0.5, block_shape=block_shape)
    random = np.random.default_rng(seed)
    drawn = {"input_ids": random.integers(0, config.vocab_size, DRAWN), "token_type_ids": random.integers(0, 2, DRAWN)}
    given = {batch: _batch(program, batch, drawn) for batch in batches}
    ranges = calibrate(program, given.values(), recipe=recipe) if recipe.is_calibrated else None
    return Subject(name, apply_recipe(program, recipe, calibration=ranges), given)


def _weights(config: Config, head: str, seed: int, *, sparse: bool) -> dict[str, Float32Array]:
    """
    Return random weights in which more can go wrong.

    Embeddings and the first layer's norms are small, as in trained models, so that the epsilon of a norm counts. Four
    rows of every matrix are smaller still: pruning empties their blocks, and one scale for all rows crushes them.
    """
    weights = random_weights(config, head, seed)
    for name, array in weights.items():
        if "_embeddings." in name or (".layer.0." in name and "orm." in name):
            array *= SMALL_SCALE
        elif ".layer." in name and array.ndim == 2 and sparse:
            array[4:8] *= SMALL_SCALE
    return weights


def _batch(program: Program, name: str, drawn: Mapping[str, Array]) -> dict[str, Array]:
    mask = np.array([list(row) for row in MASKS[name]], np.int64)
    rows, positions = mask.shape
    first = FIRST_ROW.get(name, 0)
    return {
        tensor: mask if tensor == MASK else drawn[tensor][first : first + rows, :positions] for tensor in program.inputs
    }
