"""Classifiers small enough to compare element by element."""

from __future__ import annotations

import torch
from transformers import DistilBertConfig, DistilBertForSequenceClassification

HEADS = 2


def tiny_classifier(
    layers: int = 3, seed: int = 0, dtype: torch.dtype = torch.float64
) -> DistilBertForSequenceClassification:
    """Return a DistilBERT with weights of a trained model's scale, in evaluation."""
    config = DistilBertConfig(
        vocab_size=11,
        max_position_embeddings=16,
        n_layers=layers,
        n_heads=HEADS,
        dim=8,
        hidden_dim=12,
        id2label={0: "bad", 1: "good"},
        label2id={"bad": 0, "good": 1},
        attn_implementation="eager",
    )
    model = DistilBertForSequenceClassification(config).to(dtype)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            scale = parameter.shape[1] ** -0.5 if parameter.ndim == 2 else 0.1
            parameter.copy_(noise * scale + ("norm" in name.lower() and name.endswith("weight")))
    model.eval()
    return model


def batch() -> dict[str, torch.Tensor]:
    """Return two texts, one of them padded."""
    return {
        "input_ids": torch.tensor([[2, 5, 6, 8, 3], [2, 7, 3, 0, 0]]),
        "attention_mask": torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
    }
