"""
Forwards of the fast engine, in multiples of the time that their products take in registers alone.

Run ``pytest benchmarks/bench_fast.py``. The yardstick, the loops of ``distilspec.fast.limits``, is measured again
before every round, so that a machine that runs at another clock rate, or is shared, changes both. What pytest-benchmark
prints as seconds are multiples: 1.25 s is 80 % of the peak. docs/benchmarks.md says how to keep a history.
"""

from __future__ import annotations

import functools
import os
import time

import pytest

from distilspec.conformance.bench.verdict import OF_THE_RECIPE, distance
from distilspec.conformance.bench.work import Work, work_of
from distilspec.conformance.bench.workloads import Shape, Workload
from distilspec.fast import Engine
from distilspec.fast.isa import host_target
from distilspec.fast.limits import float32_peak, int8_peak
from distilspec.reference.contract.recipes import Recipe

RECIPE = Recipe.W8A8_STATIC

PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

WORKLOADS = {
    "minilm": Workload("minilm"),
    "distilbert-dense": Workload(),
    "distilbert-80-4x1": Workload(sparsity=0.8),
}


class PeakClock:
    """A clock whose unit is the time that some products take in registers alone."""

    def __init__(self) -> None:
        """Start with seconds."""
        self.unit = 1.0

    def __call__(self) -> float:
        """Return the time."""
        return time.perf_counter() / self.unit

    def calibrate(self, work: Work, threads: int) -> None:
        """Measure the unit."""
        target = host_target()
        int8 = work.int8_products / int8_peak(target, threads)
        self.unit = int8 + work.float32_products / float32_peak(target, threads)


CLOCK = PeakClock()


@functools.cache
def engine(name: str, threads: int) -> Engine:
    """Return an engine."""
    return Engine(WORKLOADS[name].program(RECIPE), threads=threads)


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize("threads", [count for count in (1, 2) if count <= PROCESSORS])
@pytest.mark.parametrize("shape", ["1x32", "1x128", "8x128"])
@pytest.mark.parametrize("name", WORKLOADS)
def test_forward(benchmark, name, shape, threads):
    """One forward, checked against the reference before it is timed."""
    workload, size = WORKLOADS[name], Shape.parse(shape)
    made, inputs = engine(name, threads), workload.inputs(size)
    expected = workload.expected(RECIPE, size)
    farthest = OF_THE_RECIPE * distance(workload.expected(Recipe.FP32, size), expected)
    assert distance(expected, made.run(inputs)) <= farthest
    work = work_of(workload.program(RECIPE), size)
    benchmark.extra_info["int8_products"] = work.int8_products
    benchmark.extra_info["isa"] = host_target().name

    def setup() -> tuple[tuple[object, ...], dict[str, object]]:
        CLOCK.calibrate(work, threads)
        made.run(inputs)
        return (inputs,), {}

    benchmark.pedantic(made.run, setup=setup, rounds=10)
