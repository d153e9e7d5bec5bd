"""Operations of the steps that go over rows of floats: embedding, normalisation, and element by element."""

from __future__ import annotations

from distilspec.fast.backends.forward import Forward, Operand
from distilspec.fast.kernels.elementwise import elementwise
from distilspec.fast.kernels.embed import embed
from distilspec.fast.kernels.l2_normalize import l2_normalize
from distilspec.fast.kernels.layer_norm import layer_norm
from distilspec.fast.lower.fused import Elementwise, Embed, L2Normalize, LayerNorm


def write_embed(forward: Forward, step: Embed) -> None:
    """Add the sum of rows of tables."""
    space = forward.tokens
    others = iter(("word", "type"))
    order = tuple("position" if ids is None else next(others) for ids in step.ids)
    operands: dict[str, Operand] = {
        "start": space.start, "count": space.count, "position": space.position, "out": forward.made(step.out),
        "features": forward.features(step.out),
    }  # fmt: skip
    for name, ids, table in zip(order, step.ids, step.tables, strict=True):
        operands[f"{name}_table"] = table
        if ids is not None:
            operands[f"{name}_ids"] = forward.inputs[ids]
    forward.do(embed, (order,), operands, space.tiles, forward.elements(step.out))


def write_layer_norm(forward: Forward, step: LayerNorm) -> None:
    """Add a normalisation, which may write codes as well as floats."""
    operands: dict[str, Operand] = {
        "x": forward.whole(step.x), "weight": step.weight, "bias": step.bias, "out": forward.made(step.out),
        "features": forward.features(step.out), "epsilon": step.epsilon,
    }  # fmt: skip
    fused = forward.fused.get(step.out)
    layout = fused.layout if fused else None
    if fused:
        operands |= {**forward.static(fused.quantise), "codes": forward.made_codes(fused.quantise, fused.layout)}
    forward.do(layer_norm, (layout,), operands, forward.space(step.out).tiles, 4 * forward.elements(step.out))


def write_l2_normalize(forward: Forward, step: L2Normalize) -> None:
    """Add a division of rows by their length."""
    operands: dict[str, Operand] = {
        "x": forward.whole(step.x), "out": forward.made(step.out), "features": forward.features(step.out),
        "epsilon": step.epsilon,
    }  # fmt: skip
    forward.do(l2_normalize, (), operands, forward.space(step.out).tiles, forward.elements(step.out))


def write_elementwise(forward: Forward, step: Elementwise) -> None:
    """Add an operator on every element."""
    operands: dict[str, Operand] = {"x": forward.whole(step.x), "out": forward.made(step.out)}
    if step.y is not None:
        operands["y"] = forward.whole(step.y)
    vectors = forward.space(step.out).tiles * forward.features(step.out) * forward.target.dot
    forward.do(elementwise, (step.op,), operands, vectors, 8 * forward.target.lanes)
