"""The heads: what a model gives, and those of them that every family computes alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distilspec.reference.contract.scope import scope
from distilspec.reference.models.layers import linear
from distilspec.reference.tracer import Weights

#: Every head by the name that ``load_model`` takes.
HEADS = (
    "feature-extraction",
    "sentence-embedding",
    "sequence-classification",
    "token-classification",
    "question-answering",
    "masked-lm",
)


def sentence_embedding(ops: Any, hidden_states: Any, attention_mask: Any) -> Mapping[str, Any]:
    """Return the mean over the tokens that the mask keeps, scaled to length 1: float [batch, hidden_size]."""
    return {"sentence_embedding": ops.l2_normalize(ops.mean_pool(hidden_states, attention_mask))}


def token_classification(ops: Any, weights: Weights, hidden_states: Any) -> Mapping[str, Any]:
    """Return logits for every token: float [batch, sequence, num_labels]."""
    return {"logits": linear(ops, weights.at("classifier"), hidden_states)}


def question_answering(ops: Any, weights: Weights, hidden_states: Any) -> Mapping[str, Any]:
    """Return the logits of an answer's first and last token: float [batch, sequence] each."""
    logits = linear(ops, weights.at("qa_outputs"), hidden_states)
    outputs = {}
    for index, label in enumerate(("start_logits", "end_logits")):
        with scope(label):
            outputs[label] = ops.squeeze(ops.slice(logits, axis=2, start=index, stop=index + 1), axes=(2,))
    return outputs
