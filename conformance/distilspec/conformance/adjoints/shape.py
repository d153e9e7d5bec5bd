"""Reverse rules of operators that move, choose or add up elements."""

from __future__ import annotations

import builtins
from functools import partial

import numpy as np

from distilspec.conformance.adjoints.rule import Applied, Pullback, summed_to
from distilspec.reference.contract.types import Array, Float64Array


def reshape(step: Applied) -> Pullback:
    """Give the cotangent the operand's shape; squeeze and unsqueeze are reshapes too."""
    return {0: lambda: step.cotangent.reshape(step.operands[0].shape)}


squeeze = unsqueeze = reshape


def transpose(step: Applied) -> Pullback:
    """Permute back."""
    inverse = tuple(int(axis) for axis in np.argsort(step.attributes["axes"]))
    return {0: lambda: step.cotangent.transpose(inverse)}


def expand(step: Applied) -> Pullback:
    """Sum over what was repeated."""
    return {0: lambda: summed_to(step.cotangent, step.operands[0].shape)}


def slice(step: Applied) -> Pullback:
    """Put the cotangent in its place, zero elsewhere."""

    def gradient() -> Float64Array:
        attributes = step.attributes
        full = np.zeros(step.operands[0].shape)
        place = [builtins.slice(None)] * full.ndim
        place[attributes["axis"]] = builtins.slice(attributes["start"], attributes["stop"], attributes.get("step", 1))
        full[tuple(place)] = step.cotangent
        return full

    return {0: gradient}


def concat(step: Applied) -> Pullback:
    """Split the cotangent into each operand's part."""
    axis = step.attributes["axis"]
    ends = np.cumsum([operand.shape[axis] for operand in step.operands])[:-1]
    parts = np.split(step.cotangent, ends, axis=axis)
    return {index: partial(np.asarray, part) for index, part in enumerate(parts)}


def gather(step: Applied) -> Pullback:
    """Sum the cotangents of every copy."""

    def gradient() -> Float64Array:
        x, indices = step.operands
        axis = step.attributes.get("axis", 0) % x.ndim
        full = np.zeros(x.shape)
        copies = np.moveaxis(step.cotangent, range(axis, axis + indices.ndim), range(indices.ndim))
        np.add.at(np.moveaxis(full, axis, 0), indices, copies)
        return full

    return {0: gradient}


def reduce_sum(step: Applied) -> Pullback:
    """Repeat the cotangent."""
    return {0: lambda: _spread(step)}


def reduce_mean(step: Applied) -> Pullback:
    """Repeat the cotangent, over the number of elements."""
    return {0: lambda: _spread(step) * (step.result.size / step.operands[0].size)}


def reduce_max(step: Applied) -> Pullback:
    """Give the cotangent to the largest elements, in equal shares; the same for the smallest ones."""

    def gradient() -> Float64Array:
        chosen = step.operands[0] == _kept(step, step.result)
        return np.asarray(_spread(step) * chosen / chosen.sum(axis=step.attributes["axes"], keepdims=True))

    return {0: gradient}


reduce_min = reduce_max


def _spread(step: Applied) -> Float64Array:
    return np.broadcast_to(_kept(step, step.cotangent), step.operands[0].shape)


def _kept(step: Applied, reduced: Array) -> Array:
    """Return what was reduced with the axes that it may have lost."""
    if step.attributes.get("keepdims", True):
        return reduced
    return np.expand_dims(reduced, tuple(axis % step.operands[0].ndim for axis in step.attributes["axes"]))
