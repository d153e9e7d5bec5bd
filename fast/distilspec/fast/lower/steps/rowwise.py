"""What is done to each row by itself: normalisation, activations, sums."""

from __future__ import annotations

from dataclasses import replace

from distilspec.fast.lower.fused import Elementwise, L2Normalize, LayerNorm, Linear
from distilspec.fast.lower.lowering import Lowering, as_float, attributes
from distilspec.fast.lower.steps.embedding import adds_tables
from distilspec.reference.program import Step


def lower_activation(lowering: Lowering, step: Step) -> None:
    """Fuse an activation into the Linear before it, where nothing else reads that."""
    x = lowering.rows(step)
    match lowering.last_linear(x):
        case (place, Linear(activation=None, residual=None) as made):
            lowering.fuse(place, x, replace(made, out=step.name, activation=step.op))
        case _:
            lowering.emit(Elementwise(step.op, x, None, step.name), lowering.tensors[x])


def lower_add(lowering: Lowering, step: Step) -> None:
    """Fuse a sum into the embedding or Linear that makes an operand, where nothing else reads that."""
    if adds_tables(lowering, step):
        return
    x, y = lowering.rows(step, 0), lowering.rows(step, 1)
    if lowering.tensors[x] != lowering.tensors[y]:
        raise lowering.refuse(step, "operands of one shape")
    for here, other in ((x, y), (y, x)):
        match lowering.last_linear(here):
            case (place, Linear(residual=None) as made) if other in {before.out for before in lowering.steps[:place]}:
                lowering.fuse(place, here, replace(made, out=step.name, residual=other))
                return
    lowering.emit(Elementwise("add", x, y, step.name), lowering.tensors[x])


def lower_layer_norm(lowering: Lowering, step: Step) -> None:
    """Normalise rows, with a weight and a bias that are constants."""
    x = lowering.rows(step)
    weight, bias = (as_float(lowering.constant(step, place)) for place in (1, 2))
    lowering.emit(LayerNorm(x, step.name, weight, bias, float(attributes(step)["epsilon"])), lowering.tensors[x])


def lower_l2_normalize(lowering: Lowering, step: Step) -> None:
    """Divide rows by their lengths."""
    x = lowering.rows(step)
    rank = len(lowering.program.spec(step.name).shape)
    if int(attributes(step).get("axis", -1)) not in (-1, rank - 1):
        raise lowering.refuse(step, "the last axis")
    lowering.emit(L2Normalize(x, step.name, float(attributes(step).get("epsilon", 1e-12))), lowering.tensors[x])
