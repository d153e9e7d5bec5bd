"""
Mistakes in float operators and in their masks each contradict a golden; float32 evaluations contradict none.

The file is long because each mistake is a whole operator, and stands beside the others of its kind.
"""

from __future__ import annotations

import numpy as np
import pytest
from contradictions import cases_by_operator, contradicted
from scipy import special

from distilspec.reference import ops

F32 = np.float32


def wide(x):
    """Return x in float64."""
    return np.asarray(x, np.float64)


def layer_norm(
    divisor=lambda n: n,
    root=lambda variance, epsilon: np.sqrt(variance + epsilon),
    moments=False,
    gain=lambda weight: weight,
    shift=lambda bias: bias,
    held_in=np.float64,
):
    """Return a ``layer_norm`` that deviates in one step."""

    def operator(x, weight, bias, *, epsilon):
        x = x.astype(held_in)
        mean = x.mean(axis=-1, keepdims=True, dtype=held_in)
        d = x - mean
        variance = (d * d).sum(axis=-1, keepdims=True, dtype=held_in) / held_in(divisor(x.shape[-1]))
        if moments:
            variance = (x * x).mean(axis=-1, keepdims=True, dtype=held_in) - mean * mean
        return d / root(variance, held_in(epsilon)) * gain(weight) + shift(bias)

    return operator


def softmax(penalty=None, masked=-np.inf, subtract=True, held_in=np.float64, axis_of=lambda axis: axis):
    """Return a ``softmax`` with an additive mask; with ``penalty`` it is added, with ``masked`` it replaces."""

    def operator(x, mask=None, *, axis=-1):
        axis = axis_of(axis)
        x = x.astype(held_in)
        if mask is not None:
            x = np.where(mask, x, masked) if penalty is None else x + np.where(mask, 0, penalty)
        largest = x.max(axis=axis, keepdims=True, initial=-np.inf) if subtract else 0
        e = np.exp(x - largest)
        return e / e.sum(axis=axis, keepdims=True)

    return operator


def attention(weights=ops.softmax, factor=lambda scale, _: scale, held_in=np.float64):
    """Return an attention that deviates in one step."""

    def operator(query, key, value, mask=None, *, scale):
        scores = query.astype(held_in) @ key.astype(held_in).swapaxes(-1, -2) * held_in(factor(scale, query))
        return weights(scores, None if mask is None else np.broadcast_to(mask, scores.shape)) @ value.astype(held_in)

    return operator


def without_mask(scores, _):
    """Take the softmax over every key."""
    return ops.softmax(scores)


def uniform_where_all_is_masked(scores, kept):
    """Mask with the lowest float32, as eager code does."""
    return softmax(masked=-3.4028235e38)(scores, kept)


def pooled(count, product=True):
    """Return a ``mean_pool`` that divides by something else, or multiplies by the mask."""

    def operator(hidden_states, attention_mask):
        kept = attention_mask[..., np.newaxis]
        x = hidden_states * wide(kept) if product else np.where(kept, hidden_states, 0.0)
        return x.sum(axis=1) / count(kept)

    return operator


def normalized(length, axis_of=lambda axis: axis):
    """Return an ``l2_normalize`` that divides by something else."""

    def operator(x, *, axis=-1, epsilon=1e-12):
        axis = axis_of(axis)
        squares = (wide(x) ** 2).sum(axis=axis, keepdims=True)
        return wide(x) / length(squares, epsilon)

    return operator


def through_float64(operator):
    """Read int64 as float64, and give the type of the operands."""
    return lambda *operands, **attributes: np.asarray(operator(*map(wide, operands), **attributes)).astype(
        operands[0].dtype if operands[0].dtype == np.int64 else np.float64
    )


def skipping_nan(operator, neutral):
    """Take a number that never wins for NaN."""
    return lambda x, **attributes: operator(np.nan_to_num(x, nan=neutral, posinf=np.inf, neginf=-np.inf), **attributes)


def ignoring(operator, *names):
    """Return an operator that does not look at some attributes."""
    return lambda *operands, **attributes: operator(
        *operands, **{name: value for name, value in attributes.items() if name not in names}
    )


def saturating_cast(x, *, dtype):
    """Cast integers with saturation."""
    if x.dtype.kind == "i" and dtype in ("int8", "uint8"):
        limits = np.iinfo(dtype)
        return np.clip(x, limits.min, limits.max).astype(dtype)
    return ops.cast(x, dtype=dtype)


def rounding_cast(x, *, dtype):
    """Cast floats to the nearest integer."""
    return ops.cast(np.rint(x) if x.dtype.kind == "f" and dtype.startswith("int") else x, dtype=dtype)


WRONG = {
    "layer_norm": {
        "unbiased variance": layer_norm(divisor=lambda n: n - 1),
        "epsilon beside the root": layer_norm(root=lambda variance, epsilon: np.sqrt(variance) + epsilon),
        "no epsilon": layer_norm(root=lambda variance, _: np.sqrt(variance)),
        "another epsilon": layer_norm(root=lambda variance, _: np.sqrt(variance + 1e-12)),
        "moments in float32": layer_norm(moments=True, held_in=F32),
        "no weight": layer_norm(gain=np.ones_like),
        "no bias": layer_norm(shift=np.zeros_like),
        "float16": layer_norm(held_in=np.float16),
    },
    "softmax": {
        "no mask": lambda x, _, *, axis=-1: ops.softmax(x, axis=axis),
        "mask of -10000": softmax(-10000.0),
        "mask of -infinity": softmax(-np.inf),
        "uniform where all is masked": softmax(masked=-3.4028235e38),
        "NaN where all is masked": softmax(),
        "maximum not subtracted": softmax(subtract=False, held_in=F32),
        "maximum of masked entries, too": softmax(-1e9, held_in=F32),
        "always the last axis": softmax(axis_of=lambda _: -1),
        "axis 0 taken for absent": softmax(axis_of=lambda axis: axis or -1),
    },
    "scaled_dot_product_attention": {
        "no mask": attention(without_mask),
        "scale of head_dim": attention(factor=lambda _, query: 1 / np.sqrt(max(query.shape[-1], 1))),
        "no scale": attention(factor=lambda *_: 1.0),
        "zero times infinity": attention(),
        "uniform where all is masked": attention(uniform_where_all_is_masked),
    },
    "gelu": {
        "the tanh form": ops.gelu_tanh,
        "the logistic form": lambda x: x * special.expit(1.702 * wide(x)),
        "infinity times zero": lambda x: 0.5 * wide(x) * (1 + special.erf(wide(x) * np.sqrt(0.5))),
    },
    "gelu_tanh": {
        "the erf form": ops.gelu,
        "constant of 0.0447": lambda x: x * special.expit(2 * np.sqrt(2 / np.pi) * (wide(x) + 0.0447 * wide(x) ** 3)),
    },
    "silu": {
        "the logistic gelu": lambda x: np.where(np.isneginf(x), 0, x * special.expit(1.702 * wide(x))),
        "infinity times zero": lambda x: wide(x) * special.expit(wide(x)),
    },
    "sigmoid": {"hard": lambda x: np.clip(wide(x) / 6 + 0.5, 0, 1)},
    "tanh": {"exponentials overflow": lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1)},
    "erf": {"a fit": lambda x: np.sign(x) * np.sqrt(1 - np.exp(-(wide(x) ** 2) * 4 / np.pi))},
    "exp": {"float16": lambda x: np.exp(x.astype(np.float16))},
    "sqrt": {"of the magnitude": lambda x: np.sqrt(np.abs(wide(x)))},
    "reciprocal": {
        "12 bits": lambda x: (1 / wide(x)) * (1 + 2.0**-13),
        "sign of zero lost": lambda x: 1 / (wide(x) + 0.0),
    },
    "relu": {
        "hides NaN": lambda x: np.fmax(x, F32(0)),
        "leaky": lambda x: np.where(x < 0, 0.01 * wide(x), x),
    },
    "maximum": {"hides NaN": np.fmax, "int64 through float64": through_float64(ops.maximum)},
    "minimum": {"hides NaN": np.fmin, "int64 through float64": through_float64(ops.minimum)},
    "reduce_max": {
        "hides NaN": skipping_nan(ops.reduce_max, -np.inf),
        "int64 through float64": through_float64(ops.reduce_max),
        "keeps the axes": ignoring(ops.reduce_max, "keepdims"),
    },
    "reduce_min": {
        "hides NaN": skipping_nan(ops.reduce_min, np.inf),
        "int64 through float64": through_float64(ops.reduce_min),
        "keeps the axes": ignoring(ops.reduce_min, "keepdims"),
    },
    "reduce_sum": {
        "int64 through float64": through_float64(ops.reduce_sum),
        "keeps the axes": ignoring(ops.reduce_sum, "keepdims"),
    },
    "reduce_mean": {
        "divides by n - 1": lambda x, *, axes, keepdims=True: ops.reduce_sum(x, axes=axes, keepdims=keepdims)
        / max(np.prod([x.shape[axis] for axis in axes]) - 1, 1),
        "keeps the axes": ignoring(ops.reduce_mean, "keepdims"),
    },
    "mean_pool": {
        "length of the sequence": pooled(lambda kept: max(kept.shape[1], 1)),
        "product with the mask": pooled(lambda kept: np.maximum(kept.sum(axis=1), 1)),
        "0 / 0": pooled(lambda kept: kept.sum(axis=1), product=False),
    },
    "cls_pool": {"last token": lambda x: wide(x[:, -1]), "first sequence": lambda x: wide(x)[:1, 0].repeat(len(x), 0)},
    "l2_normalize": {
        "epsilon is added": normalized(lambda squares, epsilon: np.sqrt(squares) + epsilon),
        "epsilon under the root": normalized(lambda squares, epsilon: np.sqrt(squares + epsilon)),
        "0 / 0": normalized(lambda squares, _: np.sqrt(squares)),
        "no root": normalized(np.maximum),
        "always the last axis": ignoring(ops.l2_normalize, "axis"),
    },
    "embedding": {
        "one row on": lambda ids, weight: ops.embedding((ids + 1) % len(weight), weight),
        "float16": lambda ids, weight: ops.embedding(ids, weight.astype(np.float16).astype(F32)),
    },
    "add": {"int64 through float64": through_float64(ops.add), "float16": lambda a, b: (a + b).astype(np.float16)},
    "subtract": {
        "int64 through float64": through_float64(ops.subtract),
        "operands exchanged": lambda a, b: ops.subtract(b, a),
    },
    "multiply": {"int64 through float64": through_float64(ops.multiply), "float16": lambda a, b: np.float16(a * b)},
    "divide": {
        "operands exchanged": lambda a, b: ops.divide(b, a),
        "sign of zero lost": lambda a, b: wide(a) / (wide(b) + 0.0),
    },
    "power": {
        "through logarithms": lambda a, b: np.exp(b * np.log(wide(a))),
        "through magnitudes": lambda a, b: np.abs(wide(a)) ** b,
    },
    "absolute": {"hides NaN": lambda x: np.nan_to_num(np.abs(wide(x)), posinf=np.inf)},
    "negate": {"subtracts from 1": lambda x: 1 - wide(x) - 1, "keeps": lambda x: wide(x)},
    "equal": {
        "near": lambda a, b: np.isclose(a, b),
        "bits": lambda a, b: (a.view(np.int32) == b.view(np.int32)) if a.dtype == F32 and a.ndim else ops.equal(a, b),
        "int64 through float64": lambda a, b: wide(a) == wide(b),
    },
    "greater": {"or equal": np.greater_equal, "int64 through float64": lambda a, b: wide(a) > wide(b)},
    "less": {"or equal": np.less_equal, "int64 through float64": lambda a, b: wide(a) < wide(b)},
    "logical_and": {"or": np.logical_or, "equal": np.equal},
    "logical_or": {"and": np.logical_and, "exclusive": np.logical_xor},
    "logical_not": {"keeps": np.copy},
    "where": {
        "sum of products": lambda c, a, b: (
            np.where(c, F32(1), F32(0)) * a + np.where(c, F32(0), F32(1)) * b
        ).astype(a.dtype),
        "operands exchanged": lambda c, a, b: ops.where(c, b, a),
    },
    "cast": {
        "rounds to integers": rounding_cast,
        "saturates": saturating_cast,
        "float to bool through int64": lambda x, *, dtype: ops.cast(
            np.trunc(np.nan_to_num(x, nan=1, posinf=1)) if dtype == "bool" and x.dtype == F32 else x, dtype=dtype
        ),
    },
    "reshape": {"column by column": lambda x, *, shape: x.reshape(shape, order="F")},
    "transpose": {
        "reshape": lambda x, *, axes: x.reshape([x.shape[axis] for axis in axes]),
        "inverse axes": lambda x, *, axes: x.transpose(np.argsort(axes)),
    },
    "expand": {"repeats elements": lambda x, *, shape: np.resize(x, shape)},
    "squeeze": {"every axis": lambda x, **_: np.squeeze(x)},
    "unsqueeze": {"axes of the operand": lambda x, *, axes: x.reshape(x.shape + (1,) * len(axes))},
    "concat": {"from the end": lambda *tensors, axis: np.concatenate(tensors[::-1], axis=axis)},
    "slice": {
        "stop included": lambda x, *, axis, start, stop, step=1: ops.slice(
            x, axis=axis, start=start, stop=None if stop in (None, -1, x.shape[axis]) else stop + 1, step=step
        ),
        "no step": ignoring(ops.slice, "step"),
    },
    "gather": {
        "always axis 0": lambda x, indices, **_: np.take(x, indices % len(x), axis=0),
        "negative indices clipped": lambda x, indices, *, axis=0: np.take(x, np.maximum(indices, 0), axis=axis),
    },
}  # fmt: skip

LEGITIMATE = {
    "layer_norm": {"float32": layer_norm(held_in=F32)},
    "scaled_dot_product_attention": {
        "float32": lambda *operands, scale: attention(held_in=F32)(
            *(np.nan_to_num(o, posinf=0) if o is not None and o.dtype == F32 else o for o in operands), scale=scale
        )
    },
    "gelu": {
        "float32": lambda x: np.where(
            np.isneginf(x), F32(0), F32(0.5) * x * (F32(1) + special.erf(x * F32(0.70710678)))
        )
    },
    "sigmoid": {"float32": special.expit},
    "tanh": {"float32": np.tanh},
    "erf": {"float32": special.erf},
    "exp": {"float32": np.exp},
    "sqrt": {"float32": np.sqrt},
    "reciprocal": {"float32": lambda x: F32(1) / x},
    "relu": {"float32": lambda x: np.maximum(x, F32(0))},
    "add": {"float32": np.add},
    "subtract": {"float32": np.subtract},
    "multiply": {"float32": np.multiply},
    "divide": {"float32": np.divide},
    "power": {"float32": np.power},
    "reduce_mean": {"float32": lambda x, *, axes, keepdims=True: x.mean(axis=axes, keepdims=keepdims)},
    "reduce_sum": {"float32": lambda x, *, axes, keepdims=True: x.sum(axis=axes, keepdims=keepdims)},
    "l2_normalize": {
        "float32": lambda x, *, axis=-1, epsilon=1e-12: (
            x / np.maximum(np.sqrt((x * x).sum(axis=axis, keepdims=True)), F32(epsilon))
        )
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
