"""Hugging Face folders of models too small to know anything, with a tokenizer of eleven words."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from word_piece import VOCABULARY, word_piece

from distilspec.reference.formats.hugging_face import save_folder
from distilspec.reference.models.build import random_weights
from distilspec.reference.models.config import BertConfig, DistilBertConfig

POSITIONS = 12

#: What makes the tokenizer read these words in a text as special ones, as real checkpoints do.
SPECIAL_WORDS = [
    {
        "id": VOCABULARY.index(word),
        "content": word,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
    for word in ("[SEP]", "[MASK]")
]


def tiny_folder(folder, head, *, kind=BertConfig, num_labels=2, seed=0):
    """Write a model with random weights to a new folder and return its path."""
    config = kind(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        num_layers=1,
        num_heads=2,
        intermediate_size=16,
        max_positions=POSITIONS,
        num_labels=2 if head == "question-answering" else num_labels,
    )
    with tempfile.TemporaryDirectory() as temporary:
        tokenizer = word_piece(Path(temporary), added_tokens=SPECIAL_WORDS)
        save_folder(folder, config, head, random_weights(config, head, seed), tokenizer)
    return folder


def copied(folder, target):
    """Copy a model's folder, to spoil the copy."""
    shutil.copytree(folder, target)
    return target


__all__ = ["POSITIONS", "BertConfig", "DistilBertConfig", "copied", "tiny_folder"]
