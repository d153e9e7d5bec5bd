"""``Float32Operators``: float32 arithmetic as runtimes write it, independent of the reference's."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy import special

from distilspec.conformance.mutants.variants.sums import Sum, left_to_right
from distilspec.reference import ops
from distilspec.reference.contract.types import Array, Float32Array

Unary: TypeAlias = Callable[[Array], Array]
Binary: TypeAlias = Callable[[Array, Array], Array]

TINY = np.finfo(np.float32).tiny


def float32(x: Array) -> Array:
    """Return floating point as float32 and everything else as it is."""
    return x.astype(np.float32) if x.dtype.kind == "f" else x


def sum_of_products(total: Sum) -> Binary:
    """Return the products of the rows of a [..., m, k] with those of b [..., n, k], each rounded and then added."""

    def dot(a: Float32Array, b: Float32Array) -> Float32Array:
        return total(a[..., :, np.newaxis, :] * b[..., np.newaxis, :, :])

    return dot


def fused(a: Float32Array, b: Float32Array) -> Float32Array:
    """Return the products of rows where each step is one fused multiply and add."""
    total = np.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-2]), np.float32)
    for k in range(a.shape[-1]):
        exact = a[..., :, np.newaxis, k].astype(np.float64) * b[..., np.newaxis, :, k].astype(np.float64)
        total = (total + exact).astype(np.float32)
    return total


def product_of_scales(accumulator: Array, x_scale: Array, weight_scale: Array, bias: Array | None) -> Array:
    """Multiply the scales, then the accumulator, then add the bias: three roundings and one for the conversion."""
    y: Array = accumulator.astype(np.float32) * (x_scale * weight_scale)
    return y if bias is None else y + bias


def exact_sums(a: Array, b: Array) -> Array:
    """Return the int32 products of the rows of a and b."""
    return (a.astype(np.int64) @ b.astype(np.int64).swapaxes(-1, -2)).astype(np.int32)


def two_passes(x: Float32Array, total: Sum) -> tuple[Array, Array]:
    """Return differences from the mean and their mean square, [..., 1]."""
    n = np.float32(x.shape[-1])
    d = x - (total(x) / n)[..., np.newaxis]
    return d, (total(d * d) / n)[..., np.newaxis]


def one_and_erf(x: Float32Array, erf: Unary) -> Array:
    """Return 1 + erf(x / sqrt(2))."""
    return np.float32(1) + erf(x * np.float32(np.sqrt(0.5)))


def subtracting_the_largest(x: Float32Array, total: Sum, exp: Unary) -> tuple[Array, Array]:
    """Return exponentials along the last axis, in which -infinity is masked, and their sum [..., 1]."""
    largest = x.max(axis=-1, keepdims=True, initial=-np.inf)
    e = np.where(x == -np.inf, np.float32(0), exp(x - np.where(largest == -np.inf, np.float32(0), largest)))
    return e, total(e)[..., np.newaxis]


@dataclass(frozen=True)
class Arithmetic:
    """
    The choices that a float32 implementation makes.

    ``dot`` multiplies rows with rows; without it, rounded products are added by ``total``. ``quotient`` divides by
    scales. ``smallest_scale`` is below which a computed scale becomes 1. ``accumulate`` gives sums of integer products,
    ``epilogue`` what becomes of them, ``moments`` differences from the mean and variance, ``exponentials`` the two
    parts of a softmax, ``gate`` the normal distribution function times two. ``unpacked_blocks`` says whether a
    block-sparse weight is multiplied in its dense form.
    """

    total: Sum = left_to_right
    dot: Binary | None = None
    exp: Unary = np.exp
    erf: Unary = special.erf
    tanh: Unary = np.tanh
    quotient: Binary = np.divide
    smallest_scale: float = float(TINY)
    accumulate: Binary = exact_sums
    epilogue: Callable[[Array, Array, Array, Array | None], Array] = product_of_scales
    moments: Callable[[Float32Array, Sum], tuple[Array, Array]] = two_passes
    exponentials: Callable[[Float32Array, Sum, Unary], tuple[Array, Array]] = subtracting_the_largest
    gate: Callable[[Float32Array, Unary], Array] = one_and_erf
    unpacked_blocks: bool = True


class Float32Operators:
    """
    The operators of the specification in float32; those that only move or compare data are the reference's.

    Every method takes and returns what the reference's operator of its name does, with float32 for real numbers.
    """

    def __init__(self, arithmetic: Arithmetic | None = None) -> None:
        """Compute with these choices."""
        self._by = arithmetic or Arithmetic()
        self._dot = self._by.dot or sum_of_products(self._by.total)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the reference's operator, or ``constant``."""
        found: Callable[..., Any] = getattr(ops, name)
        return found

    def add(self, a: Array, b: Array) -> Array:
        """Round the sum."""
        return float32(a) + float32(b)

    def subtract(self, a: Array, b: Array) -> Array:
        """Round the difference."""
        return float32(a) - float32(b)

    def multiply(self, a: Array, b: Array) -> Array:
        """Round the product."""
        return float32(a) * float32(b)

    def divide(self, a: Array, b: Array) -> Array:
        """Round the quotient."""
        return np.divide(float32(a), float32(b))

    def reciprocal(self, x: Array) -> Array:
        """Divide 1."""
        return np.float32(1) / float32(x)

    def sqrt(self, x: Array) -> Array:
        """Round the root."""
        return np.sqrt(float32(x))

    def power(self, a: Array, b: Array) -> Array:
        """Raise in float32."""
        return np.power(float32(a), float32(b))

    def exp(self, x: Array) -> Array:
        """Use this arithmetic's exponential."""
        return self._by.exp(float32(x))

    def erf(self, x: Array) -> Array:
        """Use this arithmetic's error function."""
        return self._by.erf(float32(x))

    def tanh(self, x: Array) -> Array:
        """Use this arithmetic's hyperbolic tangent."""
        return self._by.tanh(float32(x))

    def relu(self, x: Array) -> Array:
        """Take the larger of x and 0."""
        return np.maximum(float32(x), np.float32(0))

    def sigmoid(self, x: Array) -> Array:
        """Divide 1 by 1 + exp(-x)."""
        return np.float32(1) / (np.float32(1) + self._by.exp(-float32(x)))

    def silu(self, x: Array) -> Array:
        """Multiply by the logistic function; -infinity gives 0."""
        x = float32(x)
        return np.where(np.isneginf(x), np.float32(0), x * self.sigmoid(x))

    def gelu(self, x: Array) -> Array:
        """Multiply x / 2 by 1 + erf(x / sqrt(2)); -infinity gives 0."""
        x = float32(x)
        y = np.float32(0.5) * x * self._by.gate(x, self._by.erf)
        return np.where(np.isneginf(x), np.float32(0), y)

    def gelu_tanh(self, x: Array) -> Array:
        """Multiply x / 2 by 1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)); -infinity gives 0."""
        x = float32(x)
        inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x * x * x)
        gate = np.float32(1) + self._by.tanh(inner)
        return np.where(np.isneginf(x), np.float32(0), np.float32(0.5) * x * gate)

    def reduce_sum(self, x: Array, *, axes: tuple[int, ...], keepdims: bool = True) -> Array:
        """Add floats in this arithmetic's order, integers exactly."""
        if x.dtype.kind != "f":
            return ops.reduce_sum(x, axes=axes, keepdims=keepdims)
        last = tuple(range(-len(axes), 0))
        gathered = np.moveaxis(float32(x), axes, last)
        left, reduced = gathered.shape[: -len(axes)], math.prod(gathered.shape[-len(axes) :])
        y = self._by.total(gathered.reshape(*left, reduced))
        return np.expand_dims(y, tuple(axis % x.ndim for axis in axes)) if keepdims else y

    def reduce_mean(self, x: Array, *, axes: tuple[int, ...], keepdims: bool = True) -> Array:
        """Divide the sum by the number of terms."""
        count = math.prod(x.shape[axis] for axis in axes)
        return self.reduce_sum(x, axes=axes, keepdims=keepdims) / np.float32(count)

    def layer_norm(self, x: Array, weight: Array, bias: Array, *, epsilon: float) -> Array:
        """Divide differences from the mean by the root of variance + epsilon, then scale and shift."""
        d, variance = self._by.moments(float32(x), self._by.total)
        return d / np.sqrt(variance + np.float32(epsilon)) * float32(weight) + float32(bias)

    def l2_normalize(self, x: Array, *, axis: int = -1, epsilon: float = 1e-12) -> Array:
        """Divide by the root of the sum of squares, or by epsilon."""
        x = np.moveaxis(float32(x), axis, -1)
        length = np.sqrt(self._by.total(x * x))[..., np.newaxis]
        return np.moveaxis(x / np.maximum(length, np.float32(epsilon)), -1, axis)

    def softmax(self, x: Array, mask: Array | None = None, *, axis: int = -1) -> Array:
        """Divide exponentials by their sum; a row without a kept entry is 0."""
        kept = np.broadcast_to(True if mask is None else mask, x.shape)
        entries = np.moveaxis(np.where(kept, float32(x), np.float32(-np.inf)), axis, -1)
        e, total = self._by.exponentials(entries, self._by.total, self._by.exp)
        return np.where(kept, np.moveaxis(e / total, -1, axis), np.float32(0))

    def scores(self, query: Array, key: Array, scale: float) -> Array:
        """Multiply queries with keys, then by the scale."""
        return self._dot(query, key) * np.float32(scale)

    def scaled_dot_product_attention(
        self, query: Array, key: Array, value: Array, mask: Array | None = None, *, scale: float
    ) -> Array:
        """Average the values of the kept keys; those of the others are not looked at."""
        scores = self.scores(float32(query), float32(key), scale)
        kept = np.broadcast_to(True if mask is None else mask, scores.shape)
        weights = self.softmax(scores, kept)
        products = weights[..., np.newaxis] * float32(value)[..., np.newaxis, :, :]
        products = np.where(kept[..., np.newaxis], products, np.float32(0))
        return self._by.total(np.swapaxes(products, -1, -2))

    def mean_pool(self, hidden_states: Array, attention_mask: Array) -> Array:
        """Divide the sum over the kept tokens by their number, at least 1."""
        kept = np.where(attention_mask[..., np.newaxis], float32(hidden_states), np.float32(0))
        count = np.maximum(attention_mask.sum(axis=1), 1).astype(np.float32)
        return np.asarray(self._by.total(np.swapaxes(kept, 1, 2)) / count[:, np.newaxis])

    def matmul(self, a: Array, b: Array) -> Array:
        """Multiply rows with columns."""
        return self._dot(float32(a), np.swapaxes(float32(b), -1, -2))

    def linear(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        """Multiply rows with rows, then add the bias."""
        y = self._dot(float32(np.atleast_2d(x)), float32(weight))
        y = y.reshape(*x.shape[:-1], weight.shape[0])
        return y if bias is None else y + float32(bias)

    def block_sparse_linear(
        self, x: Array, data: Array, indices: Array, indptr: Array, bias: Array | None = None
    ) -> Array:
        """Multiply by the dense form, or by the stored blocks alone."""
        if self._by.unpacked_blocks:
            return self.linear(x, ops.unpack_block_sparse(data, indices, indptr, in_features=x.shape[-1]), bias)
        y = over_blocks(self._dot, np.atleast_2d(float32(x)), float32(data), indices, indptr)
        y = y.reshape(*x.shape[:-1], y.shape[-1])
        return y if bias is None else y + float32(bias)

    def quantize(self, x: Array, scale: Array, zero_point: Array, *, axis: int | None = None) -> Array:
        """Round the quotient half to even, add the zero point, saturate."""
        codes = np.rint(self._by.quotient(float32(x), along(axis, x, scale)))
        return saturated(codes.astype(np.float64) + along(axis, x, zero_point), zero_point.dtype)

    def dequantize(
        self, codes: Array, scale: Array, zero_point: Array | None = None, *, axis: int | None = None
    ) -> Array:
        """Multiply the difference to the zero point by the scale."""
        centred = codes.astype(np.int64) - (
            0 if zero_point is None else along(axis, codes, zero_point).astype(np.int64)
        )
        return centred.astype(np.float32) * along(axis, codes, scale)

    def symmetric_scale(self, largest: Array, *, largest_code: int = 127) -> Array:
        """Divide by the largest code."""
        scale = self._by.quotient(float32(largest), np.array(largest_code, np.float32))
        return np.where(scale < self._by.smallest_scale, np.float32(1), scale)

    def asymmetric_scale(self, minimum: Array, maximum: Array) -> tuple[Array, Array]:
        """Divide the width of the range, widened to hold 0, by 255."""
        low, high = np.minimum(float32(minimum), np.float32(0)), np.maximum(float32(maximum), np.float32(0))
        scale = self._by.quotient(high - low, np.array(255, np.float32))
        scale = np.where(scale < self._by.smallest_scale, np.float32(1), scale)
        return scale, saturated(np.rint(self._by.quotient(-low, scale)), np.uint8)

    def dynamic_quantize(self, x: Array) -> tuple[Array, Array, Array]:
        """Quantize over the range of the values."""
        x = float32(x)
        scale, zero_point = self.asymmetric_scale(np.asarray(x.min(initial=0)), np.asarray(x.max(initial=0)))
        return self.quantize(x, scale, zero_point), scale, zero_point

    def dynamic_quantize_token(self, x: Array) -> tuple[Array, Array, Array]:
        """Quantize each row by its own largest magnitude."""
        x, zero_point = float32(x), np.zeros((), np.int8)
        scale = self.symmetric_scale(np.abs(x).max(axis=-1, keepdims=True, initial=0))
        return self.quantize(x, scale, zero_point), scale, zero_point

    def matmul_integer(
        self, a: Array, b: Array, a_zero_point: Array | None = None, b_zero_point: Array | None = None
    ) -> Array:
        """Subtract the zero points and add products in int32."""
        left, right = centred(a, a_zero_point), centred(b, b_zero_point)
        return self._by.accumulate(left, np.swapaxes(right, -1, -2))

    def sums(self, x: Array, zero_point: Array, weight: Array) -> Array:
        """Return the int32 products of centred codes with the rows of a weight."""
        return self._by.accumulate(centred(x, zero_point), weight.astype(np.int32))

    def quantized_linear(
        self,
        x: Array,
        x_scale: Array,
        x_zero_point: Array,
        weight: Array,
        weight_scale: Array,
        bias: Array | None = None,
        y_scale: Array | None = None,
        y_zero_point: Array | None = None,
    ) -> Array:
        """Add products in int32, and apply this arithmetic's epilogue."""
        sums = self.sums(np.atleast_2d(x), x_zero_point, weight).reshape(*x.shape[:-1], weight.shape[0])
        y = self._by.epilogue(sums, x_scale, weight_scale, None if bias is None else float32(bias))
        return y if y_scale is None or y_zero_point is None else self.quantize(y, y_scale, y_zero_point)

    def quantized_block_sparse_linear(
        self,
        x: Array,
        x_scale: Array,
        x_zero_point: Array,
        data: Array,
        indices: Array,
        indptr: Array,
        weight_scale: Array,
        bias: Array | None = None,
    ) -> Array:
        """Do the same with the dense form, or with the stored blocks alone."""
        if self._by.unpacked_blocks:
            weight = ops.unpack_block_sparse(data, indices, indptr, in_features=x.shape[-1])
            return self.quantized_linear(x, x_scale, x_zero_point, weight, weight_scale, bias)
        codes = centred(np.atleast_2d(x), x_zero_point)
        sums = over_blocks(self._by.accumulate, codes, data.astype(np.int32), indices, indptr)
        sums = sums.reshape(*x.shape[:-1], sums.shape[-1])
        return self._by.epilogue(sums, x_scale, weight_scale, None if bias is None else float32(bias))


def over_blocks(dot: Binary, x: Array, data: Array, indices: Array, indptr: Array) -> Array:
    """Return the product of x [rows, in_features] with a transposed block-sparse weight, block row by block row."""
    _, out, in_ = data.shape
    y = np.zeros((*x.shape[:-1], (len(indptr) - 1) * out), x.dtype)
    for row in range(len(indptr) - 1):
        for block in range(indptr[row], indptr[row + 1]):
            columns = slice(indices[block] * in_, (indices[block] + 1) * in_)
            y[..., row * out : (row + 1) * out] += dot(x[..., columns], data[block])
    return y


def centred(codes: Array, zero_point: Array | None) -> Array:
    """Return codes - zero_point in int32."""
    return codes.astype(np.int32) - (np.int32(0) if zero_point is None else zero_point.astype(np.int32))


def saturated(value: Array, dtype: Any) -> Array:
    """Clip to the range of ``dtype``, with 0 for NaN, and cast."""
    limits = np.iinfo(dtype)
    return np.asarray(np.nan_to_num(np.clip(value, limits.min, limits.max)), dtype)


def along(axis: int | None, x: Array, parameter: Array) -> Array:
    """Return a scale or zero point so that it broadcasts along an axis."""
    return parameter if axis is None else parameter.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
