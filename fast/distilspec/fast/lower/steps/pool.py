"""One row for a sequence."""

from __future__ import annotations

from dataclasses import replace

from distilspec.fast.lower.fused import ClsPool, MeanPool, Rows
from distilspec.fast.lower.lowering import Lowering
from distilspec.reference.program import Step


def lower_mean_pool(lowering: Lowering, step: Step) -> None:
    """Take the mean of the tokens that a mask keeps."""
    x, mask = lowering.rows(step), lowering.mask_input(step, 1)
    lowering.emit(MeanPool(x, mask, step.name), replace(lowering.tensors[x], rows=Rows.SEQUENCES))


def lower_cls_pool(lowering: Lowering, step: Step) -> None:
    """Take the first token."""
    x = lowering.rows(step)
    lowering.emit(ClsPool(x, step.name), replace(lowering.tensors[x], rows=Rows.SEQUENCES))
