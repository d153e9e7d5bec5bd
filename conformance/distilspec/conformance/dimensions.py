"""The two dimensions along which a batch can be taken apart, found in a program's own inputs: texts and positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array, BoolArray
from distilspec.reference.program import Program

#: The input that says which positions are tokens and which are padding.
MASK = "attention_mask"


class Dimensions(NamedTuple):
    """The names of the dimensions that count texts and positions."""

    batch: str
    sequence: str


def dimensions(program: Program) -> Dimensions:
    """
    Return the names of the two dimensions of ``attention_mask``.

    Raises
    ------
    UnsupportedError
        The program has no such input, or one of fixed size.
    """
    shape = program.inputs[MASK].shape if MASK in program.inputs else ()
    if len(shape) != 2 or not all(isinstance(size, str) for size in shape):
        raise UnsupportedError(f"program {program.name} has no {MASK} of texts and positions that vary in number")
    return Dimensions(*map(str, shape))


def part(program: Program, tensor: str, array: Array, dimension: str, kept: slice) -> Array:
    """Return the part of a tensor along the axes that have a dimension's name, and the whole where none has."""
    axes = program.spec(tensor).shape
    return array[tuple(kept if size == dimension else slice(None) for size in axes)]


def parts(program: Program, inputs: Mapping[str, Array], dimension: str, kept: slice) -> dict[str, Array]:
    """Return the part of every input along a dimension."""
    return {name: part(program, name, array, dimension, kept) for name, array in inputs.items()}


def takes_one_scale(program: Program) -> bool:
    """Return whether one scale is taken from a whole tensor, so that texts and padding move each other's codes."""
    return any(step.op == "dynamic_quantize" for step in program.steps)


def tokens(program: Program, inputs: Mapping[str, Array], tensor: str, shape: tuple[int, ...]) -> BoolArray:
    """
    Return which elements of a tensor of this shape count.

    Those of tokens where its first axes are texts and positions, because padding says nothing; all where they are not.
    """
    if MASK not in program.inputs or program.spec(tensor).shape[:2] != program.inputs[MASK].shape:
        return np.ones(shape, np.bool_)
    mask = inputs[MASK].astype(np.bool_)
    return np.broadcast_to(mask.reshape(mask.shape + (1,) * (len(shape) - 2)), shape)
