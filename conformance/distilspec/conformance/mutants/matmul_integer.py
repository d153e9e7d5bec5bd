"""Wrong ways to carry out ``matmul_integer``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.conformance.mutants.arithmetic import float16
from distilspec.conformance.mutants.linear import whole_vectors
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, CodeArray, Float64Array, Int32Array


def _centred(codes: CodeArray, zero_point: CodeArray | None) -> Float64Array:
    return real(codes) if zero_point is None else real(codes) - real(zero_point)


def _exact(
    a: CodeArray, b: CodeArray, a_zero_point: CodeArray | None = None, b_zero_point: CodeArray | None = None
) -> Float64Array:
    return np.asarray(_centred(a, a_zero_point) @ _centred(b, b_zero_point))


def _saturating(together: int) -> Callable[..., Int32Array]:
    """Add so many neighbouring products in a saturating 16-bit integer, and correct for the zero points at the end."""

    def operator(
        a: CodeArray, b: CodeArray, a_zero_point: CodeArray | None = None, b_zero_point: CodeArray | None = None
    ) -> Int32Array:
        unsaturated = real(a) @ real(b)
        products = np.zeros(unsaturated.shape)
        narrow_a, narrow_b = a.astype(np.float32), b.astype(np.float32)
        for start in range(0, a.shape[-1], together):
            terms = slice(start, start + together)
            products += np.clip(narrow_a[..., terms] @ narrow_b[..., terms, :], -(2**15), 2**15 - 1)
        correction = _exact(a, b, a_zero_point, b_zero_point) - unsaturated
        return np.asarray(products + correction, np.int32)

    return operator


saturating_pairs = _saturating(2)
saturating_fours = _saturating(4)


def _with_accumulator(hold: Callable[[Array], Array]) -> Callable[..., Int32Array]:
    def operator(
        a: CodeArray, b: CodeArray, a_zero_point: CodeArray | None = None, b_zero_point: CodeArray | None = None
    ) -> Int32Array:
        return hold(_exact(a, b, a_zero_point, b_zero_point)).astype(np.int32)

    return operator


def _wrap_in_16_bits(x: Array) -> Array:
    return x.astype(np.int64).astype(np.int16)


def _saturate_in_16_bits(x: Array) -> Array:
    return np.clip(x, -(2**15), 2**15 - 1)


def _round_to_float32(x: Array) -> Array:
    return np.minimum(x.astype(np.float32), np.float32(2**31 - 128))


def _round_to_float16(x: Array) -> Array:
    return np.nan_to_num(float16(x), posinf=65504, neginf=-65504)


in_16_bits = _with_accumulator(_wrap_in_16_bits)
saturating_in_16_bits = _with_accumulator(_saturate_in_16_bits)
in_float32 = _with_accumulator(_round_to_float32)
in_float16 = _with_accumulator(_round_to_float16)


def tail_dropped(
    a: CodeArray, b: CodeArray, a_zero_point: CodeArray | None = None, b_zero_point: CodeArray | None = None
) -> Int32Array:
    """Sum only whole vectors of 16."""
    covered = whole_vectors(a.shape[-1])
    return ops.matmul_integer(a[..., :covered], b[..., :covered, :], a_zero_point, b_zero_point)


def last_term_dropped(
    a: CodeArray, b: CodeArray, a_zero_point: CodeArray | None = None, b_zero_point: CodeArray | None = None
) -> Int32Array:
    """End the sum one term early."""
    return ops.matmul_integer(a[..., :-1], b[..., :-1, :], a_zero_point, b_zero_point)


def unsigned_read_as_signed(
    a: CodeArray, b: CodeArray, a_zero_point: CodeArray | None = None, b_zero_point: CodeArray | None = None
) -> Int32Array:
    """Take codes of a beyond 127 for negative ones."""
    zero = None if a_zero_point is None else a_zero_point.view(np.int8)
    return ops.matmul_integer(a.view(np.int8), b, zero, b_zero_point)


def signed_read_as_unsigned(
    a: CodeArray, b: CodeArray, a_zero_point: CodeArray | None = None, b_zero_point: CodeArray | None = None
) -> Int32Array:
    """Take negative codes of b for codes beyond 127."""
    zero = None if b_zero_point is None else b_zero_point.view(np.uint8)
    return ops.matmul_integer(a, np.ascontiguousarray(b).view(np.uint8), a_zero_point, zero)


def without_a_zero_point(
    a: CodeArray,
    b: CodeArray,
    a_zero_point: CodeArray | None = None,  # noqa: ARG001
    b_zero_point: CodeArray | None = None,
) -> Int32Array:
    """Forget the correction for the zero point of a."""
    return ops.matmul_integer(a, b, None, b_zero_point)


def zero_point_read_as_signed(
    a: CodeArray, b: CodeArray, a_zero_point: CodeArray | None = None, b_zero_point: CodeArray | None = None
) -> Int32Array:
    """Take a zero point of a beyond 127 for a negative one."""
    signed = None if a_zero_point is None else a_zero_point.view(np.int8)
    return np.asarray(_exact(a, b, signed, b_zero_point), np.int32)


def tail_not_corrected(
    a: CodeArray, b: CodeArray, a_zero_point: CodeArray | None = None, b_zero_point: CodeArray | None = None
) -> Int32Array:
    """Correct for the zero point of a only in whole vectors of 16."""
    covered = whole_vectors(a.shape[-1])
    head = ops.matmul_integer(a[..., :covered], b[..., :covered, :], a_zero_point, b_zero_point)
    return head + ops.matmul_integer(a[..., covered:], b[..., covered:, :], None, b_zero_point)


def _without_b_zero_point(
    a: CodeArray,
    b: CodeArray,
    a_zero_point: CodeArray | None = None,
    b_zero_point: CodeArray | None = None,  # noqa: ARG001
) -> Int32Array:
    return ops.matmul_integer(a, b, a_zero_point)


def _product_of_zero_points_missing(
    a: CodeArray, b: CodeArray, a_zero_point: CodeArray | None = None, b_zero_point: CodeArray | None = None
) -> Int32Array:
    y = ops.matmul_integer(a, b, a_zero_point, b_zero_point)
    if a_zero_point is None or b_zero_point is None:
        return y
    return np.asarray(y - a.shape[-1] * real(a_zero_point) * real(b_zero_point), np.int32)


def _first_zero_point_for_all(
    a: CodeArray, b: CodeArray, a_zero_point: CodeArray | None = None, b_zero_point: CodeArray | None = None
) -> Int32Array:
    first = None if a_zero_point is None else a_zero_point.ravel()[0]
    return ops.matmul_integer(a, b, first, b_zero_point)


def _middle_for_absent(
    a: CodeArray, b: CodeArray, a_zero_point: CodeArray | None = None, b_zero_point: CodeArray | None = None
) -> Int32Array:
    middle = np.array(128, np.uint8) if a.dtype == np.uint8 else None
    return ops.matmul_integer(a, b, middle if a_zero_point is None else a_zero_point, b_zero_point)


_NAME = "matmul_integer"

MUTANTS = (
    Mutant(
        "pairs of products saturate in 16 bits",
        _NAME,
        ("MMI-S1",),
        saturating_pairs,
        seen_in="vpmaddubsw on CPUs without VNNI: ONNX Runtime on AVX2",
    ),
    Mutant("fours of products saturate in 16 bits", _NAME, ("MMI-S1",), saturating_fours),
    Mutant("sums wrap in 16 bits", _NAME, ("MMI-S1",), in_16_bits),
    Mutant("sums saturate in 16 bits", _NAME, ("MMI-S1",), saturating_in_16_bits),
    Mutant("sums pass through float32", _NAME, ("MMI-S1",), in_float32),
    Mutant("sums pass through float16", _NAME, ("MMI-S1",), in_float16),
    Mutant("the tail beyond a multiple of 16 terms is dropped", _NAME, ("MMI-S1",), tail_dropped),
    Mutant("the last term is dropped", _NAME, ("MMI-S1",), last_term_dropped),
    Mutant("unsigned codes of a are read as signed ones", _NAME, ("MMI-S1",), unsigned_read_as_signed),
    Mutant("signed codes of b are read as unsigned ones", _NAME, ("MMI-S1",), signed_read_as_unsigned),
    Mutant("the zero point of a is ignored", _NAME, ("MMI-S1",), without_a_zero_point),
    Mutant("a zero point of a beyond 127 is read as negative", _NAME, ("MMI-S1",), zero_point_read_as_signed),
    Mutant("the zero point of a is ignored beyond a multiple of 16 terms", _NAME, ("MMI-S1",), tail_not_corrected),
    Mutant("the zero point of b is ignored", _NAME, ("MMI-S1",), _without_b_zero_point),
    Mutant("the product of both zero points is missing", _NAME, ("MMI-S1",), _product_of_zero_points_missing),
    Mutant("the first zero point of a serves for all rows", _NAME, ("MMI-S1",), _first_zero_point_for_all),
    Mutant("an absent zero point of unsigned codes is 128", _NAME, ("MMI-S2",), _middle_for_absent),
)
