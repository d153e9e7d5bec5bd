"""
The fused steps: what the fast engine does with a program, one after the other, whatever does it.

A tensor is named as in the program. There are two kinds of rows: one for every token of every sequence, and one for
every sequence. Floats are float32; codes are 8 bits, with a scale and a zero point for every token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


class Rows(StrEnum):
    """What the rows of a tensor are."""

    TOKENS = "tokens"
    SEQUENCES = "sequences"


class Scales(StrEnum):
    """Where the scales of codes come from: the program, each token, or all tokens together."""

    STATIC = "static"
    TOKEN = "token"
    TENSOR = "tensor"


@dataclass(frozen=True)
class Embed:
    """
    Rows of tables, added in the order of ``tables``: ``float32 [entries, features]``.

    ``ids`` names the input that chooses the row; None takes the row of the token's position.
    """

    out: str
    ids: tuple[str | None, ...]
    tables: tuple[Array, ...]


@dataclass(frozen=True)
class LayerNorm:
    """Normalisation over the features, as the operator ``layer_norm``."""

    x: str
    out: str
    weight: Array
    bias: Array
    epsilon: float


@dataclass(frozen=True)
class Quantize:
    """
    Codes of ``x``; ``signed`` if they are int8.

    ``scale`` and ``zero_point`` hold the program's numbers where ``scales`` is STATIC. Otherwise ``derived`` names the
    tensors of the program that the scale and zero point would be.
    """

    x: str
    out: str
    scales: Scales
    signed: bool
    scale: float = 1.0
    zero_point: int = 0
    derived: tuple[str, ...] = ()


@dataclass(frozen=True)
class Linear:
    """
    y = x weight^T + bias, then the activation, then + residual.

    ``weight`` is ``float32 [N, K]``, or ``int8 [N, K]`` with ``w_scale`` ``float32 [N]`` for codes; zeros that a sparse
    program leaves out are there, and ``block_shape`` says what of. ``largest_code`` is the largest magnitude of a code
    of the weight. ``parts`` name the tensors that the features from start until before stop are, where several steps of
    the program were merged.
    """

    x: str
    out: str
    weight: Array
    bias: Array
    w_scale: Array | None = None
    block_shape: tuple[int, int] | None = None
    largest_code: int = 128
    activation: str | None = None
    residual: str | None = None
    parts: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def quantised(self) -> bool:
        """Return whether the step multiplies codes."""
        return self.w_scale is not None


@dataclass(frozen=True)
class Attention:
    """
    Scaled dot-product attention of ``heads`` heads, each of ``head_dim`` neighbouring features.

    ``mask`` names the input, bool [batch, sequence], that says which keys are kept; None keeps all.
    """

    query: str
    key: str
    value: str
    out: str
    heads: int
    head_dim: int
    scale: float
    mask: str | None


@dataclass(frozen=True)
class QuantizedAttention(Attention):
    """
    Attention whose products multiply codes: of queries uint8, of keys and values int8 with zero points of 0.

    ``scale`` is that of a sum of products of codes of a query and a key. The code of a weight is its share of the
    query's largest one, in 255 parts, and the weighted sum of values is divided by the sum of the codes.
    """

    query_scale: float
    query_zero_point: int
    key_scale: float
    value_scale: float


@dataclass(frozen=True)
class MeanPool:
    """The mean over the tokens that an input keeps."""

    x: str
    mask: str
    out: str


@dataclass(frozen=True)
class ClsPool:
    """The first token of every sequence."""

    x: str
    out: str


@dataclass(frozen=True)
class L2Normalize:
    """Rows divided by their length, or by ``epsilon`` if that is more."""

    x: str
    out: str
    epsilon: float


@dataclass(frozen=True)
class Elementwise:
    """An operator on every element: of ``x``, or of ``x`` and ``y``."""

    op: str
    x: str
    y: str | None
    out: str


Fused = (
    Embed
    | LayerNorm
    | Quantize
    | Linear
    | Attention
    | QuantizedAttention
    | MeanPool
    | ClsPool
    | L2Normalize
    | Elementwise
)


@dataclass(frozen=True)
class Tensor:
    """What a tensor of fused steps holds: ``codes`` or floats, so many features in every row."""

    rows: Rows
    features: int
    codes: bool = False


@dataclass(frozen=True)
class Output:
    """An output of the program: some features of a tensor; ``squeezed`` leaves the axis of features out."""

    tensor: str
    start: int
    stop: int
    squeezed: bool = False


@dataclass(frozen=True)
class Lowered:
    """A program as fused steps."""

    inputs: tuple[str, ...]
    steps: tuple[Fused, ...]
    tensors: Mapping[str, Tensor]
    outputs: Mapping[str, Output]

    @property
    def masks(self) -> tuple[str, ...]:
        """The inputs that say which tokens are kept, as bytes of 0 or 1; all others are int64 ids."""
        read = {step.mask for step in self.steps if isinstance(step, Attention | MeanPool)}
        return tuple(name for name in self.inputs if name in read)


def read_by(step: Fused) -> list[str]:
    """Return the tensors that a fused step reads."""
    fields = ("x", "y", "residual", "query", "key", "value")
    return [name for field in fields if (name := getattr(step, field, None)) is not None]


def made_by(steps: Iterable[Fused]) -> tuple[str, ...]:
    """Return the tensors of the program that fused steps make, in order."""
    names: list[str] = []
    for step in steps:
        names += step.parts if isinstance(step, Linear) and step.parts else [step.out]
        names += step.derived if isinstance(step, Quantize) else ()
    return tuple(names)
