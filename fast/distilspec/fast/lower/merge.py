"""Linears that read the same rows, as one: query, key and value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from distilspec.fast.lower.fused import Attention, Fused, Linear, read_by


def merged(steps: Sequence[Fused]) -> list[Fused]:
    """
    Return the steps with the Linears merged that make query, key and value of one attention, and of no other step.

    All of them or none: one list says where the keys of a sequence lie and where their values do.
    """
    together = list(steps)
    for attention in steps:
        if not isinstance(attention, Attention):
            continue
        wanted = {attention.query, attention.key, attention.value}
        others = {name for step in together if step is not attention for name in read_by(step)}
        places = [place for place, step in enumerate(together) if step.out in wanted]
        between = slice(places[0], places[-1] + 1)
        linears = [step for step in together[between] if isinstance(step, Linear)]
        neighbours = len(linears) == len(places) == between.stop - between.start
        if neighbours and len(linears) > 1 and wanted.isdisjoint(others) and _alike(linears):
            together[between] = [_one(linears)]
    return together


def _one(linears: Sequence[Linear]) -> Linear:
    ends = np.cumsum([len(linear.weight) for linear in linears]).tolist()
    scales = [linear.w_scale for linear in linears if linear.w_scale is not None]
    return replace(
        linears[0],
        out=" ".join(linear.out for linear in linears),
        weight=np.concatenate([linear.weight for linear in linears]),
        bias=np.concatenate([linear.bias for linear in linears]),
        largest_code=max(linear.largest_code for linear in linears),
        w_scale=np.concatenate(scales) if scales else None,
        parts={linear.out: (start, end) for linear, start, end in zip(linears, [0, *ends[:-1]], ends, strict=True)},
    )


def _alike(linears: Sequence[Linear]) -> bool:
    plain = all(linear.activation is None and linear.residual is None for linear in linears)
    return plain and len({(linear.x, linear.block_shape, linear.quantised) for linear in linears}) == 1
