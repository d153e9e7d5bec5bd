"""
Forwards, Linears and the other kernels of the fast engine, in multiples of a time that products take in registers.

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
from distilspec.conformance.bench.workloads import Shape, Workload, model_of
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

#: Kernels between the Linears: the recipe of MiniLM that calls them, their kinds, and the operators whose products are
#: their yardstick. What has no products is measured by one product for every element of the hidden states.
KERNELS = {
    "embedding": (Recipe.W8A8_STATIC, {"embed"}, set()),
    "layer-norm": (Recipe.W8A8_DYNAMIC, {"layer_norm"}, set()),
    "layer-norm-codes": (Recipe.W8A8_STATIC, {"layer_norm"}, set()),
    "attention": (Recipe.W8A8_DYNAMIC, {"key_list", "attention"}, {"scaled_dot_product_attention"}),
    "attention-codes": (Recipe.W8A8_STATIC, {"key_list", "attention"}, {"scaled_dot_product_attention"}),
    "attention-int8": (
        Recipe.W8A8_STATIC_ATTN, {"attention_codes", "key_bias", "quantized_attention"}, {"matmul_integer"}
    ),
    "quantise-tokens": (Recipe.W8A8_DYNAMIC_TOKEN, {"token_range", "quantize"}, set()),
    "quantise-tensors": (Recipe.W8A8_DYNAMIC, {"tensor_range", "tensor_scale", "quantize"}, set()),
    "pooling": (Recipe.W8A8_STATIC, {"mean_pool", "l2_normalize", "untile"}, set()),
}  # fmt: skip

#: Operations are run one by one for so long in a round, and the least of each counts: some take microseconds.
OPERATIONS_SECONDS = 0.1

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
        self.unit = in_registers(work, threads)


class KernelClock:
    """A clock that stands still but for what it is told."""

    def __init__(self) -> None:
        """Start at 0."""
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


CLOCK, KERNEL_CLOCK = PeakClock(), KernelClock()


def in_registers(work: Work, threads: int) -> float:
    """Return the seconds that products take in registers alone, measured now."""
    target = host_target()
    int8 = work.int8_products / int8_peak(target, threads) if work.int8_products else 0.0
    return int8 + (work.float32_products / float32_peak(target, threads) if work.float32_products else 0.0)


@functools.cache
def engine(workload: Workload, recipe: Recipe, threads: int) -> Engine:
    """Return the engine of a model."""
    return Engine(workload.program(recipe), threads=threads)


def expect_right(made: Engine, workload: Workload, recipe: Recipe, shape: Shape) -> None:
    """Check a forward in codes against the reference."""
    expected = workload.expected(recipe, shape)
    farthest = OF_THE_RECIPE * distance(workload.expected(Recipe.FP32, shape), expected)
    assert distance(expected, made.run(workload.inputs(shape))) <= farthest


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
    made = engine(workload, recipe, threads)
    expect_right(made, workload, recipe, size)
    measure(benchmark, made, workload.inputs(size), work_of(workload.program(recipe), size), threads)


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


@pytest.mark.benchmark(timer=KERNEL_CLOCK)
@pytest.mark.parametrize("shape", ["1x128", "8x128"])
@pytest.mark.parametrize("name", KERNELS)
def test_kernels(benchmark, name, shape):
    """What all calls of some kernels take in a forward of MiniLM, each in a native call of its own, by one thread."""
    (recipe, kinds, operators), workload, size = KERNELS[name], Workload("minilm"), Shape.parse(shape)
    made, inputs, program = engine(workload, recipe, 1), workload.inputs(size), workload.program(recipe)
    expect_right(made, workload, recipe, size)
    elements = size.batch * size.sequence * model_of(workload.model).config.hidden_size
    work = work_of(program, size, operators) if operators else Work(0, elements, 0)
    assert kinds == kinds & {operation.kind for operation in made.profile(inputs, seconds=0.0).operations}
    benchmark.extra_info["kernels"] = sorted(kinds)
    benchmark.extra_info["isa"] = host_target().name

    def run(unit: float) -> None:
        operations = made.profile(inputs, seconds=OPERATIONS_SECONDS).operations
        KERNEL_CLOCK.now += sum(operation.seconds for operation in operations if operation.kind in kinds) / unit

    benchmark.pedantic(run, setup=lambda: ((in_registers(work, 1),), {}), rounds=10)
