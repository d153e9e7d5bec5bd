"""Operators that only move elements: every type keeps every bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.draw import Draw
from distilspec.reference.contract.types import Array

#: The types that programs move.
TYPES = ("float32", "int64", "int32", "uint8", "int8", "bool")


def numbered(dtype: Any, *shape: int) -> Array:
    """Return a tensor with different elements, as far as its type allows; int64 that no float can hold."""
    count = np.arange(int(np.prod(shape)))
    match np.dtype(dtype).name:
        case "bool":
            return np.asarray(count * 5 % 7 % 2 == 0).reshape(shape)
        case "float32":
            return (count - 2.5).astype(np.float32).reshape(shape)
        case "int64":
            return (2**53 + 1 + count).reshape(shape)
    return count.astype(dtype).reshape(shape)


def special_floats(draw: Draw, *shape: int) -> Array:
    """Return float32 with NaN and infinities among them."""
    x = draw.reals(*shape, size=3).ravel()
    x[: values.SPECIAL.size] = values.SPECIAL[: x.size]
    return x.reshape(shape)


def tensors(draw: st.DrawFn, shape: tuple[int, ...], dtype: str = "") -> Array:
    """Draw a tensor of any type."""
    match dtype or values.choice(draw, TYPES):
        case "float32":
            return values.paint(draw, values.palette(draw, values.ANY), shape)
        case "bool":
            return values.masks(draw, shape)
        case "int64":
            return values.paint(draw, values.numbers(draw, -(2**62), 2**62), shape)
        case "int32":
            return values.paint(draw, values.numbers(draw, -(2**31), 2**31 - 1, np.int32), shape)
        case other:
            return values.paint(draw, values.codes(draw, other), shape)
