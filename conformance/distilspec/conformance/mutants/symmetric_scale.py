"""Wrong ways to carry out ``symmetric_scale``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import bfloat16
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import round_to_float32
from distilspec.reference.contract.types import Float32Array, RealArray


def divided_by_128(largest: RealArray) -> Float32Array:
    """Scale to 128 steps."""
    return np.where(largest == 0, np.float32(1), round_to_float32(largest) / np.float32(128))


def _divided_by_127_and_a_half(largest: RealArray) -> Float32Array:
    return np.where(largest == 0, np.float32(1), round_to_float32(largest) / np.float32(127.5))


def bfloat16_scale(largest: RealArray) -> Float32Array:
    """Round the scale to bfloat16."""
    return bfloat16(ops.symmetric_scale(largest))


def zero_scale(largest: RealArray) -> Float32Array:
    """Keep a quotient of 0, or a subnormal one."""
    return np.asarray(round_to_float32(largest) / np.float32(127))


def machine_epsilon(largest: RealArray) -> Float32Array:
    """Raise the scale to float32's epsilon."""
    return np.maximum(zero_scale(largest), np.finfo(np.float32).eps)


MUTANTS = (
    Mutant("divided by 128", "symmetric_scale", ("SYM-S1",), divided_by_128),
    Mutant(
        "divided by 127.5",
        "symmetric_scale",
        ("SYM-S1",),
        _divided_by_127_and_a_half,
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
)
