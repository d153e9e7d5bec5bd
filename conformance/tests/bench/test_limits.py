"""What a machine can do at most, however much disturbs the measurement."""

from __future__ import annotations

import os

from distilspec.conformance.bench.limits import PASSES, machine_limits
from distilspec.conformance.bench.session import processors_for
from distilspec.fast import limits
from distilspec.fast.isa import host_target


def test_the_best_of_several_passes_counts(monkeypatch):
    """Each limit by itself, on the processors that were asked for, which are let go of afterwards."""
    where, figures = [], {}
    for name, seen in {
        "int8_peak": [5.0, 9.0, 7.0],
        "float32_peak": [2.0, 1.0, 1.5],
        "read_bandwidth": [3.0, 4.0, 8.0],
    }.items():
        figures[name] = iter(seen)

        def measure(target, threads, name=name):
            where.append((target.name, threads, os.sched_getaffinity(0)))
            return next(figures[name])

        monkeypatch.setattr(limits, name, measure)
    before = os.sched_getaffinity(0)
    found = machine_limits(1, processors_for(1))

    assert (found.int8_products, found.float32_products, found.read_bytes) == (9.0, 2.0, 8.0)
    assert (found.threads, found.target) == (1, host_target().name)
    assert where == 3 * PASSES * [(host_target().name, 1, {min(before)})]
    assert os.sched_getaffinity(0) == before
