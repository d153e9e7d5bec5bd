"""``distilbert``: BERT without token types and pooler, and with half the layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilspec.reference.contract.scope import scope
from distilspec.reference.models.config import DistilBertConfig
from distilspec.reference.models.heads import question_answering, sentence_embedding, token_classification
from distilspec.reference.models.layers import (
    Shapes,
    activation,
    attention,
    broadcast_mask,
    layer_norm,
    layer_norm_shapes,
    linear,
    linear_shapes,
    position_embeddings,
)
from distilspec.reference.tracer import Weights


def distilbert(
    ops: Any, weights: Weights, input_ids: Any, attention_mask: Any, *, config: DistilBertConfig, head: str
) -> Mapping[str, Any]:
    """
    Return the outputs of a DistilBERT model with the given head, by name.

    ``ops`` is any operator namespace. ``input_ids`` is int64 [batch, sequence]; ``attention_mask`` is
    bool [batch, sequence], True = keep.
    """
    hidden_states = distilbert_encoder(ops, weights, input_ids, attention_mask, config=config)
    match head:
        case "sentence-embedding":
            return sentence_embedding(ops, hidden_states, attention_mask)
        case "sequence-classification":
            return {"logits": distilbert_classifier(ops, weights, hidden_states)}
        case "token-classification":
            return token_classification(ops, weights, hidden_states)
        case "question-answering":
            return question_answering(ops, weights, hidden_states)
        case "masked-lm":
            return {"logits": distilbert_masked_lm(ops, weights, hidden_states, config=config)}
    return {"last_hidden_state": hidden_states}


def distilbert_encoder(
    ops: Any, weights: Weights, input_ids: Any, attention_mask: Any, *, config: DistilBertConfig
) -> Any:
    """Return the last hidden states: float [batch, sequence, hidden_size]."""
    hidden_states = distilbert_embeddings(ops, weights.at("embeddings"), input_ids, config=config)
    mask = broadcast_mask(ops, attention_mask)
    for index in range(config.num_layers):
        part = f"transformer.layer.{index}"
        with scope(part), scope(tag="encoder"):
            hidden_states = distilbert_layer(ops, weights.at(part), hidden_states, mask, config=config)
    return hidden_states


def distilbert_embeddings(ops: Any, weights: Weights, input_ids: Any, *, config: DistilBertConfig) -> Any:
    """Return word + position embeddings, normalised: float [batch, sequence, hidden_size]."""
    words = ops.embedding(input_ids, weights["word_embeddings.weight"])
    positions = position_embeddings(ops, weights["position_embeddings.weight"], input_ids)
    with scope("embeddings"):
        total = ops.add(words, positions)
    return layer_norm(ops, weights.at("LayerNorm"), total, config=config)


def distilbert_layer(ops: Any, weights: Weights, hidden_states: Any, mask: Any, *, config: DistilBertConfig) -> Any:
    """Return the next hidden states: attention, then feed-forward, each added to its input and normalised."""
    with scope("attention"):
        names = ("q_lin", "k_lin", "v_lin")
        context = attention(ops, weights.at("attention"), names, hidden_states, mask, config=config)
        projected = linear(ops, weights.at("attention.out_lin"), context)
        total = ops.add(projected, hidden_states)
    attended = layer_norm(ops, weights.at("sa_layer_norm"), total, config=config)
    with scope("ffn"):
        inner = activation(ops, linear(ops, weights.at("ffn.lin1"), attended), config=config)
        total = ops.add(linear(ops, weights.at("ffn.lin2"), inner), attended)
    return layer_norm(ops, weights.at("output_layer_norm"), total, config=config)


def distilbert_classifier(ops: Any, weights: Weights, hidden_states: Any) -> Any:
    """Return logits from the first token: float [batch, num_labels]."""
    with scope("pre_classifier"):
        first = ops.relu(linear(ops, weights.at("pre_classifier"), ops.cls_pool(hidden_states)))
    return linear(ops, weights.at("classifier"), first)


def distilbert_masked_lm(ops: Any, weights: Weights, hidden_states: Any, *, config: DistilBertConfig) -> Any:
    """Return logits over the vocabulary: float [batch, sequence, vocab_size]."""
    with scope("vocab_transform"):
        inner = activation(ops, linear(ops, weights.at("vocab_transform"), hidden_states), config=config)
    inner = layer_norm(ops, weights.at("vocab_layer_norm"), inner, config=config)
    return linear(ops, weights.at("vocab_projector"), inner)


def distilbert_shapes(config: DistilBertConfig, head: str) -> Shapes:
    """Return name and shape of every weight that ``distilbert`` uses; names are Hugging Face's without the prefix."""
    hidden, inner = config.hidden_size, config.intermediate_size
    shapes = {
        "embeddings.word_embeddings.weight": (config.vocab_size, hidden),
        "embeddings.position_embeddings.weight": (config.max_positions, hidden),
        **layer_norm_shapes("embeddings.LayerNorm", hidden),
    }
    for index in range(config.num_layers):
        part = f"transformer.layer.{index}"
        for name in ("q_lin", "k_lin", "v_lin", "out_lin"):
            shapes |= linear_shapes(f"{part}.attention.{name}", hidden, hidden)
        shapes |= layer_norm_shapes(f"{part}.sa_layer_norm", hidden)
        shapes |= linear_shapes(f"{part}.ffn.lin1", inner, hidden)
        shapes |= linear_shapes(f"{part}.ffn.lin2", hidden, inner)
        shapes |= layer_norm_shapes(f"{part}.output_layer_norm", hidden)
    match head:
        case "sequence-classification":
            shapes |= linear_shapes("pre_classifier", hidden, hidden)
            shapes |= linear_shapes("classifier", config.num_labels, hidden)
        case "token-classification":
            shapes |= linear_shapes("classifier", config.num_labels, hidden)
        case "question-answering":
            shapes |= linear_shapes("qa_outputs", 2, hidden)
        case "masked-lm":
            shapes |= linear_shapes("vocab_transform", hidden, hidden)
            shapes |= layer_norm_shapes("vocab_layer_norm", hidden)
            shapes |= linear_shapes("vocab_projector", config.vocab_size, hidden)
    return shapes
