"""Linears that read the same rows, as one: query, key and value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from distilspec.fast.lower.fused import Array, Attention, Fused, Linear


def merged(steps: Sequence[Fused]) -> list[Fused]:
    """Return the steps with the Linears merged that multiply the same rows and that only attention reads."""
    attended = {name for step in steps if isinstance(step, Attention) for name in (step.query, step.key, step.value)}
    together: list[Fused] = []
    for step in steps:
        before = together[-1] if together else None
        if (
            isinstance(step, Linear)
            and isinstance(before, Linear)
            and step.out in attended
            and (before.out in attended or before.parts)
            and _alike(before, step)
        ):
            start = len(before.weight)
            together[-1] = replace(
                before,
                out=f"{before.out} {step.out}",
                weight=np.concatenate([before.weight, step.weight]),
                bias=np.concatenate([before.bias, step.bias]),
                largest_code=max(before.largest_code, step.largest_code),
                w_scale=None if before.w_scale is None or step.w_scale is None else _joined(before, step),
                parts={**(before.parts or {before.out: (0, start)}), step.out: (start, start + len(step.weight))},
            )
        else:
            together.append(step)
    return together


def _joined(a: Linear, b: Linear) -> Array:
    return np.concatenate([np.asarray(a.w_scale), np.asarray(b.w_scale)])


def _alike(a: Linear, b: Linear) -> bool:
    plain = all(linear.activation is None and linear.residual is None for linear in (a, b))
    return plain and (a.x, a.block_shape, a.quantised) == (b.x, b.block_shape, b.quantised)
