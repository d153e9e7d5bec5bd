"""From a config, a head and weights to a program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from distilspec.reference.contract.errors import FormatError, ShapeError, UnsupportedError
from distilspec.reference.contract.symbols import BATCH, SEQUENCE
from distilspec.reference.contract.types import Array, Float32Array, TensorSpec
from distilspec.reference.models.bert import bert, bert_shapes
from distilspec.reference.models.config import BertConfig, Config
from distilspec.reference.models.distilbert import distilbert, distilbert_shapes
from distilspec.reference.models.heads import HEADS
from distilspec.reference.models.layers import Shapes
from distilspec.reference.program import Program
from distilspec.reference.tracer import Weights, trace

_IDS = TensorSpec("int64", (BATCH, SEQUENCE))
_MASK = TensorSpec("bool", (BATCH, SEQUENCE))


def build_program(config: Config, head: str, weights: Mapping[str, Array], *, name: str = "") -> Program:
    """
    Trace the model with these weights; those that the head does not use are left out.

    Raises
    ------
    FormatError
        A weight is absent.
    ShapeError
        A weight has another shape than the config says.
    UnsupportedError
        The head does not exist.
    """
    expect_weights(config, head, {weight: array.shape for weight, array in weights.items()})
    return trace(name or family(config), model_function(config, head), input_specs(config), weights)


def call_model(ops: Any, config: Config, head: str, weights: Mapping[str, Array], **inputs: Any) -> Mapping[str, Any]:
    """Run the model function itself on the namespace ``ops``, without a program in between."""
    return model_function(config, head)(ops, Weights(weights, lambda array, _: ops.constant(array)), **inputs)


def model_function(config: Config, head: str) -> Callable[..., Mapping[str, Any]]:
    """Return ``function(ops, weights, **inputs)``: the family's function with config and head filled in."""
    _expect_head(head)
    if isinstance(config, BertConfig):
        return partial(bert, config=config, head=head)
    return partial(distilbert, config=config, head=head)


def weight_shapes(config: Config, head: str) -> Shapes:
    """Return name and shape of every weight that the model uses."""
    _expect_head(head)
    return bert_shapes(config, head) if isinstance(config, BertConfig) else distilbert_shapes(config, head)


def input_specs(config: Config) -> dict[str, TensorSpec]:
    """Return the inputs that the family takes."""
    specs = {"input_ids": _IDS, "attention_mask": _MASK}
    return specs | {"token_type_ids": _IDS} if isinstance(config, BertConfig) else specs


def family(config: Config) -> str:
    """Return the family's name, which is Hugging Face's ``model_type``."""
    return "bert" if isinstance(config, BertConfig) else "distilbert"


def expect_weights(config: Config, head: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise ``FormatError`` or ``ShapeError`` unless every weight that the model uses is there with its shape."""
    for name, expected in weight_shapes(config, head).items():
        if name not in shapes:
            raise FormatError(f"model: weight {name} is absent; expected shape {expected} because the config has it")
        if shapes[name] != expected:
            raise ShapeError(
                f"model: weight {name} has shape {shapes[name]}; expected {expected} because the config says so"
            )


def random_weights(config: Config, head: str, seed: int) -> dict[str, Float32Array]:
    """Return float32 weights of a trained model's scale; equal arguments give equal weights."""
    generator = np.random.default_rng(seed)
    weights = {}
    for name, shape in weight_shapes(config, head).items():
        noise = generator.standard_normal(shape)
        if len(shape) == 2:
            noise *= shape[1] ** -0.5
        else:
            noise = 0.1 * noise + name.endswith(".weight")
        weights[name] = noise.astype(np.float32)
    return weights


def _expect_head(head: str) -> None:
    if head not in HEADS:
        raise UnsupportedError(f"model: head is {head!r}; expected one of {', '.join(HEADS)}")
