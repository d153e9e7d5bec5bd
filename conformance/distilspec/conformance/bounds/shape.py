"""Bounds of the operators that only move elements: an error moves with its element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distilspec.conformance.bounds.bounded import Bounded, Operand, lift
from distilspec.reference import ops as reference


def _moving(operator: Callable[..., Any]) -> Callable[..., Bounded]:
    def move(x: Operand, **attributes: Any) -> Bounded:
        x = lift(x)
        return Bounded(operator(x.value, **attributes), operator(x.error, **attributes))

    move.__name__ = operator.__name__
    move.__doc__ = f"Bound ``{operator.__name__}``: errors move with their elements."
    return move


cls_pool = _moving(reference.cls_pool)
expand = _moving(reference.expand)
reshape = _moving(reference.reshape)
slice = _moving(reference.slice)
squeeze = _moving(reference.squeeze)
transpose = _moving(reference.transpose)
unsqueeze = _moving(reference.unsqueeze)
