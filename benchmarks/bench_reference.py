"""
Speed and memory of the reference on one sequence of 128 tokens, in FP32 and INT8.

Run ``tox -e bench``, or ``pytest benchmarks``. Each run is checked before it is timed, and ``extra_info`` holds the
constants of the program and the most memory that one run allocates beside them.
"""

from __future__ import annotations

import functools
import tracemalloc

import numpy as np
import pytest

from distilspec.reference import ops
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.named_models import load_model
from distilspec.reference.models.build import build_program, random_weights
from distilspec.reference.models.config import DistilBertConfig
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe, calibrate

DISTILBERT_BASE = DistilBertConfig(
    vocab_size=30522, hidden_size=768, num_layers=6, num_heads=12, intermediate_size=3072
)
BATCH, SEQUENCE = 1, 128


@functools.cache
def fp32_program(name: str) -> Program:
    """Return trained MiniLM-L6, or a program with the shape of DistilBERT-base and random weights."""
    if name == "minilm":
        return load_model("minilm").program
    weights = random_weights(DISTILBERT_BASE, "feature-extraction", seed=0)
    return build_program(DISTILBERT_BASE, "feature-extraction", weights, name=name)


def inputs_of(program: Program) -> dict[str, np.ndarray]:
    """Return random tokens, all of them kept."""
    ids = np.random.default_rng(0).integers(1000, 30000, (BATCH, SEQUENCE))
    values = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    return {name: values[name] for name in program.inputs}


def expect_exact_integers(program: Program, inputs: dict[str, np.ndarray]) -> None:
    """Recompute one row of the last quantised Linear in Python's integers; FP32 programs have none."""
    steps = [step for step in program.steps if step.op == "quantized_linear"]
    for step in steps[-1:]:
        codes, x_scale, zero_point, weight, weight_scale, bias = step.inputs
        kept = program.run(ops, inputs, keep=[*step.inputs, step.name])
        row, zero = kept[codes][0, 0].tolist(), int(kept[zero_point])
        scale = float(np.ravel(kept[x_scale])[0])
        for o in range(0, kept[weight].shape[0], 50):
            total = sum((x - zero) * w for x, w in zip(row, kept[weight][o].tolist(), strict=True))
            expected = total * (scale * float(kept[weight_scale][o])) + float(kept[bias][o])
            assert kept[step.name][0, 0, o] == expected


@pytest.mark.parametrize("recipe", [Recipe.FP32, Recipe.W8A8_STATIC, Recipe.W8A8_DYNAMIC], ids=str)
@pytest.mark.parametrize("name", ["minilm", "distilbert-base-shaped"])
def test_reference(benchmark, name, recipe):
    """One forward pass at 1x128."""
    program = fp32_program(name)
    inputs = inputs_of(program)
    ranges = calibrate(program, [inputs], recipe=recipe) if Recipe(recipe).is_calibrated else None
    program = apply_recipe(program, recipe, calibration=ranges)
    expect_exact_integers(program, inputs)
    tracemalloc.start()
    outputs = program.run(ops, inputs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert all(np.isfinite(output).all() for output in outputs.values())
    benchmark.extra_info["constants_mb"] = round(sum(array.nbytes for array in program.constants.values()) / 1e6)
    benchmark.extra_info["peak_of_a_run_mb"] = round(peak / 1e6)

    benchmark.pedantic(program.run, args=(ops, inputs), rounds=3)
