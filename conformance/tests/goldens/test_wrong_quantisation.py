"""
Mistakes in scales and codes each contradict a golden; reciprocals and subnormal scales contradict none.

The file is long because each mistake is a whole operator, and stands beside the others of its kind.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest
from contradictions import cases_by_operator, contradicted

from distilspec.reference import ops

F32 = np.float32
TINY = np.finfo(F32).tiny


def half_away(x):
    """Round a half away from zero."""
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


def clip(value, dtype):
    """Clip, then cast."""
    limits = np.iinfo(dtype)
    return np.nan_to_num(np.clip(value, limits.min, limits.max)).astype(dtype)


def wrap(value, dtype):
    """Cast without clipping."""
    return np.nan_to_num(value, posinf=2.0**40, neginf=-(2.0**40)).astype(np.int64).astype(dtype)


def cast_to_int32_first(value, dtype):
    """Cast as x86 does, where everything beyond int32 becomes its lowest number, then clip."""
    return clip(np.where(np.abs(value) < 2.0**31, value, -(2.0**31)), dtype)


def clip_to_127(value, dtype):
    """Leave out the code -128."""
    return clip(np.maximum(value, -127) if dtype == np.int8 else value, dtype)


def along(axis, x, parameter):
    """Return a scale or zero point so that it broadcasts along an axis."""
    return parameter if axis is None else parameter.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])


def reciprocal(x, scale):
    """Multiply by the float32 reciprocal instead of dividing."""
    return x * (F32(1) / scale)


def divide_wide(x, scale):
    """Divide in float64."""
    return x.astype(np.float64) / scale.astype(np.float64)


def quantizer(divide=np.divide, rounding=np.rint, zero_point_first=False, finish=clip, held_in=F32):
    """Return a ``quantize`` that deviates in one step."""

    def quantize(x, scale, zero_point, *, axis=None):
        t = divide(x.astype(held_in), along(axis, x, scale)).astype(np.float64)
        z = along(axis, x, zero_point).astype(np.float64)
        return finish(rounding(t + z) if zero_point_first else rounding(t) + z, zero_point.dtype)

    return quantize


def clip_before_zero_point(x, scale, zero_point, *, axis=None):
    """Clip to the codes, add the zero point, cast."""
    t = np.rint(x.astype(F32) / along(axis, x, scale))
    return wrap(clip(t, zero_point.dtype).astype(np.float64) + along(axis, x, zero_point), zero_point.dtype)


def let_nan_spread(x, scale, zero_point, *, axis=None):
    """Give up on the whole vector when one element is NaN."""
    codes = ops.quantize(x, scale, zero_point, axis=axis)
    return np.zeros_like(codes) if np.isnan(x).any() else codes


def ignore_axis(x, scale, zero_point, *, axis=None):
    """Take the first scale for everything."""
    return ops.quantize(x, scale if axis is None else scale[0], zero_point if axis is None else zero_point[0])


def dequantize(difference):
    """Return a ``dequantize`` with its own idea of the difference."""

    def operator(codes, scale, zero_point=None, *, axis=None):
        zero = np.zeros((), codes.dtype) if zero_point is None else along(axis, codes, zero_point)
        return difference(codes, zero).astype(np.float64) * along(axis, codes, scale)

    return operator


def symmetric(steps=127, smallest=TINY, by=np.divide):
    """Return a ``symmetric_scale`` that deviates in one step."""

    def symmetric_scale(largest):
        scale = by(largest.astype(F32), F32(steps))
        return np.where((scale < smallest) | ((scale == 0) & (smallest > 0)), F32(1), scale)

    return symmetric_scale


def asymmetric(rounding=np.rint, widen=True, smallest=TINY, by=np.divide):
    """Return an ``asymmetric_scale`` that deviates in one step."""

    def asymmetric_scale(minimum, maximum):
        low, high = minimum.astype(F32), maximum.astype(F32)
        if widen:
            low, high = np.minimum(low, F32(0)), np.maximum(high, F32(0))
        scale = by(high - low, F32(255))
        scale = np.where((scale < smallest) | ((scale == 0) & (smallest > 0)), F32(1), scale).astype(F32)
        return scale, clip(rounding(by(-low, scale).astype(np.float64)), np.uint8)

    return asymmetric_scale


def dynamic(scales, quantize=ops.quantize, start=0.0, held_in=F32):
    """Return a ``dynamic_quantize`` from a rule for the scale and one for the codes."""

    def dynamic_quantize(x):
        x = x.astype(held_in)
        scale, zero_point = scales(np.asarray(x.min(initial=start)), np.asarray(x.max(initial=-start)))
        return quantize(x, scale, zero_point), scale, zero_point

    return dynamic_quantize


def dynamic_token(scales, quantize=ops.quantize, axis=-1, magnitude=np.abs):
    """Return a ``dynamic_quantize_token`` from a rule for the scale and one for the codes."""

    def dynamic_quantize_token(x):
        x = x.astype(F32)
        scale = scales(magnitude(x).max(axis=axis, keepdims=True, initial=0))
        scale = np.broadcast_to(scale, (*x.shape[:-1], 1))
        return quantize(x, scale, np.zeros((), np.int8)), scale, np.zeros((), np.int8)

    return dynamic_quantize_token


def mask_by(weight, *, block_shape, sparsity, score=np.sum, rounding=round, order="stable"):
    """Prune blocks by another score, another rounding of their number or another order of equals."""
    rows, columns = weight.shape[0] // block_shape[0], weight.shape[1] // block_shape[1]
    blocks = np.abs(weight).reshape(rows, block_shape[0], columns, block_shape[1])
    scores = score(blocks, axis=(1, 3)).ravel()
    ranked = np.argsort(scores, kind="stable")
    if order == "last first":
        ranked = (scores.size - 1 - np.argsort(scores[::-1], kind="stable"))[: scores.size]
    kept = np.ones(scores.size, np.bool_)
    kept[ranked[: rounding(sparsity * scores.size)]] = False
    return kept.reshape(rows, columns).repeat(block_shape[0], axis=0).repeat(block_shape[1], axis=1)


WRONG = {
    "quantize": {
        "halves away from zero": quantizer(rounding=half_away),
        "floor of x + 1/2": quantizer(rounding=lambda t: np.floor(t + 0.5)),
        "truncation": quantizer(rounding=np.trunc),
        "zero point before rounding": quantizer(zero_point_first=True),
        "wraps": quantizer(finish=wrap),
        "int32 before clipping": quantizer(finish=cast_to_int32_first),
        "no code -128": quantizer(finish=clip_to_127),
        "clips before the zero point": clip_before_zero_point,
        "float64 quotient": quantizer(divide_wide),
        "x is not rounded to float32": quantizer(divide_wide, held_in=np.float64),
        "NaN spreads": let_nan_spread,
        "ignores the axis": ignore_axis,
    },
    "dequantize": {
        "adds the zero point": dequantize(lambda codes, zero: codes.astype(np.int64) + zero),
        "ignores the zero point": dequantize(lambda codes, _: codes.astype(np.int64)),
        "difference in the type of the codes": dequantize(lambda codes, zero: codes - zero),
    },
    "symmetric_scale": {
        "128 steps": symmetric(128),
        "127.5 steps": symmetric(127.5),
        "zero stays zero": symmetric(smallest=0),
    },
    "asymmetric_scale": {
        "halves away from zero": asymmetric(half_away),
        "truncation": asymmetric(np.trunc),
        "not widened": asymmetric(widen=False),
        "zero stays zero": asymmetric(smallest=0),
    },
    "dynamic_quantize": {
        "zero point away from zero": dynamic(asymmetric(half_away)),
        "codes away from zero": dynamic(asymmetric(), quantizer(rounding=half_away)),
        "zero point before rounding": dynamic(asymmetric(), quantizer(zero_point_first=True)),
        "not widened": dynamic(asymmetric(widen=False), start=np.inf),
        "divides by zero": dynamic(asymmetric(smallest=0), quantizer()),
    },
    "dynamic_quantize_token": {
        "one scale for all": dynamic_token(ops.symmetric_scale, axis=None),
        "largest value": dynamic_token(ops.symmetric_scale, magnitude=np.positive),
        "halves away from zero": dynamic_token(ops.symmetric_scale, quantizer(rounding=half_away)),
        "128 steps": dynamic_token(symmetric(128)),
        "divides by zero": dynamic_token(symmetric(smallest=0), quantizer()),
    },
    "minmax_range": {
        "starts at 0": lambda x: (F32(x.min(initial=0)), F32(x.max(initial=0))),
        "of magnitudes": lambda x: (F32(-np.abs(x).max()), F32(np.abs(x).max())),
    },
    "percentile_range": {
        "minimum of magnitudes": lambda x, *, percentile: (
            F32(-np.percentile(np.abs(x), percentile)),
            F32(np.percentile(x, percentile)),
        ),
        "nearest value": lambda x, *, percentile: tuple(
            F32(np.percentile(x, share, method="nearest")) for share in (100 - percentile, percentile)
        ),
    },
    "mean_sigma_range": {
        "not clipped": lambda x, *, sigmas: tuple(F32(x.mean() + side * sigmas * x.std()) for side in (-1, 1)),
        "moments in float32": lambda x, *, sigmas: tuple(
            F32(x.mean(dtype=F32) + side * sigmas * np.sqrt(np.abs((x * x).mean() - x.mean() ** 2))) for side in (-1, 1)
        ),
    },
    "block_magnitude_mask": {
        "largest element": functools.partial(mask_by, score=np.max),
        "truncation": functools.partial(mask_by, rounding=int),
        "halves away from zero": functools.partial(mask_by, rounding=lambda count: int(count + 0.5)),
        "last of equals first": functools.partial(mask_by, order="last first"),
    },
}

LEGITIMATE = {
    "quantize": {"by the reciprocal": quantizer(reciprocal)},
    "symmetric_scale": {
        "by the reciprocal": symmetric(by=reciprocal),
        "subnormal": symmetric(smallest=2.0**-149),
    },
    "asymmetric_scale": {
        "by the reciprocal": asymmetric(by=reciprocal),
        "subnormal": asymmetric(smallest=2.0**-149),
    },
    "dynamic_quantize": {
        "by reciprocals": dynamic(asymmetric(by=reciprocal), quantizer(reciprocal)),
        "subnormal": dynamic(asymmetric(smallest=2.0**-149)),
    },
    "dynamic_quantize_token": {
        "by reciprocals": dynamic_token(symmetric(by=reciprocal), quantizer(reciprocal)),
        "subnormal": dynamic_token(symmetric(smallest=2.0**-149)),
    },
}


@pytest.mark.parametrize(("operator", "mistake"), [(op, name) for op, entries in WRONG.items() for name in entries])
def test_a_mistake_contradicts_a_golden(operator, mistake):
    """And not all of them: the mistake is planted in an operator that works otherwise."""
    failed = contradicted(operator, WRONG[operator][mistake])

    assert 0 < len(failed) < len(cases_by_operator()[operator])


@pytest.mark.parametrize(
    ("operator", "variant"), [(op, name) for op, entries in LEGITIMATE.items() for name in entries]
)
def test_a_legitimate_variant_contradicts_none(operator, variant):
    """An exact answer leaves no room, so it must be one that every legitimate computation gives."""
    assert contradicted(operator, LEGITIMATE[operator][variant]) == []
