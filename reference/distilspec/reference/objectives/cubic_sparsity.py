"""``cubic_sparsity``: Zhu and Gupta's gradual schedule."""

from __future__ import annotations

from distilspec.reference.objectives.schedule import expect_order, expect_positive, expect_sparsity


def cubic_sparsity(step: int, *, initial: float, final: float, begin: int, end: int, every: int) -> float:
    """
    Return the sparsity in force at a step: fast at first, then slower and slower, in moves of ``every`` steps.

    CUB-C1  initial and final lie in [0, 1]
    CUB-C2  0 <= begin < end
    CUB-C3  every is at least 1
    CUB-S1  move = begin + every * floor((step - begin) / every), for begin <= step < end
    CUB-S2  s = final + (initial - final) * (1 - (move - begin) / (end - begin))**3   (float64)
    CUB-S3  before begin, s = initial
    CUB-S4  from end on, s = final exactly, whether or not every divides end - begin

    Parameters
    ----------
    step : int
    initial, final : float
    begin, end : int
        First step of the schedule, and the first that has the final sparsity.
    every : int
        Steps between two moves.

    Returns
    -------
    float

    Raises
    ------
    RangeError
        CUB-C1, CUB-C2, CUB-C3.

    Accuracy
    --------
    Float64, in the order of CUB-S2.

    Special values
    --------------
    initial > final is allowed: the schedule then falls.

    Source
    ------
    Zhu and Gupta, arXiv 1710.01878, equation 1, where every * n = end - begin by definition. The code of Prune-OFA
    (arXiv 2111.05754) clips the cube to [0, 1], which gives CUB-S3 and CUB-S4; without CUB-S4, a schedule whose last
    move falls before ``end`` never reaches ``final``.

    Examples
    --------
    3 does not divide 10, and the end is reached all the same:

    >>> [cubic_sparsity(t, initial=0, final=0.8, begin=0, end=10, every=3) for t in (0, 2, 5, 9, 10)]
    [0.0, 0.0, 0.5256000000000001, 0.7992, 0.8]
    """
    expect_sparsity("cubic_sparsity", clause="CUB-C1", initial=initial, final=final)
    expect_order("cubic_sparsity", clause="CUB-C2", begin=begin, end=end)
    expect_positive("cubic_sparsity", clause="CUB-C3", every=every)
    if step < begin:
        return float(initial)  # CUB-S3
    if step >= end:
        return float(final)  # CUB-S4
    move = begin + every * ((step - begin) // every)  # CUB-S1
    return float(final + (initial - final) * (1 - (move - begin) / (end - begin)) ** 3)  # CUB-S2
