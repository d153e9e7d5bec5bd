"""Wrong ways to carry out ``linear``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import bfloat16, to_float16
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def whole_vectors(length: int) -> int:
    """Return how many elements a loop of 16-element vectors without a tail covers, and all of a shorter row."""
    return length // 16 * 16 or length


def _tail_dropped(x: RealArray, weight: RealArray, bias: RealArray | None = None) -> Float64Array:
    covered = whole_vectors(x.shape[-1])
    return ops.linear(x[..., :covered], weight[:, :covered], bias)


def _bfloat16(x: RealArray, weight: RealArray, bias: RealArray | None = None) -> Float64Array:
    return ops.linear(bfloat16(x), bfloat16(weight), bias)


def _layout(x: RealArray, weight: RealArray, bias: RealArray | None = None) -> Float64Array:
    y = real(x) @ real(weight).reshape(weight.shape[::-1])
    return np.asarray(y if bias is None else y + real(bias))


def _without_bias(x: RealArray, weight: RealArray, bias: RealArray | None = None) -> Float64Array:  # noqa: ARG001
    return ops.linear(x, weight)


def _bias_twice(x: RealArray, weight: RealArray, bias: RealArray | None = None) -> Float64Array:
    y = ops.linear(x, weight, bias)
    return y if bias is None else y + real(bias)


def _bias_shifted(x: RealArray, weight: RealArray, bias: RealArray | None = None) -> Float64Array:
    return ops.linear(x, weight, bias if bias is None else np.roll(bias, 1))


MUTANTS = (
    Mutant("the tail beyond a multiple of 16 inputs is dropped", "linear", ("LIN-S1",), _tail_dropped),
    Mutant(
        "the operands are rounded to bfloat16",
        "linear",
        ("LIN-S1",),
        _bfloat16,
        seen_in="ONNX Runtime's mlas.enable_gemm_fastmath_arm64_bfloat16",
    ),
    Mutant("the result is held in float16", "linear", ("LIN-S1",), to_float16(ops.linear)),
    Mutant("the weight is read as if it were transposed", "linear", ("LIN-S1",), _layout),
    Mutant("the bias is missing", "linear", ("LIN-S2",), _without_bias),
    Mutant("the bias is added twice", "linear", ("LIN-S2",), _bias_twice),
    Mutant("the bias is off by one output", "linear", ("LIN-S2",), _bias_shifted),
)
