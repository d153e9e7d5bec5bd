"""What ``linear`` accepts."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect_float, expect_rank, expect_shape
from distilspec.reference.contract.types import Array


def expect_linear(x: Array, weight: Array, bias: Array | None) -> None:
    """Raise unless LIN-C1 to LIN-C3 hold."""
    expect_float("linear", "LIN-C3", x=x, weight=weight, bias=bias)
    expect_rank("linear", "x", x, 1, why="its last axis is summed", clause="LIN-C1")
    expect_shape("linear", "weight", weight, (None, x.shape[-1]), why=f"x has shape {x.shape}", clause="LIN-C1")
    if bias is not None:
        expect_shape("linear", "bias", bias, weight.shape[:1], why=f"weight has shape {weight.shape}", clause="LIN-C2")
