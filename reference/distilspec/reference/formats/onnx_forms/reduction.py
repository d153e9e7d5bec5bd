"""Reductions."""

from __future__ import annotations

from distilspec.reference.formats.onnx_forms.graph import StepWriter


def reduce_mean(to: StepWriter, x: str, *, axes: tuple[int, ...], keepdims: bool = True) -> None:
    """Write ReduceMean."""
    to.reduction("ReduceMean", x, axes, keepdims=keepdims)


def reduce_sum(to: StepWriter, x: str, *, axes: tuple[int, ...], keepdims: bool = True) -> None:
    """Write ReduceSum."""
    to.reduction("ReduceSum", x, axes, keepdims=keepdims)


def reduce_max(to: StepWriter, x: str, *, axes: tuple[int, ...], keepdims: bool = True) -> None:
    """Write ReduceMax."""
    to.reduction("ReduceMax", x, axes, keepdims=keepdims)


def reduce_min(to: StepWriter, x: str, *, axes: tuple[int, ...], keepdims: bool = True) -> None:
    """Write ReduceMin."""
    to.reduction("ReduceMin", x, axes, keepdims=keepdims)
