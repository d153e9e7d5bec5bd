"""Runtimes whose attention of codes is wrong: what a fused kernel can take for ``w8a8-static-attn``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from distilspec.conformance.mutants.matmul_integer import saturating_pairs
from distilspec.conformance.mutants.planted import (
    Load,
    RuntimeMutant,
    in_whole_programs,
    rewritten,
    showing,
    with_operators,
)
from distilspec.conformance.mutants.runtimes.wiring import with_constants, with_steps
from distilspec.reference import ops
from distilspec.reference.contract.types import Array, CodeArray
from distilspec.reference.program import Program, Step
from distilspec.reference.recipes.encoder_attention import WEIGHT_SCALE


def _fused(load: Load) -> Load:
    """Show what a fused kernel shows: nothing between query, key and value, and the result."""
    return showing(load, lambda program, name: not _inside(program, name))


def _inside(program: Program, name: str) -> bool:
    parts = name.split(".")
    owners = (".".join(parts[:end]) for end in range(1, len(parts)))
    return any(f"{owner}.shares" in program.tensors for owner in owners)


def _constants(part: str, change: Callable[[Array], Array]) -> Load:
    """Return a loader of programs with a constant of every attention changed."""
    return _fused(
        rewritten(lambda program: with_constants(program, lambda name, x: change(x) if name.endswith(part) else x))
    )


def _steps(part: str, change: Callable[[Step, str], Step]) -> Load:
    """Return a loader of programs with a step of every attention changed by ``change(step, name of the attention)``."""

    def rewrite(program: Program) -> Program:
        found = (step for step in program.steps if step.name.endswith(part) and _inside(program, step.name))
        return with_steps(program, {step.name: change(step, step.name.removesuffix(part)) for step in found})

    return _fused(rewritten(rewrite))


def _reading(*places: str | int) -> Callable[[Step, str], Step]:
    """Return a change of operands: to the tensors with these endings, or the step's own at these places."""

    def change(step: Step, attention: str) -> Step:
        names = (step.inputs[place] if isinstance(place, int) else f"{attention}.{place}" for place in places)
        return dataclasses.replace(step, inputs=tuple(names))

    return change


def _unrounded(step: Step, attention: str) -> Step:
    operands = f"{attention}.shares", f"{attention}.shares.quantized.scale"
    return dataclasses.replace(step, op="divide", inputs=operands, attributes={})


def _activations_saturate(a: CodeArray, b: CodeArray, *zero_points: Any) -> Array:
    exact = a.ndim < 4 or b.ndim < 4
    return ops.matmul_integer(a, b, *zero_points) if exact else np.asarray(saturating_pairs(a, b, *zero_points))


def _weights_cut(x: Array, scale: Array, zero_point: Array, **attributes: Any) -> Array:
    if scale.ndim or scale != WEIGHT_SCALE:
        return ops.quantize(x, scale, zero_point, **attributes)
    return np.asarray(np.floor(x.astype(np.float32) / scale), np.uint8)


def _planted(**operators: Callable[..., Any]) -> Load:
    return _fused(in_whole_programs(with_operators(**operators)))


MUTANTS = (
    RuntimeMutant(
        "products of two activations saturate in 16 bits",
        ("MMI-S1",),
        _planted(matmul_integer=_activations_saturate),
        seen_in="ONNX Runtime's MatMulInteger without VNNI",
    ),
    RuntimeMutant(
        "scores forget the zero point of queries", ("MMI-S1",), _steps(".scores.accumulators", _reading(0, 1))
    ),
    RuntimeMutant("codes of attention weights are cut, not rounded", ("Q-S3",), _planted(quantize=_weights_cut)),
    RuntimeMutant(
        "codes of attention weights are of 256 parts",
        ("Q-S2",),
        _constants(".shares.quantized.scale", lambda _: np.asarray(np.float32(1 / 256))),
    ),
    RuntimeMutant(
        "codes are of probabilities, not of shares of the largest one",
        ("DIV-S1",),
        _steps(".shares", _reading(0, "total.least")),
    ),
    RuntimeMutant(
        "the weighted sum is divided by the weights before rounding", ("RSUM-S1",), _steps(".counts", _unrounded)
    ),
    RuntimeMutant("keys that are masked have codes", ("SM-S4",), _steps(".weights", _reading(0))),
    RuntimeMutant(
        "a query without a kept key is divided by zero", ("MAX-S1",), _constants(".total.least", np.zeros_like)
    ),
    RuntimeMutant("values have the scale of keys", ("DQ-S1",), _steps(".sum", _reading(0, "key.scale"))),
)
