"""``one_shot_sparsity``: everything at once."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.objectives.schedule import expect_sparsity


def one_shot_sparsity(step: int, *, final: float, at: int) -> float:
    """
    Return the sparsity in force at a step when all pruning happens at one step.

    ONE-C1  final lies in [0, 1]
    ONE-C2  at is not negative
    ONE-S1  s = 0 before the step at, and final from it on

    Parameters
    ----------
    step : int
    final : float
    at : int

    Returns
    -------
    float

    Raises
    ------
    RangeError
        ONE-C1, ONE-C2.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    at = 0 prunes before the first step.

    Source
    ------
    Han et al., arXiv 1506.02626, without repetition; Prune-OFA's pattern lock is one-shot as well.

    Examples
    --------
    >>> [one_shot_sparsity(step, final=0.8, at=5) for step in (4, 5)]
    [0.0, 0.8]
    """
    expect_sparsity("one_shot_sparsity", clause="ONE-C1", final=final)
    expect(
        at >= 0,
        RangeError,
        "one_shot_sparsity",
        seen=f"at is {at}",
        expected="0 or more",
        why="steps count from 0",
        clause="ONE-C2",
    )
    return float(final) if step >= at else 0.0  # ONE-S1
