"""
``NumpyBackend``: fused steps in NumPy, for processors without a target, and as a second opinion on the kernels.

Integer products go through float32 matrix products of so few columns that every partial sum is an integer below 2^24:
exact in whatever order a BLAS adds. Tensors lie as in the program, [batch, sequence, features].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, erfc

from distilspec.fast.lower.fused import (
    Attention,
    ClsPool,
    Elementwise,
    Embed,
    Fused,
    L2Normalize,
    LayerNorm,
    Linear,
    Lowered,
    MeanPool,
    Output,
    Quantize,
    QuantizedAttention,
    Scales,
    made_by,
)
from distilspec.fast.profile import Profile
from distilspec.reference.contract.errors import UnsupportedError

Array = NDArray[Any]

#: Columns whose products of codes, at most 255 * 128 each, have an exact float32 sum.
EXACT_COLUMNS = 2**24 // (255 * 128)

_ONE_OVER_ROOT_TWO = np.float32(np.sqrt(0.5))


class NumpyBackend:
    """Carries out a program's fused steps; safe to call from several threads."""

    def __init__(self, lowered: Lowered) -> None:
        """Prepare the weights of integer products as float32 columns, which hold them exactly."""
        self._lowered = lowered
        self._columns = {
            step.out: np.ascontiguousarray(step.weight.T, np.float32)
            for step in lowered.steps
            if isinstance(step, Linear)
        }

    def run(self, inputs: Mapping[str, Array], expose: Sequence[str] = ()) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return the outputs by their labels, and the tensors of ``expose`` by their names."""
        values = dict(inputs)
        with np.errstate(all="ignore"):
            for step in self._lowered.steps:
                _STEPS[type(step)](self, step, values)
        outputs = {label: _output(values[output.tensor], output) for label, output in self._lowered.outputs.items()}
        return outputs, {name: np.array(values[name]) for name in expose}

    def survivors(self) -> tuple[str, ...]:
        """Return the tensors of the program that are held in memory at some time, in order."""
        return made_by(self._lowered.steps)

    def profile(self, checked: Callable[[], Mapping[str, Array]], seconds: float) -> Profile:  # noqa: ARG002
        """Raise ``UnsupportedError``: it has no operations that could be called alone."""
        raise UnsupportedError("profile: the numpy backend has no operations; expected the native one")

    def save(self, folder: Path, recipe: str) -> None:  # noqa: ARG002
        """Raise ``UnsupportedError``: only packed weights are worth a file."""
        raise UnsupportedError(f"{folder}: the numpy backend packs no weights; expected the native one")

    def close(self) -> None:
        """Free nothing: there is only memory."""

    def _embed(self, step: Embed, values: dict[str, Array]) -> None:
        positions = np.arange(next(values[name] for name in step.ids if name is not None).shape[1])
        rows = [
            table[positions if name is None else values[name].astype(np.int64)]
            for name, table in zip(step.ids, step.tables, strict=True)
        ]
        total = rows[0]
        for more in rows[1:]:
            total = total + more
        values[step.out] = total

    def _layer_norm(self, step: LayerNorm, values: dict[str, Array]) -> None:
        x = values[step.x]
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        values[step.out] = centred / np.sqrt(variance + np.float32(step.epsilon)) * step.weight + step.bias

    def _quantize(self, step: Quantize, values: dict[str, Array]) -> None:
        x = values[step.x]
        scale, zero_point = _scale_of(step, x)
        low, high = (-128, 127) if step.signed else (0, 255)
        codes = np.clip(np.rint(x / scale) + zero_point, low, high).astype(np.int8 if step.signed else np.uint8)
        values[step.out] = codes
        values[_scale_name(step.out)] = scale
        values[_zero_point_name(step.out)] = zero_point
        values.update(zip(step.derived, (scale, zero_point.astype(codes.dtype)), strict=False))

    def _linear(self, step: Linear, values: dict[str, Array]) -> None:
        x, columns = values[step.x], self._columns[step.out]
        if step.w_scale is None:
            y = x @ columns + step.bias
        else:
            zero_point = values[_zero_point_name(step.x)]
            exact = _products(x, columns) - zero_point * step.weight.sum(axis=1, dtype=np.int32)
            y = exact.astype(np.float32) * (values[_scale_name(step.x)] * step.w_scale) + step.bias
        if step.activation:
            y = _ACTIVATIONS[step.activation](y)
        if step.residual:
            y = y + values[step.residual]
        values[step.out] = y
        for name, (start, stop) in step.parts.items():
            values[name] = y[..., start:stop]

    def _attention(self, step: Attention, values: dict[str, Array]) -> None:
        def heads(name: str) -> Array:
            x = values[name]
            return x.reshape(*x.shape[:2], step.heads, step.head_dim).transpose(0, 2, 1, 3)

        query, key, value = (heads(name) for name in (step.query, step.key, step.value))
        kept = np.ones(query.shape[::2], bool) if step.mask is None else values[step.mask].astype(bool)
        rows = kept[:, None, :, None]
        scores = query @ np.where(rows, key, 0).swapaxes(2, 3) * np.float32(step.scale)
        scores = np.where(kept[:, None, None, :], scores, np.float32(-np.inf))
        largest = scores.max(axis=-1, keepdims=True)
        weights = np.exp(scores - np.where(np.isneginf(largest), 0, largest))
        total = weights.sum(axis=-1, keepdims=True)
        mixed = weights @ np.where(rows, value, 0) / np.where(total == 0, 1, total)
        batch, _, sequence, _ = query.shape
        values[step.out] = mixed.transpose(0, 2, 1, 3).reshape(batch, sequence, -1)

    def _quantized_attention(self, step: QuantizedAttention, values: dict[str, Array]) -> None:
        def codes(name: str, scale: float, low: float, high: float) -> Array:
            x = values[name]
            made = np.clip(np.rint(x / np.float32(scale)), low, high)
            made = np.where(np.isnan(made), low, made)
            return made.reshape(*x.shape[:2], step.heads, step.head_dim).transpose(0, 2, 1, 3)

        query = codes(step.query, step.query_scale, -step.query_zero_point, 255 - step.query_zero_point)
        key, value = codes(step.key, step.key_scale, -128, 127), codes(step.value, step.value_scale, -128, 127)
        kept = np.ones(query.shape[::2], bool) if step.mask is None else values[step.mask].astype(bool)
        scores = _products(query, key.swapaxes(2, 3)).astype(np.float32) * np.float32(step.scale)
        scores = np.where(kept[:, None, None, :], scores, np.float32(-np.inf))
        largest = np.maximum(scores.max(axis=-1, keepdims=True), np.finfo(np.float32).min)
        weights = np.rint(np.exp(scores - largest) * np.float32(255))
        total = np.maximum(weights.sum(axis=-1, keepdims=True, dtype=np.float64), 1).astype(np.float32)
        mixed = _products(weights, value).astype(np.float32) * np.float32(step.value_scale) / total
        batch, _, sequence, _ = query.shape
        values[step.out] = mixed.transpose(0, 2, 1, 3).reshape(batch, sequence, -1)

    def _mean_pool(self, step: MeanPool, values: dict[str, Array]) -> None:
        kept = values[step.mask].astype(bool)
        count = kept.sum(axis=1, keepdims=True, dtype=np.float32)
        total = np.where(kept[..., None], values[step.x], 0).sum(axis=1)
        values[step.out] = total / np.maximum(count, 1)

    def _cls_pool(self, step: ClsPool, values: dict[str, Array]) -> None:
        values[step.out] = values[step.x][:, 0]

    def _l2_normalize(self, step: L2Normalize, values: dict[str, Array]) -> None:
        x = values[step.x]
        exponent = np.frexp(np.abs(x).max(axis=-1, keepdims=True, initial=0))[1]
        near_one = np.ldexp(x, -exponent)
        length = np.ldexp(np.sqrt(np.square(near_one).sum(axis=-1, keepdims=True)), exponent)
        values[step.out] = x / np.maximum(length, np.float32(step.epsilon))

    def _elementwise(self, step: Elementwise, values: dict[str, Array]) -> None:
        x = values[step.x]
        values[step.out] = x + values[step.y] if step.y is not None else _ACTIVATIONS[step.op](x)


def _output(tensor: Array, output: Output) -> Array:
    features = tensor[..., output.start : output.stop]
    return (features[..., 0] if output.squeezed else features).copy()


def _scale_of(step: Quantize, x: Array) -> tuple[Array, Array]:
    """Return scale and zero point, with an axis of one feature where every token has its own."""
    if step.scales is Scales.STATIC:
        return np.asarray(step.scale, np.float32), np.asarray(step.zero_point, np.int32)
    if step.scales is Scales.TOKEN:
        scale = _usable(np.abs(x).max(axis=-1, keepdims=True, initial=0) / np.float32(127))
        return scale, np.asarray(0, np.int32)
    low, high = x.min(initial=0), x.max(initial=0)
    scale = _usable((high - low) / np.float32(255))
    return scale, np.clip(np.rint(-low / scale), 0, 255).astype(np.int32)


def _usable(scale: Array) -> Array:
    usable: Array = np.where(scale < np.finfo(np.float32).smallest_normal, np.float32(1), scale)
    return usable.astype(np.float32)


def _products(codes: Array, columns: Array) -> Array:
    total = np.zeros((*codes.shape[:-1], columns.shape[-1]), np.int32)
    for start in range(0, codes.shape[-1], EXACT_COLUMNS):
        part = slice(start, start + EXACT_COLUMNS)
        total += (codes[..., part].astype(np.float32) @ columns[..., part, :].astype(np.float32)).astype(np.int32)
    return total


def _scale_name(codes: str) -> str:
    return f"{codes} scale"


def _zero_point_name(codes: str) -> str:
    return f"{codes} zero_point"


def _gelu(x: Array) -> Array:
    doubled: Array = np.where(x < 0, erfc(-x * _ONE_OVER_ROOT_TWO), 1 + erf(x * _ONE_OVER_ROOT_TWO))
    half: Array = np.float32(0.5) * x
    product: Array = half * doubled
    return product


def _gelu_tanh(x: Array) -> Array:
    inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x * x * x)
    return x * _sigmoid(2 * inner)


def _sigmoid(x: Array) -> Array:
    away: Array = np.exp(-np.abs(x))
    upper: Array = np.where(x < 0, away, np.float32(1))
    result: Array = upper / (1 + away)
    return result


def _relu(x: Array) -> Array:
    return np.maximum(x, np.float32(0))


def _silu(x: Array) -> Array:
    return x * _sigmoid(x)


_ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "gelu": _gelu, "gelu_tanh": _gelu_tanh, "relu": _relu, "sigmoid": _sigmoid, "silu": _silu, "tanh": np.tanh,
}  # fmt: skip

_STEPS: Mapping[type[Fused], Callable[[NumpyBackend, Any, dict[str, Array]], None]] = {
    Attention: NumpyBackend._attention,
    ClsPool: NumpyBackend._cls_pool,
    Elementwise: NumpyBackend._elementwise,
    Embed: NumpyBackend._embed,
    L2Normalize: NumpyBackend._l2_normalize,
    LayerNorm: NumpyBackend._layer_norm,
    Linear: NumpyBackend._linear,
    MeanPool: NumpyBackend._mean_pool,
    Quantize: NumpyBackend._quantize,
    QuantizedAttention: NumpyBackend._quantized_attention,
}
