"""How a source file writes a case down."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.conformance.goldens.case import Expected, GoldenCase, Judgement, Origin
from distilspec.reference.contract.types import Array, Attribute, BoolArray


@dataclass(frozen=True)
class Loose:
    """An answer around which the declared freedoms leave room: a derived bound, or a set of codes."""

    value: Array


def real(values: Any) -> Loose:
    """Round nested sequences of fractions, integers and floats to float64, correctly; the derived bound judges them."""
    return Loose(np.array(_floats(values), np.float64))


def exact_reals(values: Any) -> NDArray[np.float64]:
    """Return real numbers that every legitimate float32 implementation gives exactly."""
    array = np.array(_floats(values), np.float64)
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32).astype(np.float64)
    if not np.array_equal(narrow, array, equal_nan=True):
        raise ValueError(f"{array[narrow != array]} is not exact in float32")
    return array


def f32(values: Any) -> NDArray[np.float32]:
    """Return a float32 array."""
    return np.array(values, np.float32)


def f64(values: Any) -> NDArray[np.float64]:
    """Return a float64 array."""
    return np.array(values, np.float64)


def u8(values: Any) -> NDArray[np.uint8]:
    """Return a uint8 array."""
    return np.array(values, np.uint8)


def i8(values: Any) -> NDArray[np.int8]:
    """Return an int8 array."""
    return np.array(values, np.int8)


def i32(values: Any) -> NDArray[np.int32]:
    """Return an int32 array."""
    return np.array(values, np.int32)


def i64(values: Any) -> NDArray[np.int64]:
    """Return an int64 array."""
    return np.array(values, np.int64)


def boolean(values: Any) -> BoolArray:
    """Return a bool array."""
    return np.array(values, np.bool_)


def pattern(shape: tuple[int, ...], seed: int, lowest: int, highest: int) -> NDArray[np.int64]:
    """Return integers in [lowest, highest] that look random; the same ones on every machine and version."""
    draw = random.Random(seed).random
    count = math.prod(shape)
    values = [lowest + int(draw() * (highest - lowest + 1)) for _ in range(count)]
    return np.array(values, np.int64).reshape(shape)


@dataclass(frozen=True)
class Source:
    """
    Writes the cases of one operator.

    ``inputs`` and ``expected`` are mappings from names to arrays; an array among the expected ones is an exact answer,
    one in ``real(...)`` or ``Loose(...)`` is not. ``open_elements`` marks what the specification leaves open.
    """

    operator: str

    def hand(self, slug: str, clauses: str, **case: Any) -> GoldenCase:
        """Return a case whose answer is a person's arithmetic."""
        return self._case("hand", slug, clauses, **case)

    def exact(self, slug: str, clauses: str, **case: Any) -> GoldenCase:
        """Return a case whose answer is exact arithmetic that shares no code with the reference."""
        return self._case("exact", slug, clauses, **case)

    def _case(
        self,
        origin: Origin,
        slug: str,
        clauses: str,
        *,
        inputs: Mapping[str, Array | None],
        expected: Mapping[str, Array | Loose],
        notes: str,
        attributes: Mapping[str, Attribute] | None = None,
        allowed: Sequence[Mapping[str, Array | Loose]] = (),
        open_elements: Mapping[str, BoolArray] | None = None,
        recipe: str | None = None,
        superseded_by: str | None = None,
    ) -> GoldenCase:
        still_open = open_elements or {}
        return GoldenCase(
            id=f"{self.operator}-{slug}",
            operator=self.operator,
            clauses=tuple(clauses.split()),
            origin=origin,
            inputs=inputs,
            expected=_outputs(expected, still_open),
            notes=" ".join(notes.split()),
            attributes=attributes or {},
            allowed=tuple(_outputs(answer, {}) for answer in allowed),
            recipe=recipe,
            superseded_by=superseded_by,
        )


def _outputs(answer: Mapping[str, Array | Loose], still_open: Mapping[str, BoolArray]) -> tuple[Expected, ...]:
    return tuple(
        Expected(
            name,
            value.value if isinstance(value, Loose) else value,
            _judgement(value),
            ~still_open[name] if name in still_open else None,
        )
        for name, value in answer.items()
    )


def _judgement(answer: Array | Loose) -> Judgement:
    if isinstance(answer, Loose):
        return "bound" if answer.value.dtype.kind == "f" else "set"
    return "exact"


def _floats(values: Any) -> Any:
    if isinstance(values, (list, tuple)):
        return [_floats(value) for value in values]
    return values.tolist() if isinstance(values, np.ndarray) else float(values)
