"""
Model families: one file each, written once as plain functions over an operator namespace.

>>> import numpy as np
>>> config = BertConfig(vocab_size=11, hidden_size=6, num_layers=1, num_heads=2, intermediate_size=8)
>>> program = build_program(config, "question-answering", random_weights(config, "question-answering", 0))
>>> list(program.outputs)
['start_logits', 'end_logits']
"""

from __future__ import annotations

from distilspec.reference.models.build import build_program, call_model, random_weights, weight_shapes
from distilspec.reference.models.config import BertConfig, Config, DistilBertConfig
from distilspec.reference.models.fold_token_types import fold_token_types
from distilspec.reference.models.heads import HEADS

__all__ = [
    "HEADS",
    "BertConfig",
    "Config",
    "DistilBertConfig",
    "build_program",
    "call_model",
    "fold_token_types",
    "random_weights",
    "weight_shapes",
]
