"""
Forwards and Linears of the fast engine, in multiples of the time that their products take in registers alone.

Run ``pytest benchmarks/bench_fast.py``. The yardstick, the loops of ``distilspec.fast.limits``, is measured again
before every round, so that a machine that runs at another clock rate, or is shared, changes both. What pytest-benchmark
prints as seconds are multiples: 1.25 s is 80 % of the peak. docs/benchmarks.md says how to keep a history.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from distilspec.conformance.bench.verdict import OF_THE_RECIPE, distance
from distilspec.conformance.bench.work import Work, work_of
from distilspec.conformance.bench.workloads import Shape, Workload
from distilspec.fast import Engine
from distilspec.fast.isa import host_target
from distilspec.fast.limits import float32_peak, int8_peak
from distilspec.reference import ops
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array, TensorSpec
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe, calibrate, prune
from distilspec.reference.recipes.encoder_linears import ENCODER
from distilspec.reference.tracer import Builder

PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

FORWARDS = {
    "minilm": (Workload("minilm"), Recipe.W8A8_STATIC),
    "distilbert-dense": (Workload(), Recipe.W8A8_STATIC),
    "distilbert-dense-w7a8": (Workload(), Recipe.W7A8_STATIC),
    "distilbert-80-4x1": (Workload(sparsity=0.8), Recipe.W8A8_STATIC),
    "distilbert-80-4x4": (Workload(sparsity=0.8, block_shape=(4, 4)), Recipe.W8A8_STATIC),
    "distilbert-80-16x4": (Workload(sparsity=0.8, block_shape=(16, 4)), Recipe.W8A8_STATIC),
    "distilbert-80-4x4-w7a8": (Workload(sparsity=0.8, block_shape=(4, 4)), Recipe.W7A8_STATIC),
}

#: Blocks of pruned weights, None for dense ones, and the recipe.
LINEARS = {
    "dense": (None, Recipe.W8A8_STATIC),
    "dense-w7a8": (None, Recipe.W7A8_STATIC),
    "80-4x1": ((4, 1), Recipe.W8A8_STATIC),
    "80-4x4": ((4, 4), Recipe.W8A8_STATIC),
    "80-16x4": ((16, 4), Recipe.W8A8_STATIC),
    "80-4x4-w7a8": ((4, 4), Recipe.W7A8_STATIC),
}

#: The Linears of so many feed-forward networks of DistilBERT-base, one after the other, and the rows that begin it.
NETWORKS, HIDDEN, INTERMEDIATE, WORDS = 3, 768, 3072, 1000


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
    """Return the engine of a model."""
    workload, recipe = FORWARDS[name]
    return Engine(workload.program(recipe), threads=threads)


@functools.cache
def linears(name: str) -> tuple[Program, Program]:
    """Return Linears alone in float32 and under a recipe; a table stands before them, because programs take ids."""
    block_shape, recipe = LINEARS[name]
    drawn = np.random.default_rng(0)
    builder = Builder("linears", {"input_ids": TensorSpec("int64", ("batch", "sequence"))}, {"recipe": "fp32"})
    words = builder.constant("words.weight", drawn.normal(size=(WORDS, HIDDEN)).astype(np.float32))
    (x,) = builder.emit("words", "embedding", ["input_ids", words])
    for number, (out, in_) in enumerate([(INTERMEDIATE, HIDDEN), (HIDDEN, INTERMEDIATE)] * NETWORKS):
        weight = (drawn.normal(size=(out, in_)) / np.sqrt(in_)).astype(np.float32)
        operands = [x, builder.constant(f"linear.{number}.weight", weight)]
        (x,) = builder.emit(f"linear.{number}", "linear", operands, tags=(ENCODER,))
    program = builder.finish({"y": x})
    if block_shape is not None:
        shares = {step.name: 0.8 for step in program.steps if step.op == "linear"}
        program = prune(program, sparsity=shares, block_shape=block_shape)
    return program, apply_recipe(program, recipe, calibration=calibrate(program, [ids(64)], recipe=recipe))


@functools.cache
def engine_of_linears(name: str, threads: int) -> Engine:
    """Return the engine of Linears alone."""
    return Engine(linears(name)[1], threads=threads)


def ids(tokens: int) -> dict[str, Array]:
    """Return so many words."""
    return {"input_ids": np.random.default_rng(1).integers(0, WORDS, (1, tokens))}


def measure(benchmark: Any, made: Engine, inputs: Mapping[str, Array], work: Work, threads: int) -> None:
    """Time forwards by the clock of the peak, which is set again before each."""
    benchmark.extra_info["int8_products"] = work.int8_products
    benchmark.extra_info["isa"] = host_target().name

    def setup() -> tuple[tuple[object, ...], dict[str, object]]:
        CLOCK.calibrate(work, threads)
        made.run(inputs)
        return (inputs,), {}

    benchmark.pedantic(made.run, setup=setup, rounds=10)


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize("threads", [count for count in (1, 2) if count <= PROCESSORS])
@pytest.mark.parametrize("shape", ["1x32", "1x128", "8x128"])
@pytest.mark.parametrize("name", FORWARDS)
def test_forward(benchmark, name, shape, threads):
    """One forward, checked against the reference before it is timed."""
    (workload, recipe), size = FORWARDS[name], Shape.parse(shape)
    made, inputs = engine(name, threads), workload.inputs(size)
    expected = workload.expected(recipe, size)
    farthest = OF_THE_RECIPE * distance(workload.expected(Recipe.FP32, size), expected)
    assert distance(expected, made.run(inputs)) <= farthest
    measure(benchmark, made, inputs, work_of(workload.program(recipe), size), threads)


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize("threads", [count for count in (1, 2) if count <= PROCESSORS])
@pytest.mark.parametrize("tokens", [32, 128, 1024])
@pytest.mark.parametrize("name", LINEARS)
def test_linears(benchmark, name, tokens, threads):
    """The kernels without the rest of a model: Linears alone, the first tokens checked against the reference."""
    (float32, program), made, inputs = linears(name), engine_of_linears(name, threads), ids(tokens)
    few = {"input_ids": inputs["input_ids"][:, :8]}
    expected = program.run(ops, few)
    got = {label: array[:, :8] for label, array in made.run(inputs).items()}
    assert distance(expected, got) <= OF_THE_RECIPE * distance(float32.run(ops, few), expected)
    measure(benchmark, made, inputs, work_of(program, Shape(1, tokens)), threads)
