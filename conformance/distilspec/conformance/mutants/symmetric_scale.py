"""Wrong ways to carry out ``symmetric_scale``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.conformance.mutants.arithmetic import bfloat16
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import round_to_float32
from distilspec.reference.contract.types import Float32Array, RealArray


def _divided_by(largest: RealArray, steps: float) -> Float32Array:
    return np.where(largest == 0, np.float32(1), round_to_float32(largest) / np.float32(steps))


def divided_by_128(largest: RealArray, *, largest_code: int = 127) -> Float32Array:
    """Scale to one step more."""
    return _divided_by(largest, largest_code + 1)


def _divided_by_half_a_step_more(largest: RealArray, *, largest_code: int = 127) -> Float32Array:
    return _divided_by(largest, largest_code + 0.5)


def bfloat16_scale(largest: RealArray, *, largest_code: int = 127) -> Float32Array:
    """Round the scale to bfloat16."""
    return bfloat16(ops.symmetric_scale(largest, largest_code=largest_code))


def zero_scale(largest: RealArray, *, largest_code: int = 127) -> Float32Array:
    """Keep a quotient of 0, or a subnormal one."""
    return np.asarray(round_to_float32(largest) / np.float32(largest_code))


def machine_epsilon(largest: RealArray, *, largest_code: int = 127) -> Float32Array:
    """Raise the scale to float32's epsilon."""
    return np.maximum(zero_scale(largest, largest_code=largest_code), np.finfo(np.float32).eps)


def _always_127(largest: RealArray, *, largest_code: int = 127) -> Float32Array:  # noqa: ARG001
    return ops.symmetric_scale(largest)


def _fewer_if_reduced(fewer: float) -> Callable[..., Float32Array]:
    def operator(largest: RealArray, *, largest_code: int = 127) -> Float32Array:
        return _divided_by(largest, 127 if largest_code == 127 else largest_code - fewer)

    return operator


MUTANTS = (
    Mutant("divided by 128", "symmetric_scale", ("SYM-S1",), divided_by_128),
    Mutant(
        "divided by 127.5",
        "symmetric_scale",
        ("SYM-S1",),
        _divided_by_half_a_step_more,
        seen_in="torch's symmetric observers: (127 + 128) / 2",
    ),
    Mutant("the scale is rounded to bfloat16", "symmetric_scale", ("SYM-S1",), bfloat16_scale),
    Mutant("a scale of 0 stays", "symmetric_scale", ("SYM-S2",), zero_scale),
    Mutant(
        "the scale is at least 1.2e-7",
        "symmetric_scale",
        ("SYM-S2",),
        machine_epsilon,
        seen_in="torch's observers: eps",
    ),
    Mutant("every largest code is 127", "symmetric_scale", ("SYM-S3",), _always_127),
    Mutant(
        "63 steps instead of 64",
        "symmetric_scale",
        ("SYM-S3",),
        _fewer_if_reduced(1),
        seen_in="codes of seven bits in two's complement: -64 to 63",
    ),
    Mutant(
        "63.5 steps instead of 64",
        "symmetric_scale",
        ("SYM-S3",),
        _fewer_if_reduced(0.5),
        seen_in="torch's symmetric observers with reduce_range: (63 + 64) / 2",
    ),
)
