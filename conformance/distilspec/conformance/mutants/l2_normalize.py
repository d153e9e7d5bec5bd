"""Wrong ways to carry out ``l2_normalize``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array, RealArray


def _last_axis(x: RealArray, *, axis: int = -1, epsilon: float = 1e-12) -> Float64Array:  # noqa: ARG001
    return ops.l2_normalize(x, epsilon=epsilon)


def _sum_of_magnitudes(x: RealArray, *, axis: int = -1, epsilon: float = 1e-12) -> Float64Array:
    norm = np.abs(real(x)).sum(axis=axis, keepdims=True)
    return np.asarray(real(x) / np.maximum(norm, epsilon))


def _root_forgotten(x: RealArray, *, axis: int = -1, epsilon: float = 1e-12) -> Float64Array:
    norm = (real(x) ** 2).sum(axis=axis, keepdims=True)
    return np.asarray(real(x) / np.maximum(norm, epsilon))


def _without_epsilon(x: RealArray, *, axis: int = -1, epsilon: float = 1e-12) -> Float64Array:  # noqa: ARG001
    return np.asarray(real(x) / np.sqrt((real(x) ** 2).sum(axis=axis, keepdims=True)))


def _epsilon_added(x: RealArray, *, axis: int = -1, epsilon: float = 1e-12) -> Float64Array:
    return np.asarray(real(x) / (np.sqrt((real(x) ** 2).sum(axis=axis, keepdims=True)) + epsilon))


def _epsilon_under_the_root(x: RealArray, *, axis: int = -1, epsilon: float = 1e-12) -> Float64Array:
    return np.asarray(real(x) / np.sqrt(np.maximum((real(x) ** 2).sum(axis=axis, keepdims=True), epsilon)))


MUTANTS = (
    Mutant("the last axis, whatever the axis", "l2_normalize", ("L2N-S1",), _last_axis),
    Mutant("the norm is the sum of magnitudes", "l2_normalize", ("L2N-S1",), _sum_of_magnitudes),
    Mutant("the norm is not rooted", "l2_normalize", ("L2N-S1",), _root_forgotten),
    Mutant("the zero vector gives NaN", "l2_normalize", ("L2N-S2",), _without_epsilon),
    Mutant("epsilon is added to the norm", "l2_normalize", ("L2N-S2",), _epsilon_added),
    Mutant(
        "epsilon is compared with the squared norm",
        "l2_normalize",
        ("L2N-S2",),
        _epsilon_under_the_root,
        seen_in="tf.math.l2_normalize",
    ),
)
