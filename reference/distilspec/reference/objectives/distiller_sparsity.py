"""``distiller_sparsity``: the automated gradual pruner of Distiller, which counts its span in another way."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.objectives.schedule import expect_order, expect_positive, expect_sparsity


def distiller_sparsity(epoch: int, *, initial: float, final: float, start: int, end: int, every: int) -> float:
    """
    Return the sparsity in force at an epoch; the last move before ``end`` reaches the final one.

    AGP-C1  initial and final lie in [0, 1], and initial < final
    AGP-C2  0 <= start < end
    AGP-C3  every is at least 1, and smaller than end - start: there is a second move
    AGP-S1  span = every * floor((end - start - 1) / every)
    AGP-S2  move = start + min(span, every * floor((epoch - start) / every)), for epoch >= start
    AGP-S3  s = final + (initial - final) * (1 - (move - start) / span)**3   (float64)
    AGP-S4  before start nothing is pruned: s = 0

    Parameters
    ----------
    epoch : int
    initial, final : float
    start, end : int
        The moves are at the epochs range(start, end, every).
    every : int

    Returns
    -------
    float

    Raises
    ------
    RangeError
        AGP-C1, AGP-C2, AGP-C3.

    Accuracy
    --------
    Float64, in the order of AGP-S3.

    Special values
    --------------
    From ``start + span`` on, s is ``final`` exactly.

    Source
    ------
    Distiller's AutomatedGradualPruner. Zhu and Gupta's formula with ``end`` itself (``cubic_sparsity``) is below it
    at every move but the first.

    Examples
    --------
    The final sparsity comes at epoch 18, not at 20:

    >>> [round(distiller_sparsity(t, initial=0.05, final=0.8, start=0, end=20, every=2), 4) for t in (0, 2, 3, 16, 18)]
    [0.05, 0.2733, 0.2733, 0.799, 0.8]
    """
    expect_sparsity("distiller_sparsity", clause="AGP-C1", initial=initial, final=final)
    expect(
        initial < final,
        RangeError,
        "distiller_sparsity",
        seen=f"initial is {initial} and final {final}",
        expected="initial < final",
        why="the sparsity rises",
        clause="AGP-C1",
    )
    expect_order("distiller_sparsity", clause="AGP-C2", start=start, end=end)
    expect_positive("distiller_sparsity", clause="AGP-C3", every=every)
    span = every * ((end - start - 1) // every)  # AGP-S1
    expect(
        span > 0,
        RangeError,
        "distiller_sparsity",
        seen=f"every is {every}",
        expected=f"less than {end - start}",
        why="the last move reaches the final sparsity and the first the initial one",
        clause="AGP-C3",
    )
    if epoch < start:
        return 0.0  # AGP-S4
    move = start + min(span, every * ((epoch - start) // every))  # AGP-S2
    return float(final + (initial - final) * (1 - (move - start) / span) ** 3)  # AGP-S3
