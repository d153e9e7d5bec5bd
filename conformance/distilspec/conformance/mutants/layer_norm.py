"""Wrong ways to carry out ``layer_norm``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import bfloat16, twelve_bits
from distilspec.conformance.mutants.linear import whole_vectors
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, Float64Array, RealArray


def _scaled(d: Array, divisor: Array, weight: RealArray, bias: RealArray) -> Float64Array:
    return np.asarray(d / divisor * real(weight) + real(bias))


def _variance(d: Array) -> Float64Array:
    return np.asarray((d * d).mean(axis=-1, keepdims=True))


def _mean_of_whole_vectors(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    d = real(x) - real(x)[..., : whole_vectors(x.shape[-1])].mean(axis=-1, keepdims=True)
    return _scaled(d, np.sqrt(_variance(d) + epsilon), weight, bias)


def _mean_over_tokens(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    d = real(x) - real(x).sum() / max(x.size, 1)
    return _scaled(d, np.sqrt(_variance(d) + epsilon), weight, bias)


def _mean_in_bfloat16(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    d = real(x) - real(bfloat16(real(x).mean(axis=-1, keepdims=True)))
    return _scaled(d, np.sqrt(_variance(d) + epsilon), weight, bias)


def _not_centred(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    return _scaled(real(x), np.sqrt(_variance(real(x)) + epsilon), weight, bias)


def _unbiased(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    n = x.shape[-1]
    d = real(x) - real(x).mean(axis=-1, keepdims=True)
    return _scaled(d, np.sqrt(_variance(d) * n / (n - 1) + epsilon), weight, bias)


def _single_pass(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    x32 = np.asarray(x, np.float32)
    mean = x32.mean(axis=-1, keepdims=True)
    variance = np.maximum((x32 * x32).mean(axis=-1, keepdims=True) - mean * mean, np.float32(0))
    return _scaled(real(x32 - mean), np.sqrt(real(variance) + epsilon), weight, bias)


def _epsilon_outside(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    d = real(x) - real(x).mean(axis=-1, keepdims=True)
    return _scaled(d, np.sqrt(_variance(d)) + epsilon, weight, bias)


def _epsilon_forgotten(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:  # noqa: ARG001
    return ops.layer_norm(x, weight, bias, epsilon=0.0)


def _epsilon_of_the_default(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:  # noqa: ARG001
    return ops.layer_norm(x, weight, bias, epsilon=1e-5)


def _epsilon_of_bert(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:  # noqa: ARG001
    return ops.layer_norm(x, weight, bias, epsilon=1e-12)


def _estimated_root(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    d = real(x) - real(x).mean(axis=-1, keepdims=True)
    return _scaled(d, 1 / twelve_bits(1 / np.sqrt(_variance(d) + epsilon)), weight, bias)


def _bias_scaled(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    return (ops.layer_norm(x, np.ones_like(weight), np.zeros_like(bias), epsilon=epsilon) + bias) * weight


def _bias_missing(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    return ops.layer_norm(x, weight, np.zeros_like(bias), epsilon=epsilon)


def _weight_missing(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    return ops.layer_norm(x, np.ones_like(weight), bias, epsilon=epsilon)


def _weight_plus_one(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float64Array:
    return ops.layer_norm(x, weight + weight.dtype.type(1), bias, epsilon=epsilon)


MUTANTS = (
    Mutant("the tail beyond a multiple of 16 is not in the mean", "layer_norm", ("LN-S1",), _mean_of_whole_vectors),
    Mutant("one mean for all tokens", "layer_norm", ("LN-S1",), _mean_over_tokens),
    Mutant("the mean is rounded to bfloat16", "layer_norm", ("LN-S1",), _mean_in_bfloat16),
    Mutant("the mean is not subtracted, as in RMSNorm", "layer_norm", ("LN-S2",), _not_centred),
    Mutant("the variance is divided by n - 1", "layer_norm", ("LN-S3",), _unbiased, seen_in="torch.var by default"),
    Mutant("the variance is E[x^2] - E[x]^2 in float32", "layer_norm", ("LN-S3",), _single_pass),
    Mutant("epsilon is added to the root", "layer_norm", ("LN-S4",), _epsilon_outside),
    Mutant("epsilon is forgotten", "layer_norm", ("LN-S4",), _epsilon_forgotten),
    Mutant(
        "epsilon is 1e-5 always",
        "layer_norm",
        ("LN-S4",),
        _epsilon_of_the_default,
        seen_in="the default of torch.nn.LayerNorm where BERT has 1e-12",
    ),
    Mutant("epsilon is 1e-12 always", "layer_norm", ("LN-S4",), _epsilon_of_bert),
    Mutant(
        "the reciprocal root is an estimate of 12 bits",
        "layer_norm",
        ("LN-S4",),
        _estimated_root,
        seen_in="rsqrtps unrefined",
    ),
    Mutant("the bias is multiplied by the weight", "layer_norm", ("LN-S5",), _bias_scaled),
    Mutant("the bias is missing", "layer_norm", ("LN-S5",), _bias_missing),
    Mutant("the weight is missing", "layer_norm", ("LN-S5",), _weight_missing),
    Mutant("the weight is 1 + weight", "layer_norm", ("LN-S5",), _weight_plus_one, seen_in="Gemma's normalisation"),
)
