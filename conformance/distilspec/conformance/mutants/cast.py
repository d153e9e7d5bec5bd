"""Wrong ways to carry out ``cast``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array


def _to_bool_through_int(x: Array, *, dtype: str) -> Array:
    if dtype != "bool":
        return ops.cast(x, dtype=dtype)
    return np.nan_to_num(x).astype(np.int64) != 0 if x.dtype.kind == "f" else ops.cast(x, dtype=dtype)


def _to_bool_by_low_byte(x: Array, *, dtype: str) -> Array:
    return ops.cast(x.astype(np.uint8) if dtype == "bool" and x.dtype.kind == "i" else x, dtype=dtype)


def _to_float_as_signed(x: Array, *, dtype: str) -> Array:
    return ops.cast(x.view(np.int8) if dtype == "float" and x.dtype == np.uint8 else x, dtype=dtype)


def _to_float_as_unsigned(x: Array, *, dtype: str) -> Array:
    return real(x.view(np.uint64)) if dtype == "float" and x.dtype == np.int64 else ops.cast(x, dtype=dtype)


def _to_float32_truncated(x: Array, *, dtype: str) -> Array:
    y = ops.cast(x, dtype=dtype)
    return np.where(np.abs(real(y)) > np.abs(x), np.nextafter(y, np.float32(0)), y) if dtype == "float32" else y


def _to_float32_saturating(x: Array, *, dtype: str) -> Array:
    y = ops.cast(x, dtype=dtype)
    return np.clip(y, np.finfo(np.float32).min, np.finfo(np.float32).max) if dtype == "float32" else y


def _to_integer(rounded: Callable[[Array], Array]) -> Callable[..., Array]:
    def operator(x: Array, *, dtype: str) -> Array:
        if x.dtype.kind != "f" or dtype in ("bool", "float", "float32"):
            return ops.cast(x, dtype=dtype)
        return rounded(real(x)).astype(np.int64).astype(dtype)

    return operator


def _saturating(x: Array, *, dtype: str) -> Array:
    if x.dtype.kind == "f" or dtype in ("bool", "float", "float32"):
        return ops.cast(x, dtype=dtype)
    limits = np.iinfo(dtype)
    return np.clip(x.astype(np.int64), limits.min, limits.max).astype(dtype)


MUTANTS = (
    Mutant("a fraction is cut off before the test for zero", "cast", ("CAST-S1",), _to_bool_through_int),
    Mutant("only the low byte is tested for zero", "cast", ("CAST-S1",), _to_bool_by_low_byte),
    Mutant("uint8 is read as int8", "cast", ("CAST-S2",), _to_float_as_signed),
    Mutant("int64 is read as uint64", "cast", ("CAST-S2",), _to_float_as_unsigned),
    Mutant("float32 is cut off, not rounded", "cast", ("CAST-S3",), _to_float32_truncated),
    Mutant("overflow gives the largest float32", "cast", ("CAST-S3",), _to_float32_saturating),
    Mutant("to integer rounds to the nearest", "cast", ("CAST-S4",), _to_integer(np.rint), seen_in="cvtps2dq"),
    Mutant("to integer rounds down", "cast", ("CAST-S4",), _to_integer(np.floor)),
    Mutant("integers saturate where they wrap", "cast", ("CAST-S5",), _saturating),
)
