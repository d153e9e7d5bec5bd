"""Attention, of heads that were split from features."""

from __future__ import annotations

from collections.abc import Sequence

from distilspec.fast.lower.attention_codes import Found
from distilspec.fast.lower.fused import Attention, QuantizedAttention, Rows, Tensor
from distilspec.fast.lower.lowering import Heads, Lowering, attributes
from distilspec.reference.program import Step


def lower_attention(lowering: Lowering, step: Step) -> None:
    """Take attention of floats."""
    mask = step.inputs[3] if len(step.inputs) > 3 else None
    _emit_attention(lowering, step, _attended(lowering, step, step.inputs[:3], mask, float(attributes(step)["scale"])))


def lower_quantized_attention(lowering: Lowering, step: Step, found: Found) -> None:
    """Take attention whose products are of codes, which ends with a step."""
    plain = _attended(lowering, step, found.heads, found.mask, found.score_scale)
    query_scale, key_scale, value_scale = found.scales
    fused = QuantizedAttention(
        **vars(plain), query_scale=query_scale, query_zero_point=found.query_zero_point, key_scale=key_scale,
        value_scale=value_scale,
    )  # fmt: skip
    _emit_attention(lowering, step, fused)


def _attended(lowering: Lowering, step: Step, heads: Sequence[str | None], mask: str | None, scale: float) -> Attention:
    """Return the attention of three tensors of heads."""
    operands = [lowering.heads.get(str(name)) for name in heads]
    query, key, value = operands
    if query is None or key is None or value is None or not all(o is not None and o.by_head for o in operands):
        raise lowering.refuse(step, "heads [batch, heads, sequence, head_dim] that were split from features")
    if len({(o.heads, o.head_dim) for o in (query, key, value)}) != 1:
        raise lowering.refuse(step, "as many heads, as wide, of query, key and value")
    if mask is not None and mask not in lowering.masks:
        raise lowering.refuse(step, "a mask that is a bool input of the program with axes 1 and 2 put in")
    return Attention(
        query.tensor, key.tensor, value.tensor, step.name, query.heads, query.head_dim, scale,
        None if mask is None else lowering.masks[mask],
    )  # fmt: skip


def _emit_attention(lowering: Lowering, step: Step, fused: Attention) -> None:
    lowering.emit(fused, Tensor(Rows.TOKENS, fused.heads * fused.head_dim))
    lowering.heads[step.name] = Heads(step.name, fused.heads, fused.head_dim, by_head=True)
