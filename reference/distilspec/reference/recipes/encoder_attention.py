"""
Attention whose products multiply codes, as existing operators say it: what ``w8a8-static-attn`` makes of a step.

docs/decisions/0012-products-of-attention-in-8-bits.md gives the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from distilspec.reference import ops
from distilspec.reference.contract.errors import RangeError, UnsupportedError, errors_about
from distilspec.reference.contract.types import Array, Attribute
from distilspec.reference.program import Program, Step
from distilspec.reference.recipes.encoder_linears import ENCODER, Replay

#: What the codes of query, key and value are called, after the attention's name.
OPERANDS = ("query", "key", "value")

#: A key that weighs as much as the row's best one has the largest code.
WEIGHT_SCALE = np.float32(1 / 255)

#: What a row's largest weight cannot be below, so that a row without a kept key is divided by something.
_NO_WEIGHT = np.float32(np.finfo(np.float32).tiny)


def is_encoder_attention(step: Step) -> bool:
    """Return whether the step is the attention of an encoder."""
    return ENCODER in step.tags and step.op == "scaled_dot_product_attention"


def attended(program: Program, step: Step) -> tuple[str, ...]:
    """Return query, key and value of a step that is an attention, or the last step of a quantised one; else nothing."""
    if step.op == "scaled_dot_product_attention":
        return tuple(str(name) for name in step.inputs[:3])
    makers = [program.maker(f"{step.name}.{part}") for part in OPERANDS]
    found = [str(maker.inputs[0]) for maker in makers if maker is not None and maker.op == "quantize"]
    return tuple(found) if len(found) == len(OPERANDS) else ()


def emit_quantized_attention(replay: Replay, step: Step, calibration: Mapping[str, tuple[float, float]]) -> None:
    """
    Append ``step`` with products of codes; the steps before the last one have its name and a part of their own.

    Raises
    ------
    UnsupportedError
        The scale is not positive.
    RangeError
        A query, key or value has no range, or the scale of the scores leaves float32.
    """
    attention = _Attention(replay, step, calibration)
    query, key, value = (str(name) for name in step.inputs[:3])
    queries, query_scale, query_zero = attention.unsigned(OPERANDS[0], query)
    keys, key_scale = attention.signed(OPERANDS[1], key)
    values, value_scale = attention.signed(OPERANDS[2], value)
    rank = len(replay.program.spec(key).shape)
    turned = attention.step("key.turned", "transpose", keys, axes=(*range(rank - 2), rank - 1, rank - 2))
    products = attention.step("scores.accumulators", "matmul_integer", queries, turned, query_zero)
    scale = attention.score_scale(query_scale, key_scale)
    scores = attention.step("scores", "dequantize", products, scale)
    weights = attention.step("weights", "softmax", scores, *step.inputs[3:], axis=-1)
    largest = attention.step("weights.largest", "reduce_max", weights, axes=(-1,))
    divisor = attention.step("weights.divisor", "maximum", largest, attention.constant("weights.least", _NO_WEIGHT))
    shares = attention.step("shares", "divide", weights, divisor)
    zero = attention.constant("shares.quantized.zero_point", np.uint8(0))
    width = attention.constant("shares.quantized.scale", WEIGHT_SCALE)
    codes = attention.step("shares.quantized", "quantize", shares, width, zero)
    sums = attention.step("accumulators", "matmul_integer", codes, values, zero)
    total = attention.step("total", "reduce_sum", attention.step("counts", "cast", codes, dtype="float"), axes=(-1,))
    count = attention.step("total.divisor", "maximum", total, attention.constant("total.least", np.float32(1)))
    replay.emit(step.name, "divide", (attention.step("sum", "dequantize", sums, value_scale), count), tags=step.tags)


@dataclass(frozen=True)
class _Attention:
    """Appends steps whose names begin with that of the attention."""

    replay: Replay
    of: Step
    calibration: Mapping[str, tuple[float, float]]

    def step(self, part: str, op: str, *operands: str | None, **attributes: Attribute) -> str:
        return self.replay.emit(f"{self.of.name}.{part}", op, operands, attributes, self.of.tags)[0]

    def constant(self, part: str, value: Array | np.generic) -> str:
        name = f"{self.of.name}.{part}"
        return name if self.replay.has(name) else self.replay.constant(name, np.asarray(value))

    def unsigned(self, part: str, x: str) -> tuple[str, str, str]:
        """Return codes, scale and zero point by the rule of all activations."""
        low, high = self._range(x)
        with errors_about(f"tensor {x}"):
            chosen = ops.asymmetric_scale(np.asarray(low, np.float64), np.asarray(high, np.float64))
        return self._codes(part, x, chosen.scale, chosen.zero_point)

    def signed(self, part: str, x: str) -> tuple[str, str]:
        """Return codes and scale by the rule of weights: the second factor of a product, with zero point 0."""
        with errors_about(f"tensor {x}"):
            scale = ops.symmetric_scale(np.asarray(np.abs(self._range(x)).max(), np.float64))
        codes, name, _ = self._codes(part, x, scale, np.int8(0))
        return codes, name

    def score_scale(self, query_scale: str, key_scale: str) -> str:
        """Return what a sum of products of codes is multiplied by to be a score: one float32 number."""
        scale = self.of.attributes["scale"]
        if not isinstance(scale, int | float) or scale <= 0:
            raise UnsupportedError(f"step {self.of.name}: scale is {scale}; expected a positive one to fold")
        factors = [float(self.replay.constants[name]) for name in (query_scale, key_scale)]
        with np.errstate(over="ignore", under="ignore"):
            folded = np.float32(factors[0] * factors[1] * scale)
        if not (np.isfinite(folded) and folded > 0):
            raise RangeError(f"step {self.of.name}: the scale of its scores is {folded}; expected a float32 number")
        return self.constant("scores.scale", folded)

    def _range(self, x: str) -> tuple[float, float]:
        if x not in self.calibration:
            raise RangeError(
                f"step {self.of.name}: tensor {x} has no range; expected one for every query, key and value, as "
                "calibrate() returns them for this recipe"
            )
        return self.calibration[x]

    def _codes(
        self, part: str, x: str, scale: Array | np.generic, zero_point: Array | np.generic
    ) -> tuple[str, str, str]:
        names = self.constant(f"{part}.scale", scale), self.constant(f"{part}.zero_point", zero_point)
        return self.step(part, "quantize", x, *names), names[0], names[1]
