"""
What training minimises and how it prunes: distillation losses with their gradients, criteria and schedules.

One formula, one file, with clauses as the operators have; nothing here is a step of a program.

>>> OBJECTIVES["cross_entropy"] is cross_entropy
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from distilspec.reference.objectives.cross_entropy import cross_entropy
from distilspec.reference.objectives.cubic_sparsity import cubic_sparsity
from distilspec.reference.objectives.distilbert_cosine import distilbert_cosine
from distilspec.reference.objectives.distiller_sparsity import distiller_sparsity
from distilspec.reference.objectives.global_magnitude_masks import global_magnitude_masks
from distilspec.reference.objectives.head_magnitude_mask import head_magnitude_mask
from distilspec.reference.objectives.least_squares_pruning import least_squares_pruning
from distilspec.reference.objectives.logit_distillation import logit_distillation
from distilspec.reference.objectives.loss import Loss
from distilspec.reference.objectives.minilm_relation import minilm_relation
from distilspec.reference.objectives.neuron_magnitude_mask import neuron_magnitude_mask
from distilspec.reference.objectives.one_shot_sparsity import one_shot_sparsity
from distilspec.reference.objectives.pattern_lock_mask import pattern_lock_mask
from distilspec.reference.objectives.rewound_learning_rate import rewound_learning_rate
from distilspec.reference.objectives.spread_layer_map import spread_layer_map
from distilspec.reference.objectives.straight_through_gradient import straight_through_gradient
from distilspec.reference.objectives.tinybert_attention import tinybert_attention
from distilspec.reference.objectives.tinybert_hidden import tinybert_hidden
from distilspec.reference.objectives.tinybert_layer_map import tinybert_layer_map
from distilspec.reference.objectives.tinybert_prediction import tinybert_prediction

#: Every objective by its name.
OBJECTIVES: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        objective.__name__: objective
        for objective in (
            cross_entropy,
            cubic_sparsity,
            distilbert_cosine,
            distiller_sparsity,
            global_magnitude_masks,
            head_magnitude_mask,
            least_squares_pruning,
            logit_distillation,
            minilm_relation,
            neuron_magnitude_mask,
            one_shot_sparsity,
            pattern_lock_mask,
            rewound_learning_rate,
            spread_layer_map,
            straight_through_gradient,
            tinybert_attention,
            tinybert_hidden,
            tinybert_layer_map,
            tinybert_prediction,
        )
    }
)

__all__ = [
    "OBJECTIVES",
    "Loss",
    "cross_entropy",
    "cubic_sparsity",
    "distilbert_cosine",
    "distiller_sparsity",
    "global_magnitude_masks",
    "head_magnitude_mask",
    "least_squares_pruning",
    "logit_distillation",
    "minilm_relation",
    "neuron_magnitude_mask",
    "one_shot_sparsity",
    "pattern_lock_mask",
    "rewound_learning_rate",
    "spread_layer_map",
    "straight_through_gradient",
    "tinybert_attention",
    "tinybert_hidden",
    "tinybert_layer_map",
    "tinybert_prediction",
]
