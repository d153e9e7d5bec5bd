"""Recipes: the names that fix the numerics of a program completely, and the observers that calibrate them."""

from __future__ import annotations

from enum import StrEnum
from typing import NoReturn

from distilspec.reference.contract.errors import UnsupportedError


class _Choice(StrEnum):
    """A name out of a fixed set; an unknown one is refused with the list of those that exist."""

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        kind = cls.__name__.lower()
        raise UnsupportedError(f"{kind} {str(value)!r:.60} does not exist; expected one of {', '.join(cls)}")


class Recipe(_Choice):
    """
    What the encoder's Linears compute with; everything else is float32, but for the products that a name adds.

    >>> Recipe("w8a8-static") is Recipe.W8A8_STATIC
    True
    """

    FP32 = "fp32"
    #: Weights int8 per output channel, activations uint8 per tensor with a calibrated range.
    W8A8_STATIC = "w8a8-static"
    #: The same with weights in [-64, 64], which leaves two products of u8 by s8 within 16 bits on every processor, as
    #: docs/decisions/0014-weights-in-seven-bits.md says.
    W7A8_STATIC = "w7a8-static"
    #: ``w8a8-static``, and both products of attention of codes: queries uint8; keys, values and weights as
    #: docs/decisions/0012-products-of-attention-in-8-bits.md says.
    W8A8_STATIC_ATTN = "w8a8-static-attn"
    #: Activations uint8 per tensor, with the range of the values at hand.
    W8A8_DYNAMIC = "w8a8-dynamic"
    #: Activations int8 with one symmetric scale a token.
    W8A8_DYNAMIC_TOKEN = "w8a8-dynamic-token"
    #: Weights int8 and dequantized before use, activations float32.
    W8A32 = "w8a32"

    @property
    def is_calibrated(self) -> bool:
        """Return whether the recipe needs the ranges that ``calibrate`` finds."""
        return self in (Recipe.W8A8_STATIC, Recipe.W7A8_STATIC, Recipe.W8A8_STATIC_ATTN)

    @property
    def largest_weight_code(self) -> int:
        """Return the code of an output channel's largest weight, where it is positive and weights have codes."""
        return 64 if self is Recipe.W7A8_STATIC else 127


class Observer(_Choice):
    """Which of the observed values of a tensor a calibrated range must hold."""

    MINMAX = "minmax"
    PERCENTILE = "percentile"
    MEAN_SIGMA = "mean-sigma"
    #: What lies beyond is cut where that costs less than coarser codes, docs/compress.md.
    ACIQ = "aciq"
