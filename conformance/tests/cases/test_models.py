"""Whole models to judge on: shapes that runtimes are not tuned for, weights and texts that prove something."""

from __future__ import annotations

import itertools
import pickle
from functools import partial

import numpy as np
import pytest
import torch

from distilspec.conformance.cases.models import (
    MAX_POSITIONS,
    ROOM,
    TOKENIZER,
    VOCABULARY,
    model_subject,
    random_model,
)
from distilspec.conformance.check import check_model
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.reference.contract.errors import FormatError, RangeError, ShapeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.tokenizer import Tokenizer
from distilspec.reference.models.config import BertConfig, DistilBertConfig
from distilspec.reference.models.heads import HEADS

SMALL = [f"random-{family}-{number}" for family in ("bert", "distilbert") for number in range(12)]


def test_the_first_twelve_numbers_have_every_shape():
    """Heads, activations, one and three attention heads, odd head sizes, odd widths, one layer, and no pooler."""
    for kind, family in ((BertConfig, "bert"), (DistilBertConfig, "distilbert")):
        models = [random_model(f"random-{family}-{number}") for number in range(12)]
        configs = [model.config for model in models]

        assert {type(config) for config in configs} == {kind}
        assert {model.head for model in models} == set(HEADS)
        assert {config.activation for config in configs} == {"gelu", "gelu_new", "relu", "silu"}
        assert {config.num_heads for config in configs} >= {1, 3}
        assert {config.head_dim % 2 for config in configs} == {0, 1}
        assert any(config.hidden_size % 16 for config in configs)
        assert any(config.intermediate_size % 2 for config in configs)
        assert {config.num_layers for config in configs} >= {1, 2}
        assert {config.max_positions for config in configs} == set(MAX_POSITIONS)
    features = [random_model(f"random-bert-{number}").config.has_pooler for number in (0, 6)]
    assert features == [True, False]


def test_tinybert_has_the_shape_of_the_paper():
    """Four layers of 312, twelve heads, 1200 inside."""
    config = random_model("random-tinybert-3").config

    assert (config.num_layers, config.hidden_size, config.num_heads, config.intermediate_size) == (4, 312, 12, 1200)
    assert random_model("random-tinybert-3").head == "token-classification"


def test_equal_arguments_give_equal_subjects_and_another_seed_gives_another():
    """Weights and texts, from a specification that can be pickled."""
    make = partial(model_subject, "random-distilbert-7", "w8a8-static")
    first, again = make(), pickle.loads(pickle.dumps(make))()  # noqa: S301 - our own bytes
    other = model_subject("random-distilbert-7", "w8a8-static", seed=1)

    for batch, inputs in first.batches.items():
        assert all(np.array_equal(array, again.batches[batch][name]) for name, array in inputs.items())
    assert all(np.array_equal(array, again.program.constants[name]) for name, array in first.program.constants.items())
    assert not np.array_equal(first.batches["mixed"]["input_ids"], other.batches["mixed"]["input_ids"])
    assert not np.array_equal(first.model.weights["embeddings.word_embeddings.weight"][0],
                              other.model.weights["embeddings.word_embeddings.weight"][0])  # fmt: skip
    assert (first.name, other.name) == ("random-distilbert-7", "random-distilbert-7-seed-1")


@pytest.mark.parametrize("name", SMALL)
def test_a_batch_has_texts_of_many_lengths_and_room_for_padding(name):
    """The mixed batch has padding, no token is unknown, and a BERT has token types."""
    subject = model_subject(name)
    mixed, single = subject.batches["mixed"], subject.batches["single"]
    lengths = mixed["attention_mask"].sum(axis=1)

    assert len(set(lengths.tolist())) > 1
    assert lengths.max() <= subject.model.config.max_positions - ROOM
    assert len(single["input_ids"]) == 1
    assert not np.any(mixed["input_ids"][mixed["attention_mask"] == 1] == 1)
    if "token_type_ids" in mixed and subject.model.head == "question-answering":
        assert mixed["token_type_ids"].any()


@pytest.mark.parametrize("block_shape", [(4, 1), (4, 4), (16, 4)], ids=lambda shape: "x".join(map(str, shape)))
def test_a_sparse_model_is_rounded_up_to_whole_blocks(block_shape):
    """Half of the blocks are gone, in every encoder Linear."""
    for number in (1, 2, 3, 9):
        subject = model_subject(f"random-bert-{number}", Recipe.W8A8_STATIC, sparsity=0.5, block_shape=block_shape)
        sparse = [step for step in subject.program.steps if step.op == "quantized_block_sparse_linear"]

        assert len(sparse) == 6 * subject.model.config.num_layers
        assert subject.program.constants[str(sparse[0].inputs[3])].shape[1:] == block_shape
        assert subject.name == f"random-bert-{number}-sparse-{block_shape[0]}x{block_shape[1]}"
        assert subject.program.properties["sparsity"] == "0.5"


def test_what_is_no_model_is_refused():
    """A family, a number and a shape that do not exist."""
    with pytest.raises(RangeError, match="no such random model"):
        random_model("random-gpt-1")
    with pytest.raises(FormatError, match="there is no such folder"):
        model_subject("random-bert-01")
    with pytest.raises(ShapeError):
        model_subject("random-tinybert-0", sparsity=0.5, block_shape=(16, 4))


def test_the_tokenizer_is_what_the_models_expect():
    """Every id is a word or a special token, and the first five are special."""
    tokenizer = Tokenizer(TOKENIZER, max_positions=9, vocab_size=VOCABULARY)

    assert [tokenizer.token(index) for index in range(5)] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert tokenizer.token(VOCABULARY) == "None"
    assert tokenizer.encode(["the page"])["input_ids"].tolist() == [[2, 5, VOCABULARY - 2, 3]]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", Recipe)
@pytest.mark.parametrize("name", [*SMALL, "random-tinybert-1"])
def test_a_right_runtime_is_decided_on_a_random_model(name, recipe):
    """Nothing fails without oneDNN (finding 0023), and fewer decisions are undecided than make a model say nothing."""
    with torch.backends.mkldnn.flags(enabled=False):
        cases = list(check_model(find_runtime("torch"), model_subject(name, recipe)))

    assert not [case for case in cases if case.state in (State.FAIL, State.ERROR)]
    assert not [case for case in cases if case.id.endswith("/decisions")]


@pytest.mark.parametrize(("name", "recipe"), list(itertools.product(SMALL[2:12:3], [Recipe.FP32, Recipe.W8A8_STATIC])))
def test_a_right_runtime_is_decided_on_some_random_models(name, recipe):
    """As the slow test, on a few."""
    test_a_right_runtime_is_decided_on_a_random_model(name, recipe)
