"""Bound of ``dequantize``: docs/derivations/quantize.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, lift, read, result
from distilspec.conformance.bounds.matmul_integer import centred
from distilspec.conformance.bounds.model import gamma, rounding
from distilspec.reference import ops as reference
from distilspec.reference.arith import along_axis, real


@np.errstate(all="ignore")
def dequantize(
    codes: Operand, scale: Operand, zero_point: Operand | None = None, *, axis: int | None = None
) -> Bounded:
    """Bound scale * (code - zero_point): the errors of both, one product, and for 32-bit codes one conversion."""
    codes, scale = lift(codes), read(scale)
    zero = None if zero_point is None else lift(zero_point)
    value = reference.dequantize(codes.value, scale.value, None if zero is None else zero.value, axis=axis)
    difference = centred(codes, zero, axis)
    factor, factor_error = real(scale.value), scale.error
    if axis is not None:
        factor, factor_error = (along_axis(array, axis, value.ndim) for array in (factor, factor_error))
    moved = (factor + factor_error) * difference.error + np.abs(difference.value) * factor_error
    size = np.abs(value) + moved
    roundings = 2 if codes.value.dtype == np.int32 else 1
    return result(value, moved + rounding(size, gamma(roundings), roundings), size, scale)
