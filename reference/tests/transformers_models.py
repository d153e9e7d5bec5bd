"""Transformers models in float64, drawn by hypothesis: the other implementation that ours is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import transformers
from hypothesis import strategies as st

from distilspec.reference.contract.types import Array
from distilspec.reference.models import BertConfig, Config, DistilBertConfig

ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu")
SEQUENCE = 9

#: Heads and their size. LayerNorm over fewer than five numbers now and then divides by a variance near zero, where two
#: correct float64 evaluations differ by more than the agreement that is asked for.
HEAD_SIZES = ((1, 5), (1, 8), (2, 3), (2, 5), (2, 8), (3, 2), (3, 5), (6, 1))

_CLASSES = {
    ("bert", "feature-extraction"): "BertModel",
    ("bert", "sentence-embedding"): "BertModel",
    ("bert", "sequence-classification"): "BertForSequenceClassification",
    ("bert", "token-classification"): "BertForTokenClassification",
    ("bert", "question-answering"): "BertForQuestionAnswering",
    ("bert", "masked-lm"): "BertForMaskedLM",
    ("distilbert", "feature-extraction"): "DistilBertModel",
    ("distilbert", "sentence-embedding"): "DistilBertModel",
    ("distilbert", "sequence-classification"): "DistilBertForSequenceClassification",
    ("distilbert", "token-classification"): "DistilBertForTokenClassification",
    ("distilbert", "question-answering"): "DistilBertForQuestionAnswering",
    ("distilbert", "masked-lm"): "DistilBertForMaskedLM",
}


@dataclass(frozen=True)
class Case:
    """One drawn configuration with inputs; ``seed`` fixes the weights."""

    family: str
    head: str
    config: Config
    seed: int
    inputs: Mapping[str, Array]


@st.composite
def cases(draw: st.DrawFn, family: str, head: str) -> Case:
    """Draw a small model and a padded batch without a fully masked row."""
    num_heads, head_dim = draw(st.sampled_from(HEAD_SIZES))
    sizes: dict[str, Any] = {
        "vocab_size": draw(st.integers(2, 17)),
        "hidden_size": num_heads * head_dim,
        "num_layers": draw(st.integers(1, 3)),
        "num_heads": num_heads,
        "intermediate_size": draw(st.sampled_from([1, 7, 12])),
        "max_positions": draw(st.integers(SEQUENCE, 12)),
        "activation": draw(st.sampled_from(ACTIVATIONS)),
        "num_labels": 2 if head == "question-answering" else draw(st.integers(2, 4)),
    }
    batch, sequence = draw(st.integers(1, 3)), draw(st.integers(1, SEQUENCE))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    inputs = {
        "input_ids": random.integers(0, sizes["vocab_size"], (batch, sequence)),
        "attention_mask": np.stack([_mask_row(draw, sequence) for _ in range(batch)]),
    }
    if family == "distilbert":
        return Case(family, head, DistilBertConfig(**sizes), seed, inputs)
    config = BertConfig(
        **sizes,
        type_vocab_size=draw(st.integers(1, 3)),
        layer_norm_eps=draw(st.sampled_from([1e-12, 1e-7, 1e-5, 1e-2])),
    )
    inputs["token_type_ids"] = random.integers(0, config.type_vocab_size, (batch, sequence))
    return Case(family, head, config, seed, inputs)


def _mask_row(draw: st.DrawFn, sequence: int) -> Array:
    kept = draw(st.integers(1, sequence))
    row = np.zeros(sequence, np.int64)
    match draw(st.sampled_from(["right", "left", "holes"])):
        case "right":
            row[:kept] = 1
        case "left":
            row[-kept:] = 1
        case "holes":
            row[draw(st.permutations(range(sequence)))[:kept]] = 1
    return row


def transformers_model(case: Case) -> Any:
    """Return the Transformers model of the case, in float64, with weights of a trained model's scale."""
    config = case.config
    shared: dict[str, Any] = {
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.max_positions,
        "num_labels": config.num_labels,
        "pad_token_id": None,
        "attn_implementation": "eager",
    }
    if isinstance(config, BertConfig):
        settings: Any = transformers.BertConfig(
            **shared,
            hidden_size=config.hidden_size,
            num_hidden_layers=config.num_layers,
            num_attention_heads=config.num_heads,
            intermediate_size=config.intermediate_size,
            hidden_act=config.activation,
            layer_norm_eps=config.layer_norm_eps,
            type_vocab_size=config.type_vocab_size,
        )
    else:
        settings = transformers.DistilBertConfig(
            **shared,
            dim=config.hidden_size,
            n_layers=config.num_layers,
            n_heads=config.num_heads,
            hidden_dim=config.intermediate_size,
            activation=config.activation,
        )
    model = getattr(transformers, _CLASSES[case.family, case.head])(settings).double().eval()
    generator = torch.Generator().manual_seed(case.seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            if parameter.ndim == 2:
                parameter.copy_(noise if "embeddings" in name else noise * 1.5 / parameter.shape[1] ** 0.5)
            else:
                parameter.copy_(0.3 * noise + ("norm" in name.lower() and name.endswith("weight")))
    return model


def canonical_weights(model: Any) -> dict[str, Array]:
    """Return the model's own weights under their names without the family prefix."""
    prefix = f"{model.base_model_prefix}."
    return {name.removeprefix(prefix): tensor.numpy() for name, tensor in model.state_dict().items()}


def expected_outputs(model: Any, case: Case) -> dict[str, Array]:
    """Return what Transformers answers; the sentence embedding follows the sentence-transformers model cards."""
    inputs = {name: torch.from_numpy(array) for name, array in case.inputs.items()}
    with torch.no_grad():
        answers = model(**inputs)
    if case.head == "sentence-embedding":
        kept = inputs["attention_mask"].unsqueeze(-1).double()
        mean = (answers.last_hidden_state * kept).sum(1) / kept.sum(1).clamp(min=1e-9)
        return {"sentence_embedding": torch.nn.functional.normalize(mean, p=2, dim=1).numpy()}
    return {name: value.numpy() for name, value in answers.items() if value is not None}


def disagreement(got: Mapping[str, Array], expected: Mapping[str, Array]) -> float:
    """Return max|difference| / max|expected| over all outputs."""
    assert {name: array.shape for name, array in got.items()} == {name: array.shape for name, array in expected.items()}
    difference = max(np.abs(got[name] - array).max() for name, array in expected.items())
    return float(difference / max(np.abs(array).max() for array in expected.values()))
