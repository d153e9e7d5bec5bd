"""Steps that move nothing: parts of a tensor, and other orders of its axes."""

from __future__ import annotations

from dataclasses import replace

from distilspec.fast.lower.fused import Output, Rows
from distilspec.fast.lower.lowering import SEQUENCE, Heads, Lowering, as_float, attributes
from distilspec.reference.program import Step


def lower_slice(lowering: Lowering, step: Step) -> None:
    """Take some of the features of a tensor, or the first rows of a table of positions."""
    given = {"step": 1, **attributes(step)}
    axis, start, stop = (given[name] for name in ("axis", "start", "stop"))
    if given["step"] != 1:
        raise lowering.refuse(step, f"neighbours, step 1 in place of {given['step']}")
    if step.inputs[0] in lowering.constants:
        table = lowering.constant(step, 0)
        sequences = [spec.shape[SEQUENCE] for spec in lowering.program.inputs.values() if len(spec.shape) == 2]
        if axis != 0 or start != 0 or stop not in sequences or table.ndim != 2:
            raise lowering.refuse(step, "the rows of a table from 0 until before sequence, the tokens of a sequence")
        lowering.positions[step.name] = as_float(table)
        return
    x = lowering.rows(step)
    if axis not in (-1, len(lowering.program.spec(x).shape) - 1) or isinstance(stop, str):
        raise lowering.refuse(step, "some of the features of a tensor")
    first, last, _ = slice(start, stop).indices(lowering.tensors[x].features)
    lowering.slices[step.name] = Output(x, first, max(first, last))


def lower_squeeze(lowering: Lowering, step: Step) -> None:
    """Take one feature without its axis."""
    view = lowering.slices.get(str(step.inputs[0]))
    last = len(lowering.program.spec(str(step.inputs[0])).shape) - 1
    if view is None or view.stop - view.start != 1 or tuple(attributes(step)["axes"]) not in ((-1,), (last,)):
        raise lowering.refuse(step, "one feature of a tensor, and its axis")
    lowering.slices[step.name] = replace(view, squeezed=True)


def lower_unsqueeze(lowering: Lowering, step: Step) -> None:
    """Spread a mask over the scores of attention."""
    mask = lowering.mask_input(step, 0)
    if tuple(attributes(step)["axes"]) != (1, 2):
        raise lowering.refuse(step, "axes 1 and 2 put in")
    lowering.masks[step.name] = mask


def lower_reshape(lowering: Lowering, step: Step) -> None:
    """Split features into heads, or join heads."""
    name, shape = str(step.inputs[0]), lowering.program.spec(step.name).shape
    seen = lowering.heads.get(name)
    tensor = name if seen is None else seen.tensor
    known = lowering.tensors.get(tensor)
    if known is None or known.rows is not Rows.TOKENS or shape[:2] != lowering.program.spec(name).shape[:2]:
        raise lowering.refuse(step, "features split into heads, or heads joined")
    match shape[2:]:
        case (int(heads), int(head_dim)) if seen is None and heads * head_dim == known.features:
            lowering.heads[step.name] = Heads(name, heads, head_dim)
        case (features,) if features == known.features and seen and not seen.by_head and lowering.readers[tensor] == 1:
            lowering.rename(tensor, step.name)
        case _:
            raise lowering.refuse(step, "features split into heads, or heads joined")


def lower_transpose(lowering: Lowering, step: Step) -> None:
    """Put heads before tokens, or behind them."""
    seen = lowering.heads.get(str(step.inputs[0]))
    if seen is None or tuple(attributes(step)["axes"]) != (0, 2, 1, 3):
        raise lowering.refuse(step, "heads split from features, axes (0, 2, 1, 3)")
    lowering.heads[step.name] = replace(seen, by_head=not seen.by_head)
