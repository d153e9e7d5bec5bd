"""A BERT with its token-type row folded into the position table is a DistilBERT, within the derived bounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from refusal import refused

from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.formats import save_folder
from distilspec.reference.models import BertConfig, build_program, fold_token_types, random_weights

U64 = 2.0**-53
U32 = 2.0**-24

HEADS = ("feature-extraction", "sentence-embedding", "token-classification", "question-answering", "masked-lm")


@st.composite
def berts(draw):
    """Draw a BERT without pooler, its float32 weights and a batch of token type 0."""
    heads = draw(st.integers(1, 3))
    config = BertConfig(
        vocab_size=13,
        hidden_size=heads * draw(st.sampled_from([5, 8])),
        num_layers=draw(st.integers(0, 2)),
        num_heads=heads,
        intermediate_size=draw(st.sampled_from([1, 7])),
        max_positions=9,
        type_vocab_size=draw(st.integers(1, 2)),
        has_pooler=False,
    )
    head, seed = draw(st.sampled_from(HEADS)), draw(st.integers(0, 2**32 - 1))
    weights = random_weights(config, head, seed)
    scale = np.float32(draw(st.sampled_from([2.0**-40, 1.0, 2.0**20])))
    weights["embeddings.token_type_embeddings.weight"] *= scale
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 9)))
    ids = np.random.default_rng(seed).integers(0, 13, shape)
    return config, head, weights, {"input_ids": ids, "attention_mask": np.ones(shape, bool)}


def both_programs(config, head, weights, dtype=np.float64):
    """Return the BERT's program and that of its folded form."""
    folded_config, folded = fold_token_types(config, weights, dtype=dtype)
    return build_program(config, head, weights), build_program(folded_config, head, folded)


def run(program, inputs, tensor):
    """Return one tensor of a run in which every token type is 0."""
    types = {"token_type_ids": np.zeros(inputs["input_ids"].shape, np.int64)}
    return program.run(ops, inputs | (types if "token_type_ids" in program.inputs else {}), keep=[tensor])[tensor]


def terms(weights, inputs):
    """Return the word, position and token-type rows that are added for every token."""
    words, positions, types = (
        weights[f"embeddings.{name}_embeddings.weight"].astype(np.float64)
        for name in ("word", "position", "token_type")
    )
    ids = inputs["input_ids"]
    return words[ids], positions[: ids.shape[1]], types[0]


@settings(max_examples=40, deadline=None)
@given(berts())
def test_float64_fold_is_the_same_sum_in_another_order(case):
    """The embeddings' sums differ by at most 4 u (|w| + |p| + |t|) per element, u = 2**-53."""
    config, head, weights, inputs = case
    bert, distilbert = both_programs(config, head, weights)

    difference = np.abs(run(bert, inputs, "embeddings.add_1") - run(distilbert, inputs, "embeddings.add"))

    bound = 4 * U64 / (1 - 2 * U64) * sum(np.abs(term) for term in terms(weights, inputs))
    assert (difference <= bound).all()


@settings(max_examples=40, deadline=None)
@given(berts())
def test_float64_fold_gives_the_same_answers(case):
    """Every output agrees within 1e-12 of the largest."""
    config, head, weights, inputs = case
    bert, distilbert = both_programs(config, head, weights)

    for label, tensor in bert.outputs.items():
        expected = run(bert, inputs, tensor)
        got = run(distilbert, inputs, distilbert.outputs[label])
        assert np.abs(got - expected).max() <= 1e-12 * np.abs(expected).max()


def layer_norm_bound(x, weight, change, epsilon):
    """
    Return how far LayerNorm moves at most when every x[i] moves by at most change[i].

    With c = x - mean(x): c[i] moves by at most e[i] = change[i] + mean(change).
    sigma = sqrt(mean(c**2) + epsilon) is a norm of (c / sqrt(n), sqrt(epsilon)), so it moves by at most
    r = sqrt(mean(e**2)). Hence c'/sigma' - c/sigma = (c' - c)/sigma' + c (sigma - sigma')/(sigma sigma') is at most
    e/(sigma - r) + |c| r/(sigma (sigma - r)).
    """
    centred = x - x.mean(axis=-1, keepdims=True)
    sigma = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon)
    moved = change + change.mean(axis=-1, keepdims=True)
    r = np.sqrt((moved**2).mean(axis=-1, keepdims=True))
    assert (sigma > r).all()
    return np.abs(weight) * (moved / (sigma - r) + np.abs(centred) * r / (sigma * (sigma - r)))


def within_float32_bound(config, head, weights, inputs, folded):
    """Return whether the embeddings of the program ``folded`` are within the bound of a table rounded to float32."""
    bert = build_program(config, head, weights)
    word, position, token_type = terms(weights, inputs)
    x = run(bert, inputs, "embeddings.add_1")
    expected = run(bert, inputs, "embeddings.LayerNorm")
    difference = np.abs(run(folded, inputs, "embeddings.LayerNorm") - expected)

    rounding = U32 * np.abs(position + token_type)
    order = 4 * U64 * (np.abs(word) + np.abs(position) + np.abs(token_type))
    bound = layer_norm_bound(x, weights["embeddings.LayerNorm.weight"], rounding + order, config.layer_norm_eps)
    evaluation = 64 * U64 * (np.abs(expected) + np.abs(weights["embeddings.LayerNorm.bias"]))
    return (difference <= bound + evaluation).all()


@settings(max_examples=40, deadline=None)
@given(berts().filter(lambda case: np.abs(case[2]["embeddings.token_type_embeddings.weight"]).max() < 100))
def test_float32_fold_moves_the_embeddings_by_one_rounding_of_the_table(case):
    """The rounded table moves the normalised embeddings at most as far as 2**-24 |p + t| does through LayerNorm."""
    config, head, weights, inputs = case

    assert within_float32_bound(config, head, weights, inputs, both_programs(config, head, weights, np.float32)[1])


def test_a_wrong_fold_is_noticed():
    """The bound can fail: folding another row, or rounding the table to float16, leaves it."""
    config = BertConfig(vocab_size=13, hidden_size=10, num_layers=1, num_heads=2, intermediate_size=7, max_positions=9)
    weights = random_weights(config, "masked-lm", 0)
    inputs = {"input_ids": np.arange(9).reshape(1, 9), "attention_mask": np.ones((1, 9), bool)}
    types = "embeddings.token_type_embeddings.weight"

    right = both_programs(config, "masked-lm", weights, np.float32)[1]
    other_row = both_programs(config, "masked-lm", weights | {types: weights[types][::-1]}, np.float32)[1]
    table = right.constants["embeddings.position_embeddings.weight"].astype(np.float16).astype(np.float32)
    coarse = right.replace(constants=right.constants | {"embeddings.position_embeddings.weight": table})

    found = [within_float32_bound(config, "masked-lm", weights, inputs, each) for each in (right, other_row, coarse)]
    assert found == [True, False, False]


def test_another_epsilon_cannot_be_folded():
    """DistilBERT has no other epsilon than 1e-12."""
    config = BertConfig(
        vocab_size=13, hidden_size=10, num_layers=1, num_heads=2, intermediate_size=7, layer_norm_eps=1e-5
    )

    with refused(UnsupportedError, "layer_norm_eps is 1e-05"):
        fold_token_types(config, random_weights(config, "masked-lm", 0))


@pytest.mark.parametrize("head", HEADS)
def test_transformers_loads_the_float32_fold(tmp_path, head):
    """The folded model, saved as a Hugging Face folder, is a DistilBERT to Transformers, and answers like ours."""
    config = BertConfig(vocab_size=13, hidden_size=10, num_layers=1, num_heads=2, intermediate_size=7, max_positions=9)
    folded_config, folded = fold_token_types(config, random_weights(config, head, 0), dtype=np.float32)
    (tmp_path / "tokenizer.json").write_text("{}")
    save_folder(tmp_path / "folded", folded_config, head, folded, tmp_path / "tokenizer.json")
    architecture = {
        "feature-extraction": transformers.DistilBertModel,
        "sentence-embedding": transformers.DistilBertModel,
        "token-classification": transformers.DistilBertForTokenClassification,
        "question-answering": transformers.DistilBertForQuestionAnswering,
        "masked-lm": transformers.DistilBertForMaskedLM,
    }[head]

    model, info = architecture.from_pretrained(
        tmp_path / "folded", output_loading_info=True, attn_implementation="eager", dtype=torch.float64
    )

    assert not any(info.values())
    program = build_program(folded_config, "feature-extraction", folded)
    inputs = {"input_ids": np.arange(9).reshape(1, 9), "attention_mask": np.ones((1, 9), np.int64)}
    with torch.no_grad():
        encoder = getattr(model, "distilbert", model)
        expected = encoder(**{name: torch.from_numpy(array) for name, array in inputs.items()}).last_hidden_state
    got = program.run(ops, inputs)["last_hidden_state"]
    assert np.abs(got - expected.numpy()).max() <= 1e-12 * expected.abs().max()
