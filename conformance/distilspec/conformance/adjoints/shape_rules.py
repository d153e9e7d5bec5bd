"""Operators that only move elements, pulled back: each cotangent returns to the place that its element came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from distilspec.conformance.adjoints.rule import Pull, Rule, summed_to
from distilspec.reference.contract.types import Array, Float64Array


def _reshaped(cotangents: Any, _: Any, x: Array, **__: Any) -> tuple[Pull, ...]:
    return (lambda: cotangents[0].reshape(x.shape),)


def _transpose(cotangents: Any, _: Any, x: Array, *, axes: tuple[int, ...]) -> tuple[Pull, ...]:
    return (lambda: cotangents[0].transpose(np.argsort(axes)),)


def _expand(cotangents: Any, _: Any, x: Array, **__: Any) -> tuple[Pull, ...]:
    return (lambda: summed_to(cotangents[0], x.shape),)


def _slice(
    cotangents: Any, _: Any, x: Array, *, axis: int, start: int, stop: int | None, step: int = 1
) -> tuple[Pull, ...]:
    def pull() -> Float64Array:
        whole = np.zeros(x.shape)
        np.moveaxis(whole, axis, 0)[start:stop:step] = np.moveaxis(cotangents[0], axis, 0)
        return whole

    return (pull,)


def _concat(cotangents: Any, _: Any, *tensors: Array, axis: int) -> tuple[Pull, ...]:
    ends = np.cumsum([tensor.shape[axis] for tensor in tensors])[:-1]
    parts = np.split(cotangents[0], ends, axis=axis)
    return tuple(lambda part=part: part for part in parts)


def _gather(cotangents: Any, _: Any, x: Array, indices: Array, *, axis: int = 0) -> tuple[Pull, ...]:
    def pull() -> Float64Array:
        whole = np.zeros(np.moveaxis(x, axis, 0).shape)
        places = tuple(range(axis % x.ndim, axis % x.ndim + indices.ndim))
        np.add.at(whole, indices, np.moveaxis(cotangents[0], places, range(indices.ndim)))
        return np.moveaxis(whole, 0, axis)

    return pull, None


def _cls_pool(cotangents: Any, _: Any, hidden_states: Array) -> tuple[Pull, ...]:
    def pull() -> Float64Array:
        whole = np.zeros(hidden_states.shape)
        whole[:, 0] = cotangents[0]
        return whole

    return (pull,)


def _cast(cotangents: Any, results: Any, x: Array, **_: Any) -> tuple[Pull, ...]:
    moves = results[0].dtype.kind == "f" and x.dtype.kind != "b"
    return ((lambda: cotangents[0]) if moves else None,)


SHAPE_RULES: Mapping[str, Rule] = {
    "cast": _cast,
    "cls_pool": _cls_pool,
    "concat": _concat,
    "expand": _expand,
    "gather": _gather,
    "reshape": _reshaped,
    "slice": _slice,
    "squeeze": _reshaped,
    "transpose": _transpose,
    "unsqueeze": _reshaped,
}
