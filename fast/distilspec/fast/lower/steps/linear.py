"""Linear layers, of floats and of codes, with weights that are dense or in blocks."""

from __future__ import annotations

import numpy as np

from distilspec.fast.lower.constants import dequantized, unpacked
from distilspec.fast.lower.fused import Array, Linear, Quantize, Tensor
from distilspec.fast.lower.lowering import Lowering, as_float, attributes
from distilspec.reference.program import Step


def lower_linear(lowering: Lowering, step: Step) -> None:
    """Take a dense weight of floats."""
    _linear(lowering, step, lowering.constant(step, 1), 2)


def lower_block_sparse_linear(lowering: Lowering, step: Step) -> None:
    """Take a weight of floats in blocks, whose zeros are put in."""
    _linear(lowering, step, _unpacked(lowering, step, 1), 4)


def lower_quantized_linear(lowering: Lowering, step: Step) -> None:
    """Take a dense weight of codes."""
    _quantized_linear(lowering, step, sparse=False)


def lower_quantized_block_sparse_linear(lowering: Lowering, step: Step) -> None:
    """Take a weight of codes in blocks."""
    _quantized_linear(lowering, step, sparse=True)


def lower_dequantize(lowering: Lowering, step: Step) -> None:
    """Make a constant of constant codes."""
    zero_point = lowering.constant(step, 2) if len(step.inputs) > 2 and step.inputs[2] is not None else None
    codes, scale = (lowering.constant(step, place) for place in (0, 1))
    lowering.constants[step.name] = dequantized(codes, scale, zero_point, attributes(step).get("axis"))


def _linear(lowering: Lowering, step: Step, weight: Array, place: int) -> None:
    """Emit a product of floats, whose bias is the operand at ``place``."""
    x, held = lowering.rows(step), as_float(weight)
    _emit_linear(lowering, Linear(x, step.name, held, _bias(lowering, step, place, len(held))))


def _quantized_linear(lowering: Lowering, step: Step, *, sparse: bool) -> None:
    x = lowering.rows(step, codes=True)
    quantised = next(made for made in lowering.steps if made.out == x)
    assert isinstance(quantised, Quantize)
    scales = quantised.derived or _static_scales(lowering, x)
    if tuple(step.inputs[1:3]) != scales:
        raise lowering.refuse(step, f"the scale and zero point of {x}")
    weight = _unpacked(lowering, step, 3) if sparse else lowering.constant(step, 3)
    _, *block = lowering.constant(step, 3).shape
    largest = int(np.abs(weight.astype(np.int16)).max(initial=0))
    after = 6 if sparse else 4
    if len(step.inputs) > after + 2:
        raise lowering.refuse(step, "no scale of the output: a step of its own quantises it")
    w_scale = np.broadcast_to(as_float(lowering.constant(step, after)), len(weight)).copy()
    bias = _bias(lowering, step, after + 1, len(weight))
    _emit_linear(lowering, Linear(x, step.name, weight, bias, w_scale, tuple(block) if sparse else None, largest))


def _static_scales(lowering: Lowering, codes: str) -> tuple[str | None, ...]:
    """Return the scale and zero point of codes whose step takes them as operands."""
    quantisers = (step for step in lowering.program.steps if step.op == "quantize" and step.name == codes)
    return next((tuple(step.inputs[1:3]) for step in quantisers), ())


def _emit_linear(lowering: Lowering, linear: Linear) -> None:
    lowering.emit(linear, Tensor(lowering.tensors[linear.x].rows, len(linear.weight)))


def _bias(lowering: Lowering, step: Step, place: int, features: int) -> Array:
    if place >= len(step.inputs) or step.inputs[place] is None:
        return np.zeros(features, np.float32)
    return as_float(lowering.constant(step, place))


def _unpacked(lowering: Lowering, step: Step, place: int) -> Array:
    """Return a block-sparse weight with its zeros put in."""
    data, indices, indptr = (lowering.constant(step, place + index) for index in range(3))
    return unpacked(data, indices, indptr, int(lowering.program.spec(str(step.inputs[0])).shape[-1]))
