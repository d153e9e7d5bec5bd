"""``rewound_learning_rate``: the factor of the learning rate that Prune-OFA rewinds while it prunes."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.objectives.schedule import expect_positive


def rewound_learning_rate(step: int, *, steps: int, warmup: int, begin: int, end: int, rewind: int) -> float:
    """
    Return the factor of the learning rate: a warm-up, then a linear fall that pruning rewinds at every interval.

    LRR-C1  0 <= warmup <= begin <= end <= steps
    LRR-C2  rewind is at least 1
    LRR-C3  pruning and warm-up leave steps: (end - begin) + warmup < steps
    LRR-S1  warm-up: before warmup, f = step / warmup
    LRR-S2  with p = end - begin and d = steps - p - warmup: from warmup to begin, f = (steps - p - step) / d
    LRR-S3  from begin to end, f = (steps - p - step + rewind * floor((step - begin) / rewind)) / d
    LRR-S4  from end on, f = (steps - step) / d
    LRR-S5  f is at least 0

    Parameters
    ----------
    step : int
    steps : int
        Of the whole training.
    warmup : int
    begin, end : int
        First step of pruning, and the first after it. Equal: a linear schedule with warm-up, nothing is rewound.
    rewind : int
        Steps after which the learning rate jumps back, usually those between two moves of the sparsity.

    Returns
    -------
    float
        To be multiplied by the largest learning rate.

    Raises
    ------
    RangeError
        LRR-C1, LRR-C2, LRR-C3.

    Accuracy
    --------
    Float64: one division of integers.

    Special values
    --------------
    A rewind interval longer than steps - p - begin reaches 0 inside pruning, and LRR-S5 holds it there.

    Source
    ------
    Prune-OFA, arXiv 2111.05754, and its code. Where rewind divides end - begin, LRR-S3 ends where LRR-S4 begins.

    Examples
    --------
    Inside pruning, 4 to 8, the fall begins anew every 2 steps; after it the factor goes on from where it was:

    >>> [rewound_learning_rate(t, steps=12, warmup=2, begin=4, end=8, rewind=2) * 6 for t in range(13)]
    [0.0, 3.0, 6.0, 5.0, 4.0, 3.0, 4.0, 3.0, 4.0, 3.0, 2.0, 1.0, 0.0]
    """
    expect(
        0 <= warmup <= begin <= end <= steps,
        RangeError,
        "rewound_learning_rate",
        seen=f"warmup is {warmup}, begin {begin}, end {end}, steps {steps}",
        expected="0 <= warmup <= begin <= end <= steps",
        why="one follows the other",
        clause="LRR-C1",
    )
    expect_positive("rewound_learning_rate", clause="LRR-C2", rewind=rewind)
    p = end - begin
    expect(
        p + warmup < steps,
        RangeError,
        "rewound_learning_rate",
        seen=f"pruning takes {p} and warm-up {warmup} of {steps} steps",
        expected="fewer than all of them together",
        why="the learning rate falls over the rest",
        clause="LRR-C3",
    )
    if step < warmup:
        return step / warmup  # LRR-S1
    if step < begin:
        left = steps - p - step  # LRR-S2
    elif step < end:
        left = steps - p - step + rewind * ((step - begin) // rewind)  # LRR-S3
    else:
        left = steps - step  # LRR-S4
    return max(0, left) / (steps - p - warmup)  # LRR-S5
