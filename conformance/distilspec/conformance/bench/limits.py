"""What this machine can do at most, measured by the loops of ``distilspec.fast.limits``."""

from __future__ import annotations

import os
from collections.abc import Sequence

from distilspec.conformance.bench.work import Limits

#: Times that each limit is measured, one after the other, of which the best counts: what disturbs a machine may last
#: longer than all runs of one measurement.
PASSES = 3


def machine_limits(threads: int, processors: Sequence[int]) -> Limits:
    """Return the limits of so many threads on these processors, with the instructions that the fast engine uses."""
    from distilspec.fast.isa import host_target
    from distilspec.fast.limits import float32_peak, int8_peak, read_bandwidth

    target = host_target()
    before = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else None
    if before is not None:
        os.sched_setaffinity(0, processors)
    try:
        measured = [
            [measure(target, threads) for measure in (int8_peak, float32_peak, read_bandwidth)] for _ in range(PASSES)
        ]
        return Limits(threads, target.name, *map(max, zip(*measured, strict=True)))
    finally:
        if before is not None:
            os.sched_setaffinity(0, before)
