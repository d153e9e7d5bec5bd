"""Codes of floats, with scales that are known before or found on the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from distilspec.fast.lower.fused import Quantize, Scales
from distilspec.fast.lower.lowering import Lowering
from distilspec.reference.program import Step


def lower_quantize(lowering: Lowering, step: Step) -> None:
    """Take one scale and one zero point that are constants."""
    x, scale, zero_point = lowering.rows(step), lowering.constant(step, 1), lowering.constant(step, 2)
    if scale.size != 1 or zero_point.size != 1:
        raise lowering.refuse(step, "one scale and one zero point for the tensor")
    signed = zero_point.dtype == np.int8
    made = Quantize(x, step.name, Scales.STATIC, signed, float(scale.item()), int(zero_point.item()))
    lowering.emit(made, replace(lowering.tensors[x], codes=True))


def lower_dynamic_quantize(lowering: Lowering, step: Step) -> None:
    """Find one scale and one zero point for the tensor."""
    _dynamic_quantize(lowering, step, Scales.TENSOR, signed=False)


def lower_dynamic_quantize_token(lowering: Lowering, step: Step) -> None:
    """Find a scale for every token."""
    _dynamic_quantize(lowering, step, Scales.TOKEN, signed=True)


def _dynamic_quantize(lowering: Lowering, step: Step, scales: Scales, *, signed: bool) -> None:
    x = lowering.rows(step)
    made = Quantize(x, step.name, scales, signed, derived=step.outputs[1:])
    lowering.emit(made, replace(lowering.tensors[x], codes=True))
