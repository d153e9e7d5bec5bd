"""
Memory that engines hold, each in a process of its own.

Run ``pytest benchmarks/bench_memory.py -s``. A row says by how much an engine makes a process larger, after one
sequence of 128 tokens, what kernels read and write of that, and the ratio, which fast/tests/test_memory.py limits.
"""

from __future__ import annotations

import pytest
from held_memory import held_by, loaded, made

from distilspec.conformance.bench.workloads import Workload
from distilspec.fast import Engine
from distilspec.reference.contract.recipes import Recipe

WORKLOADS = {
    "minilm": Workload("minilm"),
    "distilbert-dense": Workload(),
    "distilbert-80-4x1": Workload(sparsity=0.8),
}


@pytest.mark.parametrize("name", WORKLOADS)
def test_memory(name, tmp_path):
    """Of an engine made from a program, and of one that maps its weights."""
    program, folder = WORKLOADS[name].folder(Recipe.W8A8_STATIC), tmp_path / "engine"
    with Engine(WORKLOADS[name].program(Recipe.W8A8_STATIC)) as engine:
        engine.save(folder)
    weights = (folder / "weights.bin").stat().st_size
    for how, expression in (("made", made(program)), ("loaded", loaded(folder))):
        held, activations = held_by(expression)
        sizes = [f"{size / 2**20:.1f}" for size in (held, weights, activations)]
        ratio = held / (weights + activations)
        print(f"\n{name} {how}: holds {sizes[0]} MiB, weights {sizes[1]}, activations {sizes[2]}, ratio {ratio:.2f}")
