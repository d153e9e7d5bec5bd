"""Bound of ``matmul_integer``: docs/derivations/quantized_linear.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, BoundedCodes, Operand, lift
from distilspec.conformance.bounds.matmul import moved_product
from distilspec.reference import ops as reference
from distilspec.reference.arith import along_axis, real


def matmul_integer(
    a: Operand, b: Operand, a_zero_point: Operand | None = None, b_zero_point: Operand | None = None
) -> Bounded:
    """Bound an integer product: exact for exact codes, else what the errors of both operands can move it by."""
    a, b = lift(a), lift(b)
    zero_a = None if a_zero_point is None else lift(a_zero_point)
    zero_b = None if b_zero_point is None else lift(b_zero_point)
    zeros = [None if zero is None else zero.value for zero in (zero_a, zero_b)]
    moved, _ = moved_product(centred(a, zero_a), centred(b, zero_b))
    return Bounded(reference.matmul_integer(a.value, b.value, *zeros), moved)


def centred(codes: Bounded, zero_point: Bounded | None, axis: int | None = None) -> Bounded:
    """Return codes - zero_point, whose error is not the sum of both where they are known to move together."""
    if zero_point is None:
        return Bounded(real(codes.value), codes.error)
    zero, zero_error = real(zero_point.value), zero_point.error
    if axis is not None:
        zero, zero_error = (along_axis(array, axis, codes.value.ndim) for array in (zero, zero_error))
    together = isinstance(codes, BoundedCodes) and codes.zero_point is zero_point
    error = codes.centred_error if isinstance(codes, BoundedCodes) and together else codes.error + zero_error
    return Bounded(real(codes.value) - zero, np.asarray(error))
