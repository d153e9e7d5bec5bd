"""``Inputs``: what a program takes, and the check of what a caller gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.lower.fused import Embed, Lowered
from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError, UnsupportedError

Array = NDArray[Any]


class Inputs:
    """
    The inputs of a program, and what each may hold.

    A forward empties the caches, so that a check pays for every Python function and every part of NumPy that it enters:
    it makes no array that is there, and finds the least and the greatest without NumPy's reductions, which are some
    three times as slow then.
    """

    def __init__(self, lowered: Lowered) -> None:
        """Collect the inputs of fused steps, the rows of the tables that ids look up, and the positions."""
        self._masks = frozenset(lowered.masks)
        tables = [
            (name, len(table))
            for step in lowered.steps
            if isinstance(step, Embed)
            for name, table in zip(step.ids, step.tables, strict=True)
        ]
        self._positions = min((rows for name, rows in tables if name is None), default=None)
        limits = [*tables, *((name, 2) for name in self._masks)]
        self._below = {name: min((n for of, n in limits if of == name), default=None) for name in lowered.inputs}

    def checked(self, given: Mapping[str, Any]) -> dict[str, Array]:
        """
        Return arrays of integers or bools, all of one shape; what was not given keeps every token, and is of type 0.

        Raises
        ------
        ShapeError, DTypeError, RangeError
            As ``Engine.__call__``.
        UnsupportedError
            The program has no such input.
        """
        arrays: dict[str, Array] = {}
        for name, value in given.items():
            if name not in self._below:
                raise UnsupportedError(f"input {name} does not exist; expected {', '.join(self._below)}")
            try:
                array = arrays[name] = np.asarray(value)
            except ValueError:
                raise ShapeError(f"{name}: rows of unequal lengths; expected [batch, sequence]") from None
            if array.dtype.kind not in "biu":
                raise DTypeError(f"{name}: {array.dtype}; expected integers")
        if "input_ids" not in arrays:
            raise ShapeError("input_ids: absent; expected integers [batch, sequence]")
        shape = arrays["input_ids"].shape
        if len(shape) != 2:
            raise ShapeError(f"input_ids: shape {shape}; expected [batch, sequence]")
        if shape[1] == 0:
            raise ShapeError(f"input_ids: shape {shape}; expected at least one token")
        for name, array in arrays.items():
            if array.shape != shape:
                raise ShapeError(f"{name}: shape {array.shape}; expected {shape}, that of input_ids")
        if self._positions is not None and shape[1] > self._positions:
            raise RangeError(f"sequence of {shape[1]} tokens; expected at most {self._positions}, the positions")
        for name, below in self._below.items():
            if name not in arrays:
                arrays[name] = np.ones(shape, np.bool_) if name in self._masks else np.zeros(shape, np.int64)
            elif below is not None:
                self._expect_below(name, arrays[name], below)
        return arrays

    def _expect_below(self, name: str, array: Array, below: int) -> None:
        if not array.size or (array.dtype.kind == "b" and below == 2):
            return
        least, most = array.item(array.argmin()), array.item(array.argmax())
        if least < 0 or most >= below:
            expected = "0 or 1" if name in self._masks else f"0 to {below - 1}, the rows of its table"
            raise RangeError(f"{name}: holds {least if least < 0 else most}; expected {expected}")
