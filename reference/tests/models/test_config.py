"""Configs refuse numbers that describe no model, and models refuse weights that do not fit their config."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from refusal import refused

from distilspec.reference import ops
from distilspec.reference.contract.errors import FormatError, RangeError, ShapeError, UnsupportedError
from distilspec.reference.models import BertConfig, DistilBertConfig, build_program, random_weights

SIZES = {"vocab_size": 11, "hidden_size": 6, "num_layers": 1, "num_heads": 2, "intermediate_size": 8}


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"hidden_size": 7}, ShapeError, "hidden_size is 7; expected a multiple of 2"),
        ({"hidden_size": 0}, RangeError, "hidden_size is 0"),
        ({"vocab_size": -1}, RangeError, "vocab_size is -1"),
        ({"num_layers": -1}, RangeError, "num_layers is -1"),
        ({"num_layers": 10**12}, RangeError, "num_layers is 1000000000000"),
        ({"num_heads": 0}, RangeError, "num_heads is 0"),
        ({"intermediate_size": 2.0}, RangeError, r"intermediate_size is 2\.0"),
        ({"max_positions": True}, RangeError, "max_positions is True"),
        ({"max_positions": 3}, RangeError, "max_positions is 3; expected an integer from 4"),
        ({"num_labels": None}, RangeError, "num_labels is None"),
        ({"activation": "mish"}, UnsupportedError, "activation is 'mish'"),
        ({"activation": ["gelu"]}, UnsupportedError, "activation is "),
        ({"layer_norm_eps": 0.0}, RangeError, r"layer_norm_eps is 0\.0"),
        ({"layer_norm_eps": float("nan")}, RangeError, "layer_norm_eps is nan"),
        ({"layer_norm_eps": "1e-12"}, RangeError, "layer_norm_eps is '1e-12'"),
        ({"type_vocab_size": 0}, RangeError, "type_vocab_size is 0"),
    ],
)
def test_impossible_numbers_are_refused(change, error, match):
    """Each number is named with what was seen and what was expected."""
    with refused(error, match):
        BertConfig(**SIZES | change)


def test_distilbert_has_one_epsilon():
    """DistilBERT's LayerNorm has no other epsilon than 1e-12."""
    with refused(UnsupportedError, "layer_norm_eps is 1e-05"):
        DistilBertConfig(**SIZES, layer_norm_eps=1e-5)


@pytest.mark.parametrize("config", [BertConfig(**SIZES), DistilBertConfig(**SIZES)])
def test_weights_that_do_not_fit_the_config_are_refused(config):
    """An absent weight and a weight of another shape are named, before anything is traced."""
    weights = random_weights(config, "masked-lm", 0)
    name = "embeddings.LayerNorm.bias"

    with refused(FormatError, f"weight {name} is absent"):
        build_program(config, "masked-lm", {key: value for key, value in weights.items() if key != name})
    with refused(ShapeError, rf"weight {name} has shape \(7,\)"):
        build_program(config, "masked-lm", weights | {name: np.zeros(7, np.float32)})
    with refused(UnsupportedError, "head is 'translation'"):
        build_program(config, "translation", weights)


def test_random_weights_are_the_same_for_the_same_seed():
    """Equal arguments give equal weights, and another seed gives others."""
    config = BertConfig(**SIZES)

    first, again, other = (random_weights(config, "masked-lm", seed) for seed in (3, 3, 4))

    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["embeddings.word_embeddings.weight"], other["embeddings.word_embeddings.weight"])


@pytest.mark.parametrize(
    ("inputs", "error", "match"),
    [
        ({"input_ids": np.array([[11]])}, RangeError, "input_ids holds 11"),
        ({"input_ids": np.array([[-1]])}, RangeError, "input_ids holds -1"),
        ({"token_type_ids": np.array([[2]])}, RangeError, "holds 2"),
        ({"attention_mask": np.array([[2]])}, RangeError, "attention_mask holds other values"),
        (
            {name: np.zeros((1, 6), np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")},
            RangeError,
            "stop is 6; expected -5 to 5",
        ),
    ],
)
def test_programs_refuse_ids_without_a_row(inputs, error, match):
    """Ids outside the vocabulary and more tokens than positions are refused by the program itself."""
    config = BertConfig(**SIZES, max_positions=5)
    program = build_program(config, "sentence-embedding", random_weights(config, "sentence-embedding", 0))
    zeros = {name: np.zeros((1, 1), np.int64) for name in program.inputs}

    with refused(error, match):
        program.run(ops, zeros | inputs)


def test_tied_weights_are_one_constant():
    """An array that is two weights is in the program once, and its step keeps the name of its own weight."""
    config = DistilBertConfig(**SIZES)
    weights = random_weights(config, "masked-lm", 0)
    weights["vocab_projector.weight"] = weights["embeddings.word_embeddings.weight"]

    program = build_program(config, "masked-lm", weights)

    assert program.maker("vocab_projector").inputs[1] == "embeddings.word_embeddings.weight"
    assert "vocab_projector.weight" not in program.constants


def test_exactly_the_linears_of_the_encoder_carry_its_tag():
    """Recipes find what they quantise by the tag: six Linears a layer, and none of the head."""
    config = dataclasses.replace(BertConfig(**SIZES), num_layers=2)
    program = build_program(config, "masked-lm", random_weights(config, "masked-lm", 0))

    tagged = [step.name for step in program.steps if step.op == "linear" and "encoder" in step.tags]

    assert len(tagged) == 12
    assert all(name.startswith("encoder.layer.") for name in tagged)
