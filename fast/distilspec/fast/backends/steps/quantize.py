"""Operations of a quantisation that no other step carries out."""

from __future__ import annotations

from distilspec.fast.backends.forward import WORD, Forward, Operand
from distilspec.fast.backends.fusion import layouts
from distilspec.fast.execute.arena import Buffer
from distilspec.fast.kernels.quantize import quantize
from distilspec.fast.kernels.tensor_range import tensor_range, tensor_scale
from distilspec.fast.kernels.token_range import token_range
from distilspec.fast.lower.fused import Quantize, Scales


def write_quantize(forward: Forward, step: Quantize) -> None:
    """Add the codes of a tensor in every layout in which they are read."""
    fused = forward.fused.get(step.x)
    if fused and fused.quantise is step:
        return
    x = forward.whole(step.x)
    if step.scales is Scales.STATIC:
        forward.static(step)
    else:
        _write_ranges(forward, step, x)
    scale, zero_point = forward.scales[step.out]
    for layout in layouts(forward.lowered, step.out, forward.target):
        operands: dict[str, Operand] = {
            "x": x, "x_scale": scale, "zero_point": zero_point, "features": forward.features(step.out),
            "codes": forward.made_codes(step, layout),
        }  # fmt: skip
        forward.do(quantize, (layout,), operands, forward.space(step.out).tiles, 8 * forward.elements(step.x))


def _write_ranges(forward: Forward, step: Quantize, x: Buffer) -> None:
    """Add what derives scales and zero points from the floats that are to be quantised."""
    space = forward.space(step.out)
    rows = space.tiles * forward.target.tile
    scale, zero_point = Buffer(rows * WORD), Buffer(rows * WORD)
    forward.scales[step.out] = scale, zero_point
    by_token: dict[str, Operand] = {"x_scale": scale, "zero_point": zero_point}
    operands: dict[str, Operand] = {"x": x, "features": forward.features(step.out)}
    if step.scales is Scales.TOKEN:
        forward.do(token_range, (), {**operands, **by_token}, space.tiles, forward.elements(step.x))
    else:
        ends: dict[str, Operand] = {"low": Buffer(space.tiles * WORD), "high": Buffer(space.tiles * WORD)}
        operands |= {"count": space.count, **ends}
        forward.do(tensor_range, (), operands, space.tiles, forward.elements(step.x))
        forward.do(tensor_scale, (), {**ends, "tiles": space.tiles, **by_token}, 1, rows)
