"""``neuron_magnitude_mask``: which inner neurons of a feed-forward layer to keep."""

from __future__ import annotations

from math import fsum

import numpy as np

from distilspec.reference.arith import real, round_half_even
from distilspec.reference.contract.checks import expect_finite, expect_float, expect_shape
from distilspec.reference.contract.types import BoolArray, RealArray
from distilspec.reference.objectives.schedule import expect_sparsity


def neuron_magnitude_mask(first: RealArray, second: RealArray, *, sparsity: float) -> BoolArray:
    """
    Drop the share ``sparsity`` of the neurons between two Linears, those with the smallest sums of magnitudes.

    NRN-C1  first and second are float32 or float64, and finite
    NRN-C2  first is [neurons, in_features], second [out_features, neurons]
    NRN-C3  0 <= sparsity <= 1
    NRN-S1  score[n] = sum of |first[n, :]| and |second[:, n]|   (rounded once, to float64)
    NRN-S2  pruned = round_half_even(sparsity * neurons)   (float64 product)
    NRN-S3  the pruned neurons have the smallest scores; among equal scores, those with the lower n
    NRN-S4  the mask is True where the neuron is kept

    Parameters
    ----------
    first : float [neurons, in_features]
    second : float [out_features, neurons]
    sparsity : float

    Returns
    -------
    bool [neurons]
        For row n of first, element n of its bias, and column n of second; fresh memory.

    Raises
    ------
    DTypeError
        NRN-C1.
    ShapeError
        NRN-C2.
    RangeError
        A weight that is not finite (NRN-C1), NRN-C3.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    A neuron without a kept weight behind it still adds activation(bias) * 0 = 0: its bias has no effect.

    Source
    ------
    Structured magnitude pruning; the sum over both Linears is this project's definition. Distiller ranks the columns of
    one Linear by a norm.

    Examples
    --------
    Neuron 0 has the larger row, neuron 1 the larger column and the larger sum:

    >>> neuron_magnitude_mask(np.float32([[3], [1]]), np.float32([[1, -9]]), sparsity=0.5).tolist()
    [False, True]
    """
    expect_float("neuron_magnitude_mask", "NRN-C1", first=first, second=second)
    expect_shape("neuron_magnitude_mask", "first", first, (None, None), why="a row is a neuron", clause="NRN-C2")
    expect_shape(
        "neuron_magnitude_mask", "second", second, (None, len(first)), why="a column is a neuron", clause="NRN-C2"
    )
    for name, weight in (("first", first), ("second", second)):
        expect_finite("neuron_magnitude_mask", name, weight, why="magnitudes are compared", clause="NRN-C1")
    expect_sparsity("neuron_magnitude_mask", clause="NRN-C3", sparsity=sparsity)
    magnitudes = np.abs(np.concatenate([real(first), real(second).T], axis=1))
    scores = np.array([fsum(row) for row in magnitudes.tolist()])  # NRN-S1
    pruned = int(round_half_even(np.asarray(sparsity * scores.size)))  # NRN-S2
    kept = np.ones(scores.size, np.bool_)
    kept[np.argsort(scores, kind="stable")[:pruned]] = False  # NRN-S3, NRN-S4
    return kept
