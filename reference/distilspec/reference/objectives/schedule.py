"""Checks that the schedules share."""

from __future__ import annotations

from itertools import pairwise

from distilspec.reference.contract.checks import expect
from distilspec.reference.contract.errors import RangeError


def expect_sparsity(schedule: str, *, clause: str, **shares: float) -> None:
    """Raise ``RangeError`` unless every share lies in [0, 1]."""
    for name, share in shares.items():
        expect(
            0 <= share <= 1,
            RangeError,
            schedule,
            seen=f"{name} is {share}",
            expected="0 to 1",
            why="it is a share of the weights",
            clause=clause,
        )


def expect_order(schedule: str, *, clause: str, **times: int) -> None:
    """Raise ``RangeError`` unless the times rise, beginning at 0 or later; equal ones are no rise."""
    values = list(times.values())
    expect(
        values[0] >= 0 and all(a < b for a, b in pairwise(values)),
        RangeError,
        schedule,
        seen=", ".join(f"{name} is {value}" for name, value in times.items()),
        expected=f"0 <= {' < '.join(times)}",
        why="one follows the other",
        clause=clause,
    )


def expect_positive(schedule: str, *, clause: str, **counts: int) -> None:
    """Raise ``RangeError`` unless every count is at least 1."""
    for name, count in counts.items():
        expect(
            count >= 1,
            RangeError,
            schedule,
            seen=f"{name} is {count}",
            expected="at least 1",
            why="it counts steps",
            clause=clause,
        )
