"""``bert``: post-norm encoder with word, token-type and position embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilspec.reference.contract.scope import scope
from distilspec.reference.models.config import BertConfig
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


def bert(
    ops: Any,
    weights: Weights,
    input_ids: Any,
    attention_mask: Any,
    token_type_ids: Any,
    *,
    config: BertConfig,
    head: str,
) -> Mapping[str, Any]:
    """
    Return the outputs of a BERT model with the given head, by name.

    ``ops`` is any operator namespace. ``input_ids`` and ``token_type_ids`` are int64 [batch, sequence];
    ``attention_mask`` is bool [batch, sequence], True = keep.
    """
    hidden_states = bert_encoder(ops, weights, input_ids, attention_mask, token_type_ids, config=config)
    match head:
        case "sentence-embedding":
            return sentence_embedding(ops, hidden_states, attention_mask)
        case "sequence-classification":
            return {"logits": linear(ops, weights.at("classifier"), bert_pooler(ops, weights, hidden_states))}
        case "token-classification":
            return token_classification(ops, weights, hidden_states)
        case "question-answering":
            return question_answering(ops, weights, hidden_states)
        case "masked-lm":
            return {"logits": bert_masked_lm(ops, weights.at("cls.predictions"), hidden_states, config=config)}
    outputs = {"last_hidden_state": hidden_states}
    if config.has_pooler:
        outputs["pooler_output"] = bert_pooler(ops, weights, hidden_states)
    return outputs


def bert_encoder(
    ops: Any, weights: Weights, input_ids: Any, attention_mask: Any, token_type_ids: Any, *, config: BertConfig
) -> Any:
    """Return the last hidden states: float [batch, sequence, hidden_size]."""
    hidden_states = bert_embeddings(ops, weights.at("embeddings"), input_ids, token_type_ids, config=config)
    mask = broadcast_mask(ops, attention_mask)
    for index in range(config.num_layers):
        with scope(f"encoder.layer.{index}"), scope(tag="encoder"):
            hidden_states = bert_layer(ops, weights.at(f"encoder.layer.{index}"), hidden_states, mask, config=config)
    return hidden_states


def bert_embeddings(ops: Any, weights: Weights, input_ids: Any, token_type_ids: Any, *, config: BertConfig) -> Any:
    """Return word + token-type + position embeddings, normalised: float [batch, sequence, hidden_size]."""
    words = ops.embedding(input_ids, weights["word_embeddings.weight"])
    token_types = ops.embedding(token_type_ids, weights["token_type_embeddings.weight"])
    positions = position_embeddings(ops, weights["position_embeddings.weight"], input_ids)
    with scope("embeddings"):
        total = ops.add(ops.add(words, token_types), positions)
    return layer_norm(ops, weights.at("LayerNorm"), total, config=config)


def bert_layer(ops: Any, weights: Weights, hidden_states: Any, mask: Any, *, config: BertConfig) -> Any:
    """Return the next hidden states: attention, then feed-forward, each added to its input and normalised."""
    with scope("attention.self"):
        names = ("query", "key", "value")
        context = attention(ops, weights.at("attention.self"), names, hidden_states, mask, config=config)
    with scope("attention.output"):
        projected = linear(ops, weights.at("attention.output.dense"), context)
        total = ops.add(projected, hidden_states)
    attended = layer_norm(ops, weights.at("attention.output.LayerNorm"), total, config=config)
    with scope("intermediate"):
        inner = activation(ops, linear(ops, weights.at("intermediate.dense"), attended), config=config)
    with scope("output"):
        total = ops.add(linear(ops, weights.at("output.dense"), inner), attended)
    return layer_norm(ops, weights.at("output.LayerNorm"), total, config=config)


def bert_pooler(ops: Any, weights: Weights, hidden_states: Any) -> Any:
    """Return tanh of a projection of the first token: float [batch, hidden_size]."""
    with scope("pooler"):
        return ops.tanh(linear(ops, weights.at("pooler.dense"), ops.cls_pool(hidden_states)))


def bert_masked_lm(ops: Any, weights: Weights, hidden_states: Any, *, config: BertConfig) -> Any:
    """Return logits over the vocabulary: float [batch, sequence, vocab_size]."""
    with scope("cls.predictions.transform"):
        inner = activation(ops, linear(ops, weights.at("transform.dense"), hidden_states), config=config)
    inner = layer_norm(ops, weights.at("transform.LayerNorm"), inner, config=config)
    return linear(ops, weights.at("decoder"), inner)


def bert_shapes(config: BertConfig, head: str) -> Shapes:
    """Return name and shape of every weight that ``bert`` uses; names are Hugging Face's without ``bert.``."""
    hidden, inner = config.hidden_size, config.intermediate_size
    shapes = {
        "embeddings.word_embeddings.weight": (config.vocab_size, hidden),
        "embeddings.token_type_embeddings.weight": (config.type_vocab_size, hidden),
        "embeddings.position_embeddings.weight": (config.max_positions, hidden),
        **layer_norm_shapes("embeddings.LayerNorm", hidden),
    }
    for index in range(config.num_layers):
        part = f"encoder.layer.{index}"
        for name in ("query", "key", "value"):
            shapes |= linear_shapes(f"{part}.attention.self.{name}", hidden, hidden)
        shapes |= linear_shapes(f"{part}.attention.output.dense", hidden, hidden)
        shapes |= layer_norm_shapes(f"{part}.attention.output.LayerNorm", hidden)
        shapes |= linear_shapes(f"{part}.intermediate.dense", inner, hidden)
        shapes |= linear_shapes(f"{part}.output.dense", hidden, inner)
        shapes |= layer_norm_shapes(f"{part}.output.LayerNorm", hidden)
    match head:
        case "feature-extraction" if config.has_pooler:
            shapes |= linear_shapes("pooler.dense", hidden, hidden)
        case "sequence-classification":
            shapes |= linear_shapes("pooler.dense", hidden, hidden)
            shapes |= linear_shapes("classifier", config.num_labels, hidden)
        case "token-classification":
            shapes |= linear_shapes("classifier", config.num_labels, hidden)
        case "question-answering":
            shapes |= linear_shapes("qa_outputs", 2, hidden)
        case "masked-lm":
            shapes |= linear_shapes("cls.predictions.transform.dense", hidden, hidden)
            shapes |= layer_norm_shapes("cls.predictions.transform.LayerNorm", hidden)
            shapes |= linear_shapes("cls.predictions.decoder", config.vocab_size, hidden)
    return shapes
