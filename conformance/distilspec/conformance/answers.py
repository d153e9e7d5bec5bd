"""What a model's outputs say to a person: similarities, labels, an answer, words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.types import Array, Float64Array
from distilspec.reference.formats.hugging_face import Model
from distilspec.reference.formats.tokenizer import Text

#: A masked token gets so many proposals.
PROPOSALS = 5

#: An answer span has at most so many tokens.
LONGEST_ANSWER = 30


def arrange(model: Model, texts: Sequence[str]) -> tuple[Text, ...]:
    """Return the texts as the model takes them: question answering takes one pair, the question and its context."""
    if model.head != "question-answering":
        return tuple(texts)
    if len(texts) != 2:
        raise RangeError(f"run: {len(texts)} texts for question answering; expected two, a question and its context")
    return ((texts[0], texts[1]),)


def answer(model: Model, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> list[dict[str, Any]]:
    """Return one record a text, span or pair of texts, ready to be printed or written as JSON."""
    match model.head:
        case "sentence-embedding":
            return _similarities(outputs["sentence_embedding"])
        case "sequence-classification":
            return [_label(model, row) for row in outputs["logits"]]
        case "token-classification":
            return _token_labels(model, inputs, outputs["logits"])
        case "question-answering":
            return [_span(model, inputs, outputs["start_logits"][0], outputs["end_logits"][0])]
        case "masked-lm":
            return _proposals(model, inputs, outputs["logits"])
    states = outputs["last_hidden_state"]
    return [
        {"text": row, "shape": list(state.shape), "first": state[0, :4].tolist()} for row, state in enumerate(states)
    ]


def _similarities(embeddings: Array) -> list[dict[str, Any]]:
    wide = embeddings.astype(np.float64)
    if len(wide) == 1:
        return [{"text": 0, "dimensions": wide.shape[1], "first": wide[0, :4].tolist()}]
    pairs = [(i, j) for i in range(len(wide)) for j in range(i + 1, len(wide))]
    return [{"texts": [i, j], "similarity": float(wide[i] @ wide[j])} for i, j in pairs]


def _label(model: Model, logits: Array) -> dict[str, Any]:
    if len(model.labels) == 1:
        return {"label": model.labels[0], "value": float(logits[0])}
    scores = _probabilities(logits)
    best = int(np.argmax(scores))
    return {"label": model.labels[best], "score": float(scores[best])}


def _token_labels(model: Model, inputs: Mapping[str, Array], logits: Array) -> list[dict[str, Any]]:
    kept = np.argwhere(inputs["attention_mask"])
    return [
        {"text": int(row), "token": model.tokenizer.token(int(inputs["input_ids"][row, column]))}
        | _label(model, logits[row, column])
        for row, column in kept
    ]


def _span(model: Model, inputs: Mapping[str, Array], start: Array, end: Array) -> dict[str, Any]:
    ids = inputs["input_ids"][0]
    separators = np.flatnonzero(ids == ids[np.flatnonzero(inputs["attention_mask"][0])[-1]])
    if separators.size != 2:
        separator = model.tokenizer.token(int(ids[separators[0]]))
        raise RangeError(
            f"run: question and context hold {separators.size - 2} {separator}; expected none because it parts them"
        )
    context = range(int(separators[0]) + 1, int(separators[1]))
    spans = [(first, last) for first in context for last in range(first, min(first + LONGEST_ANSWER, context.stop))]
    first, last = max(spans, key=lambda span: float(start[span[0]]) + float(end[span[1]]))
    score = _probabilities(start)[first] * _probabilities(end)[last]
    return {"answer": model.tokenizer.decode(ids[first : last + 1].tolist()), "score": float(score)}


def _proposals(model: Model, inputs: Mapping[str, Array], logits: Array) -> list[dict[str, Any]]:
    ids = inputs["input_ids"]
    masked = [
        (row, column) for row, column in np.argwhere(inputs["attention_mask"]) if _is_mask(model, ids[row, column])
    ]
    if not masked:
        raise RangeError("run: no text holds [MASK]; expected one because the model fills masked words in")
    records = []
    for row, column in masked:
        scores = _probabilities(logits[row, column])
        best = np.argsort(-scores, kind="stable")[:PROPOSALS]
        words = [{"token": model.tokenizer.token(int(word)), "score": float(scores[word])} for word in best]
        records.append({"text": int(row), "position": int(column), "proposals": words})
    return records


def _is_mask(model: Model, token_id: int) -> bool:
    return model.tokenizer.token(int(token_id)) == "[MASK]"


def _probabilities(logits: Array) -> Float64Array:
    wide = np.exp(logits.astype(np.float64) - np.max(logits))
    return np.asarray(wide / wide.sum())
