"""Runtimes in which rows of a batch, or padding, change what they must not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from distilspec.conformance.dimensions import MASK
from distilspec.conformance.mutants.planted import (
    Load,
    RuntimeMutant,
    Stepwise,
    in_whole_programs,
    opaque,
    with_operators,
)
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.symbols import BATCH
from distilspec.reference.contract.types import Array, BoolArray, Float64Array, RealArray
from distilspec.reference.program import Program

Values = dict[str, Array]


class _WithMask(Stepwise):
    """Reads another mask than it was given."""

    def __init__(self, program: Program, read: Callable[[BoolArray], BoolArray]) -> None:
        super().__init__(program)
        self._read = read

    def answer(self, inputs: Mapping[str, Array]) -> Values:
        mask = inputs.get(MASK)
        if mask is None or len(self.program.steps) == 1:
            return self.evaluate(inputs)
        values = self.evaluate({**inputs, MASK: self._read(mask.astype(np.bool_))})
        shown = self.evaluate(inputs)
        derived = [step.name for step in self.program.steps if MASK in step.inputs and step.op == "unsqueeze"]
        return values | {name: shown[name] for name in derived}


def _reading(read: Callable[[BoolArray], BoolArray]) -> Load:
    return lambda program: _WithMask(program, read)


def _as_length(mask: BoolArray) -> BoolArray:
    return np.asarray(np.arange(mask.shape[1]) < mask.sum(axis=1, keepdims=True))


def _until_the_first_gap(mask: BoolArray) -> BoolArray:
    return np.asarray(np.logical_and.accumulate(mask, axis=1))


def _of_the_first_row(mask: BoolArray) -> BoolArray:
    return np.broadcast_to(mask[:1], mask.shape).copy()


def _to_a_multiple_of_8(mask: BoolArray) -> BoolArray:
    """Keep what fills up the vector of 8 in which a row ends."""
    end = np.where(mask.any(axis=1), mask.shape[1] - np.argmax(mask[:, ::-1], axis=1), 0)[:, np.newaxis]
    position = np.arange(mask.shape[1])
    return np.asarray(mask | ((position >= end) & (position < -(-end // 8) * 8)))


def _all(mask: BoolArray) -> BoolArray:
    return np.ones_like(mask)


class _NotPutBack(Stepwise):
    """Sorts the rows by length and leaves the outputs sorted."""

    def answer(self, inputs: Mapping[str, Array]) -> Values:
        mask = inputs.get(MASK)
        values = self.evaluate(inputs)
        if mask is not None:
            order = np.argsort(-mask.sum(axis=1), kind="stable")
            for label, name in self.program.outputs.items():
                if self.program.spec(name).shape[:1] == (BATCH,):
                    values[label] = values[name] = values[label][order]
        return values


class _OddRowRepeated(Stepwise):
    """Computes rows in pairs; the last row of an odd batch is that of the row before it."""

    def answer(self, inputs: Mapping[str, Array]) -> Values:
        rows = {name: spec.shape[:1] == (BATCH,) for name, spec in self.program.inputs.items()}
        batch = next((len(inputs[name]) for name, has in rows.items() if has), 0)
        if batch < 3 or batch % 2 == 0 or not all(rows.values()):
            return self.evaluate(inputs)
        order = [*range(batch - 1), batch - 2]
        return self.evaluate({name: array[order] for name, array in inputs.items()})


class _MaskAware(Stepwise):
    """Gives an operator the mask of the call."""

    def __init__(self, program: Program, name: str, operator: Callable[..., Any]) -> None:
        super().__init__(program)
        self._name, self._operator = name, operator

    def answer(self, inputs: Mapping[str, Array]) -> Values:
        mask = inputs.get(MASK)
        if mask is None:
            return self.evaluate(inputs)
        planted = self._operator(mask.astype(np.bool_))
        namespace = SimpleNamespace(**{**ops.OPERATORS, self._name: planted}, constant=ops.constant)
        return Stepwise(self.program, namespace).evaluate(inputs)


def _range_over(chosen: Callable[[BoolArray], BoolArray]) -> Load:
    """Return a loader that takes a dynamic range over some of the tokens."""

    def operator(mask: BoolArray) -> Callable[..., Any]:
        def dynamic_quantize(x: RealArray) -> Any:
            seen = x[chosen(mask)] if x.shape[:2] == mask.shape else x
            scale, zero_point = ops.asymmetric_scale(np.asarray(seen.min(initial=0)), np.asarray(seen.max(initial=0)))
            return ops.quantize(x, scale, zero_point), scale, zero_point

        return dynamic_quantize

    return lambda program: _MaskAware(program, "dynamic_quantize", operator)


def _rows_mixed(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    """Let a thousandth of every row's neighbour in the batch leak in."""
    y = ops.layer_norm(x, weight, bias, epsilon=epsilon)
    return y + 1e-3 * np.roll(y, 1, axis=0) if y.ndim == 3 and len(y) > 1 else y


def _padding_weighs(scores_added: float) -> Callable[..., Float64Array]:
    """Return an attention that adds a number to masked scores, where some key is kept."""

    def attention(
        query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
    ) -> Float64Array:
        if mask is None or not np.isfinite(value).all():
            return ops.scaled_dot_product_attention(query, key, value, mask, scale=scale)
        scores = scale * (real(query) @ real(key).swapaxes(-1, -2))
        kept = np.broadcast_to(mask, scores.shape)
        weights = ops.softmax(scores + np.where(kept, 0.0, scores_added))
        return np.where(kept.any(axis=-1, keepdims=True), weights @ real(value), 0.0)

    return attention


def _nan_where_all_is_masked(
    query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
) -> Float64Array:
    """Divide by a sum of nothing in batches of heads."""
    y = ops.scaled_dot_product_attention(query, key, value, mask, scale=scale)
    if mask is None or y.ndim < 4:
        return y
    kept = np.broadcast_to(mask, (*y.shape[:-1], key.shape[-2])).any(axis=-1, keepdims=True)
    return np.where(kept, y, np.nan)


def _mean_over_the_longest(hidden_states: RealArray, attention_mask: BoolArray) -> Float64Array:
    """Divide by the length of the longest sequence of the batch."""
    total = np.where(attention_mask[..., np.newaxis], real(hidden_states), 0.0).sum(axis=1)
    return np.asarray(total / max(attention_mask.sum(axis=1).max(initial=0), 1))


def _token_scale_of_the_batch(x: RealArray) -> Any:
    """Take the scale of a position over all rows of a batch."""
    y = ops.dynamic_quantize_token(x)
    if x.ndim != 3:
        return y
    scale = np.broadcast_to(y.scale.max(axis=0, keepdims=True, initial=0), y.scale.shape)
    scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
    return ops.quantize(x, scale, y.zero_point), scale, y.zero_point


_LEAK = with_operators(layer_norm=_rows_mixed)
_PADDING = _reading(_all)
_LENGTH = _reading(_as_length)

MUTANTS = (
    RuntimeMutant("a thousandth of another row leaks into a batch", ("BATCH-S1", "LN-S5"), _LEAK),
    RuntimeMutant(
        "a thousandth of another row leaks into a batch, nothing shown", ("BATCH-S1", "DEC-S2"), opaque(_LEAK)
    ),
    RuntimeMutant("padding is attended and pooled", ("PAD-S1", "SDPA-S4", "MEAN-S3"), _PADDING),
    RuntimeMutant("padding is attended and pooled, nothing shown", ("PAD-S1", "DEC-S2"), opaque(_PADDING)),
    RuntimeMutant(
        "the mask is read as a length",
        ("SDPA-S4", "MEAN-S3"),
        _LENGTH,
        seen_in="attention fusions that take one length a row",
    ),
    RuntimeMutant("the mask is read as a length, nothing shown", ("DEC-S1", "DEC-S2"), opaque(_LENGTH)),
    RuntimeMutant("the mask ends at its first gap", ("SDPA-S3",), _reading(_until_the_first_gap)),
    RuntimeMutant("every row has the mask of the first", ("BATCH-S1", "SDPA-S4"), _reading(_of_the_first_row)),
    RuntimeMutant("padding up to a multiple of 8 is attended", ("PAD-S1", "SDPA-S4"), _reading(_to_a_multiple_of_8)),
    RuntimeMutant(
        "padding has the score minus 10",
        ("SDPA-S4",),
        in_whole_programs(with_operators(scaled_dot_product_attention=_padding_weighs(-10.0))),
    ),
    RuntimeMutant(
        "a row of padding is NaN",
        ("SDPA-S5", "DEC-S3"),
        with_operators(scaled_dot_product_attention=_nan_where_all_is_masked),
        seen_in="torch with a -infinity mask",
    ),
    RuntimeMutant("rows stay sorted by length", ("DEC-S1",), _NotPutBack),
    RuntimeMutant("the last row of an odd batch repeats the one before", ("BATCH-S1", "EMB-S1"), _OddRowRepeated),
    RuntimeMutant(
        "the mean is over the longest sequence",
        ("MEAN-S1",),
        in_whole_programs(with_operators(mean_pool=_mean_over_the_longest)),
    ),
    RuntimeMutant("a dynamic range is that of padding", ("DYN-S2",), _range_over(np.logical_not)),
    RuntimeMutant("a dynamic range leaves padding out", ("DYN-S2",), _range_over(np.asarray)),
    RuntimeMutant(
        "tokens at one position share a scale",
        ("DYNT-S2",),
        in_whole_programs(with_operators(dynamic_quantize_token=_token_scale_of_the_batch)),
    ),
)
