"""Small random encoders of the reference under every recipe, for tests of the engine as a whole."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np

from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.models.build import build_program, random_weights
from distilspec.reference.models.config import BertConfig, DistilBertConfig
from distilspec.reference.recipes import apply_recipe, calibrate, prune

SIZES = {"vocab_size": 50, "num_layers": 2, "max_positions": 40, "num_labels": 3}
SHAPES = {
    "even": {"hidden_size": 24, "num_heads": 3, "intermediate_size": 40},
    "blocks": {"hidden_size": 32, "num_heads": 2, "intermediate_size": 48},
    "squares": {"hidden_size": 64, "num_heads": 2, "intermediate_size": 128},
    "odd": {"hidden_size": 21, "num_heads": 3, "intermediate_size": 33},
}
HEADS = (
    "feature-extraction", "sentence-embedding", "sequence-classification", "token-classification",
    "question-answering", "masked-lm",
)  # fmt: skip


@cache
def small_program(recipe="fp32", *, family="distilbert", head="feature-extraction", shape="even", sparsity=0.0,
                  block_shape=(4, 1), activation="gelu", positions=SIZES["max_positions"]):  # fmt: skip
    """Return a program; equal arguments give the same."""
    sizes = {**SIZES, **SHAPES[shape], "activation": activation, "max_positions": positions}
    if head == "question-answering":
        sizes["num_labels"] = 2
    config = (BertConfig if family == "bert" else DistilBertConfig)(**sizes)
    program = build_program(config, head, random_weights(config, head, 0))
    if sparsity:
        program = prune(program, sparsity=sparsity, block_shape=block_shape)
    ranges = calibrate(program, [inputs(program, 4, 20)], recipe=recipe) if Recipe(recipe).is_calibrated else None
    return apply_recipe(program, Recipe(recipe), calibration=ranges)


def renamed(program, old, new):
    """Return the program with an input of another name."""
    steps = tuple(
        dataclasses.replace(step, inputs=tuple(new if name == old else name for name in step.inputs))
        for step in program.steps
    )
    specs = {new if name == old else name: spec for name, spec in program.inputs.items()}
    return program.replace(inputs=specs, steps=steps)


def inputs(program, batch, sequence, seed=0):
    """Return ids, types and a mask with gaps; every sequence keeps its first token."""
    generator = np.random.default_rng([seed, batch, sequence])
    mask = generator.random((batch, sequence)) < 0.8
    mask[:, :1] = True
    arrays = {
        "input_ids": generator.integers(0, SIZES["vocab_size"], (batch, sequence)),
        "attention_mask": mask,
        "token_type_ids": generator.integers(0, 2, (batch, sequence)),
    }
    return {name: arrays[name] for name in program.inputs}
