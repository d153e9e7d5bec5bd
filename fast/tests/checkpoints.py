"""Checkpoints as Transformers saves them, too small to know anything, with a tokenizer that knows every letter."""

from __future__ import annotations

import string

import torch
import transformers

POSITIONS = 24

_WORDS = ["the", "man", "eat", "food", "berlin", "wolf", "##gang", "##ing", "##s", "live", "in", "un", "##happy", "is"]
_LETTERS = string.ascii_lowercase + string.digits
VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *_WORDS,
    *string.punctuation,
    *_LETTERS,
    *(f"##{letter}" for letter in _LETTERS),
]


def checkpoint(folder, kind, *, seed=0, **fields):
    """Save a model of the class ``kind`` of Transformers, with random weights and a tokenizer; return the folder."""
    sizes = {"vocab_size": len(VOCABULARY), "max_position_embeddings": POSITIONS}
    if kind.startswith("DistilBert"):
        config = transformers.DistilBertConfig(**sizes, dim=16, hidden_dim=24, n_heads=2, n_layers=2, **fields)
    else:
        config = transformers.BertConfig(
            **sizes, hidden_size=16, intermediate_size=24, num_attention_heads=2, num_hidden_layers=2, **fields
        )
    model = getattr(transformers, kind)(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 2:
                parameter.copy_(noise if "embeddings" in name else noise * 1.5 / parameter.shape[1] ** 0.5)
            else:
                parameter.copy_(0.3 * noise + ("norm" in name.lower() and name.endswith("weight")))
    model.save_pretrained(folder)
    vocabulary = {token: index for index, token in enumerate(VOCABULARY)}
    transformers.BertTokenizer(vocab=vocabulary, model_max_length=POSITIONS).save_pretrained(folder)
    return folder
