"""
The number of threads changes nothing.

THR-S1  answers with one thread and with several differ by no more than the bounds of two runs, however often they run
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from distilspec.conformance.metamorphic.bench import Bench
from distilspec.conformance.result import Judgement
from distilspec.reference.contract.types import Array

#: Numbers of threads that are tried; 3 divides no power of two, and so leaves something over.
COUNTS = (1, 3)

#: A race shows now and then, so each is run so many times.
RUNS = 3


def answers(bench: Bench, inputs: Mapping[str, Array]) -> Iterator[Judgement]:
    """Compare every run with the answer of the runtime as it was handed over."""
    first = bench.answer(inputs)
    for count in COUNTS:
        executable = bench.with_threads(count)
        for run in range(1, RUNS + 1):
            second = bench.ask(executable, inputs)
            yield from bench.compare(f"threads {count}, run {run}", bench.limits(inputs), first, second)
