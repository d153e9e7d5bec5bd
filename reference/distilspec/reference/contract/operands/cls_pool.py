"""What ``cls_pool`` accepts."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect, expect_float, expect_shape
from distilspec.reference.contract.errors import ShapeError
from distilspec.reference.contract.types import Array


def expect_cls_pool(hidden_states: Array) -> None:
    """Raise unless CLS-C1 to CLS-C3 hold."""
    expect_float("cls_pool", "CLS-C1", hidden_states=hidden_states)
    why = "its axes are batch, sequence and hidden_size"
    expect_shape("cls_pool", "hidden_states", hidden_states, (None, None, None), why=why, clause="CLS-C2")
    expect(
        hidden_states.shape[1] > 0,
        ShapeError,
        "cls_pool",
        seen=f"hidden_states has shape {hidden_states.shape}",
        expected="at least one token a sequence",
        why="the first one is taken",
        clause="CLS-C3",
    )
