"""Naming a bug from what a failing segment returned."""

from __future__ import annotations

import numpy as np
import pytest

from distilspec.conformance.diagnose import diagnose
from distilspec.conformance.mutants import MutantRuntime, all_mutants
from distilspec.conformance.result import State
from distilspec.conformance.runtimes.reference import ReferenceRuntime
from distilspec.conformance.segments import judge_segments
from distilspec.reference import ops
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.tracer import Builder

WIDTH, TOKENS, FEATURES = 48, 6, 20

#: Every other element is 254, so that most pairs of products leave 16 bits; the others are ties of either sign.
X = np.where(np.arange(TOKENS * WIDTH) % 2, 254.0, np.arange(TOKENS * WIDTH) % 100 - 1.5).reshape(TOKENS, WIDTH)


@pytest.fixture
def program():
    """Return a quantised Linear: codes with scale 1 and zero point 1, weights near both ends."""
    builder = Builder("quantised linear", {"x": TensorSpec("float", (TOKENS, WIDTH))}, {"recipe": "w8a8-static"})
    codes = np.where(np.arange(FEATURES * WIDTH) % 3, 127, -128).reshape(FEATURES, WIDTH)
    builder.constant("scale", np.ones((), np.float32))
    builder.constant("zero_point", np.ones((), np.uint8))
    builder.constant("weight", (codes - np.arange(WIDTH) % 5).clip(-128, 127).astype(np.int8))
    builder.constant("weight_scale", np.linspace(0.001, 0.01, FEATURES, dtype=np.float32))
    builder.constant("bias", np.linspace(-1, 1, FEATURES, dtype=np.float32))
    builder.emit("codes", "quantize", ["x", "scale", "zero_point"])
    builder.emit("y", "quantized_linear", ["codes", "scale", "zero_point", "weight", "weight_scale", "bias"])
    return builder.finish({"y": "y"})


def mutant(operator, name):
    """Return the mutant with this name."""
    return next(m for m in all_mutants() if (m.replaces, m.name) == (operator, name))


def failures(program, runtime):
    """Return the failed segments of a run, and what the runtime returned for them."""
    executable = runtime.load(program)
    shown = {"x": X, **executable.run_exposed({"x": X}, executable.survivors())}
    judged = judge_segments(program, {name: shown[name] for name in ("x", "codes", "y")})
    return [(result, shown[result.segment.target]) for result in judged if result.judgement.state is State.FAIL]


def diagnoses(program, runtime):
    """Return the diagnosis of every failed segment by the segment's target."""
    return {
        judged.segment.target: diagnose(judged.segment, judged.inputs, got, judged.error)
        for judged, got in failures(program, runtime)
    }


def test_a_right_runtime_has_nothing_to_diagnose(program):
    """The bug of a segment is looked for only where there is one."""
    assert failures(program, ReferenceRuntime({})) == []


def test_saturating_pairs_are_named(program):
    """Only the product is wrong, because the segment is judged on the codes that it was given."""
    wrong = mutant("quantized_linear", "pairs of products saturate in 16 bits")

    assert diagnoses(program, MutantRuntime(wrong)) == {"y": "pairs of products saturate in 16 bits [QL-S1]"}


def test_ties_rounded_away_are_named(program):
    """Only the codes are wrong; the product of wrong codes is right."""
    wrong = mutant("quantize", "ties are rounded away from zero")

    named = diagnoses(program, MutantRuntime(wrong))

    assert named == {"codes": "ties are rounded away from zero [Q-S3]"}


@pytest.mark.parametrize(
    "name",
    ["the zero point is ignored", "the weight's scale is off by one output", "the bias is missing"],
)
def test_other_bugs_of_the_product_are_told_apart(program, name):
    """Each of them explains its own results and no other's."""
    wrong = mutant("quantized_linear", name)

    assert diagnoses(program, MutantRuntime(wrong)) == {"y": f"{name} [{wrong.clauses[0]}]"}


def test_an_unknown_bug_is_not_named(program):
    """One element that no known bug explains leaves the segment without a diagnosis."""
    judged, got = failures(program, MutantRuntime(mutant("quantized_linear", "the bias is missing")))[0]
    odd = got.copy()
    odd[-1, -1] += 1e4

    assert diagnose(judged.segment, judged.inputs, odd, judged.error) == ""


def test_a_bug_that_ends_the_run_explains_nothing():
    """Without its reduced axes the sum has a shape that the next step refuses; that is no reason to give up."""
    builder = Builder("mean", {"x": TensorSpec("float", (2, 3, 4))}, {"recipe": "fp32"})
    builder.emit("total", "reduce_sum", ["x"], {"axes": (1,), "keepdims": True})
    builder.emit("y", "subtract", ["x", "total"])
    program = builder.finish({"y": "y"})
    x = np.arange(24.0).reshape(2, 3, 4)
    (judged,) = judge_segments(program, {"x": x, "y": np.zeros((2, 3, 4))})

    assert diagnose(judged.segment, judged.inputs, np.zeros((2, 3, 4)), judged.error) == ""


def test_a_bug_that_changes_nothing_here_explains_nothing(program):
    """An error of a few roundings is within what a wrong value may round, and no bug is its cause."""
    judged, got = failures(program, MutantRuntime(mutant("quantized_linear", "the bias is missing")))[0]
    right = judged.segment.program.run(ops, judged.inputs)["y"]

    found = diagnose(judged.segment, judged.inputs, right * (1 + 2.0**-22), judged.error)

    assert got.shape == right.shape
    assert found == ""
