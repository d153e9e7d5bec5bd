"""Errors that are inside their bound and cannot be the roundings of float32: docs/derivations/statistics.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from distilspec.conformance import bounds
from distilspec.conformance.bounds.model import counting
from distilspec.reference.contract.types import Array, Float64Array
from distilspec.reference.program import Program

#: Operators with long chains of roundings. In every other one a deviation is most of the bound, and nothing improbable.
SUMMING = frozenset(
    {
        "block_sparse_linear",
        "l2_normalize",
        "layer_norm",
        "linear",
        "matmul",
        "mean_pool",
        "reduce_mean",
        "reduce_sum",
        "scaled_dot_product_attention",
        "softmax",
    }
)

#: How seldom independent roundings may be called improbable, once in so many tensors.
IMPROBABLE = 1e-12


@dataclass(frozen=True)
class Distribution:
    """
    How the error of a tensor is distributed when its roundings are independent and have mean zero.

    Parameters
    ----------
    deviation : float64 [...]
        An element is off by more than r deviations with a probability below 2 exp(-r^2 / 2).
    systematic : float64 [...], at most ``deviation``
        The part of it that may have the same sign in every element: the budgets of functions.
    """

    deviation: Float64Array
    systematic: Float64Array


def distribution(program: Program, inputs: Mapping[str, Array], target: str) -> Distribution:
    """Return the distribution of the error of ``target`` when ``program`` runs on exact inputs."""
    lifted = {name: bounds.Bounded.exact(array) for name, array in inputs.items()}
    errors = []
    for count in (np.sqrt, np.zeros_like):
        with counting(count):
            errors.append(program.run(bounds, lifted, keep=[target])[target].error)
    return Distribution(*errors)


def suspicion(difference: Float64Array, expected: Float64Array, likely: Distribution) -> str:
    """
    Return why the differences of a tensor are improbable, or an empty string.

    Their mean square is compared with what independent roundings reach, and so is their mean, as it is and away from
    zero. Elements that share a row or a column may depend on each other.
    """
    judged = np.isfinite(difference) & np.isfinite(likely.deviation) & (likely.deviation > 0)
    groups = min(difference.shape[-1], difference.size // max(difference.shape[-1], 1)) if difference.ndim else 0
    if groups == 0 or not judged.any():
        return ""
    deviations = difference[judged] / likely.deviation[judged]
    square = float(np.mean(deviations**2))
    if square > 1 and groups / 2 * (square - 1 - np.log(square)) > -np.log(IMPROBABLE):
        return f"errors are {np.sqrt(square):.2g} times as large as independent roundings can be"
    allowed = float(np.mean(likely.systematic[judged] / likely.deviation[judged]))
    limit = allowed + np.sqrt(2 * np.log(2 / IMPROBABLE) / groups)
    for positive, negative, signs in (
        ("upwards", "downwards", np.ones(deviations.shape)),
        ("away from zero", "towards zero", np.sign(expected[judged])),
    ):
        mean = float(np.mean(deviations * signs))
        if abs(mean) > limit:
            direction = positive if mean > 0 else negative
            return f"errors go {direction} by {abs(mean):.2g} deviations, independent roundings by {limit:.2g} at most"
    return ""
