"""The numbers that fix the shape of a model, checked once, before any memory is taken."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from distilspec.reference.contract.errors import RangeError, ShapeError, UnsupportedError

#: Operator of each activation that a checkpoint may name.
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_python_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}

#: Programs are traced with up to this many tokens.
SHORTEST_POSITION_TABLE = 4


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """
    What the encoder families have in common.

    Raises
    ------
    RangeError
        A size is not positive, or ``layer_norm_eps`` is not a positive finite number.
    ShapeError
        The heads do not divide ``hidden_size``.
    UnsupportedError
        The activation is unknown.
    """

    vocab_size: int
    hidden_size: int
    num_layers: int
    num_heads: int
    intermediate_size: int
    max_positions: int = 512
    activation: str = "gelu"
    layer_norm_eps: float = 1e-12
    num_labels: int = 2

    def __post_init__(self) -> None:
        """Refuse numbers that do not describe a model."""
        for name in ("vocab_size", "hidden_size", "num_heads", "intermediate_size", "num_labels"):
            self._expect_size(name, 1)
        self._expect_size("num_layers", 0, 1000)
        self._expect_size("max_positions", SHORTEST_POSITION_TABLE)
        if self.hidden_size % self.num_heads:
            raise ShapeError(
                f"config: hidden_size is {self.hidden_size}; expected a multiple of {self.num_heads} "
                "because every attention head has the same size"
            )
        if not isinstance(self.activation, str) or self.activation not in ACTIVATIONS:
            raise UnsupportedError(
                f"config: activation is {self.activation!r:.60}; expected one of {', '.join(ACTIVATIONS)}"
            )
        if not (isinstance(self.layer_norm_eps, float) and 0 < self.layer_norm_eps < math.inf):
            raise RangeError(
                f"config: layer_norm_eps is {self.layer_norm_eps!r:.60}; expected a positive finite number"
            )

    @property
    def head_dim(self) -> int:
        """Return the size of one attention head."""
        return self.hidden_size // self.num_heads

    def _expect_size(self, name: str, least: int, most: int = 2**31) -> None:
        size = getattr(self, name)
        if type(size) is not int or not least <= size <= most:
            raise RangeError(f"config: {name} is {size!r:.60}; expected an integer from {least} to {most}")


@dataclass(frozen=True, kw_only=True)
class BertConfig(EncoderConfig):
    """
    Sizes of a BERT encoder; ``has_pooler`` says whether feature extraction also gives ``pooler_output``.

    >>> BertConfig(vocab_size=9, hidden_size=10, num_layers=1, num_heads=3, intermediate_size=8)
    Traceback (most recent call last):
        ...
    distilspec.reference.contract.errors.ShapeError: config: hidden_size is 10; expected a multiple of 3 because \
every attention head has the same size
    """

    type_vocab_size: int = 2
    has_pooler: bool = True

    def __post_init__(self) -> None:
        """Refuse numbers that do not describe a model."""
        super().__post_init__()
        self._expect_size("type_vocab_size", 1)


@dataclass(frozen=True, kw_only=True)
class DistilBertConfig(EncoderConfig):
    """
    Sizes of a DistilBERT encoder; its ``layer_norm_eps`` is 1e-12 by definition.

    >>> DistilBertConfig(vocab_size=9, hidden_size=10, num_layers=1, num_heads=2, intermediate_size=8).head_dim
    5
    """

    def __post_init__(self) -> None:
        """Refuse numbers that do not describe a model."""
        super().__post_init__()
        if self.layer_norm_eps != 1e-12:
            raise UnsupportedError(
                f"config: layer_norm_eps is {self.layer_norm_eps}; expected 1e-12 because DistilBERT has no other"
            )


#: The config of any family.
Config: TypeAlias = BertConfig | DistilBertConfig
