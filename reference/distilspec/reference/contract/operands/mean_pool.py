"""What ``mean_pool`` accepts."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect_dtype, expect_float, expect_shape
from distilspec.reference.contract.types import Array


def expect_mean_pool(hidden_states: Array, attention_mask: Array) -> None:
    """Raise unless MEAN-C1 to MEAN-C4 hold."""
    expect_float("mean_pool", "MEAN-C1", hidden_states=hidden_states)
    why = "its axes are batch, sequence and hidden_size"
    expect_shape("mean_pool", "hidden_states", hidden_states, (None, None, None), why=why, clause="MEAN-C2")
    why = "True keeps a token"
    expect_dtype("mean_pool", "attention_mask", attention_mask, ("bool",), why=why, clause="MEAN-C3")
    why = f"hidden_states has shape {hidden_states.shape}"
    expect_shape("mean_pool", "attention_mask", attention_mask, hidden_states.shape[:2], why=why, clause="MEAN-C4")
