"""The operation of a Linear, with what follows it."""

from __future__ import annotations

from distilspec.fast.backends.forward import Floats, Forward, Operand
from distilspec.fast.backends.fusion import layout_of
from distilspec.fast.backends.weights import KERNELS
from distilspec.fast.kernels.epilogue import Epilogue
from distilspec.fast.lower.fused import Linear


def write_linear(forward: Forward, step: Linear) -> None:
    """Add a matrix product of floats or of codes."""
    features = len(step.weight)
    space = forward.space(step.x)
    packed = forward.packed[step.out]
    operands: dict[str, Operand] = {**packed.operands, "tiles": space.tiles}
    if step.quantised:
        scale, zero_point = forward.scales[step.x]
        codes = forward.codes[step.x, layout_of(step, forward.target)]
        operands |= {"codes": codes, "x_scale": scale, "zero_point": zero_point}
    else:
        operands["x"] = forward.whole(step.x)
    if step.residual is not None:
        operands["residual"] = forward.whole(step.residual)
    fused = forward.fused.get(step.out)
    layout = fused.layout if fused else None
    if fused:
        operands |= {**forward.static(fused.quantise), "out_codes": forward.made_codes(fused.quantise, fused.layout)}
    else:
        out = operands["out"] = forward.made_in(space, step.out, features)
        for name, (start, _) in step.parts.items():
            forward.floats[name] = Floats(out, start, features)
    epilogue = Epilogue(step.activation, step.residual is not None, layout)
    work = packed.work * space.tiles * forward.target.tile
    forward.do(KERNELS[packed.kernel], (forward.target.dot, epilogue), operands, packed.units, work)
