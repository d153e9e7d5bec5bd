"""Wrong arithmetic that the mutants of several operators share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, Float32Array, Float64Array


def half_away(x: Array) -> Array:
    """Round to the nearest integer, an exact tie away from zero, and keep the float type."""
    rounded: Array = np.copysign(np.floor(np.abs(x) + x.dtype.type(0.5)), x)
    return rounded


def wrap(x: Array, dtype: np.dtype[Any] | type) -> Array:
    """Cast integer-valued floats through int32 and keep the low bits; what int32 cannot hold is its lowest number."""
    held = np.abs(x) < 2.0**31
    return np.where(held, x, -(2.0**31)).astype(np.int64).astype(dtype)


def float16(x: Array) -> Float64Array:
    """Round to float16."""
    return real(np.asarray(x).astype(np.float16))


def bfloat16(x: Array) -> Float32Array:
    """Round to bfloat16, an exact tie to the even significand, and return it in float32."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32)


def twelve_bits(x: Array) -> Float64Array:
    """Keep 12 bits of the significand, as the estimates rcpps and rsqrtps do."""
    significand, exponent = np.frexp(real(x))
    return np.ldexp(np.rint(significand * 2.0**12) / 2.0**12, exponent)


def fast_exp(x: Array) -> Float64Array:
    """Return Schraudolph's exponential: a multiple of x read as the bits of a float32."""
    bits = np.clip(np.nan_to_num(real(x)) * 2.0**23 / np.log(2.0) + 1064866805, 0, 0x7F800000)
    return real(bits.astype(np.int32).view(np.float32))


def to_float16(operator: Callable[..., Array]) -> Callable[..., Array]:
    """Return the operator with its result rounded to float16."""

    def rounded(*operands: Any, **attributes: Any) -> Array:
        return float16(operator(*operands, **attributes))

    return rounded


def through_float64(operator: Callable[..., Array]) -> Callable[..., Array]:
    """Return an operator that carries int64 through float64, which loses every bit beyond 53."""

    def carried(*operands: Array, **attributes: Any) -> Array:
        y = operator(*map(real, operands), **attributes)
        return y.astype(np.int64) if operands[-1].dtype == np.int64 else y

    return carried


def through_int32(operator: Callable[..., Array]) -> Callable[..., Array]:
    """Return an operator that computes int64 in 32 bits."""

    def narrowed(a: Array, b: Array) -> Array:
        y = operator(a, b)
        return y.astype(np.int32).astype(np.int64) if y.dtype == np.int64 else y

    return narrowed


def without_reduced_axes(operator: Callable[..., Array]) -> Callable[..., Array]:
    """Return a reduction that ignores keepdims=True."""

    def reduced(x: Array, *, axes: tuple[int, ...], keepdims: bool = True) -> Array:
        return operator(x, axes=axes, keepdims=keepdims and len(axes) == 0)

    return reduced


def with_reduced_axes(operator: Callable[..., Array]) -> Callable[..., Array]:
    """Return a reduction that ignores keepdims=False."""

    def reduced(x: Array, *, axes: tuple[int, ...], keepdims: bool = True) -> Array:  # noqa: ARG001
        return operator(x, axes=axes)

    return reduced


def over_the_first_axis_only(operator: Callable[..., Array]) -> Callable[..., Array]:
    """Return a reduction that takes the first element along all but the first of the axes."""

    def reduced(x: Array, *, axes: tuple[int, ...], keepdims: bool = True) -> Array:
        first = np.take(x, [0], axis=axes[1]) if len(axes) > 1 else x
        return operator(first, axes=axes, keepdims=keepdims)

    return reduced
