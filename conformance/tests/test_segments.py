"""Segments: they cover the program, a legitimate runtime passes all of them, and a wrong step fails its own only."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_encoder import BATCH, encoder
from stepwise import spoilt, stepwise

from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.segments import cut, judge_segments, rounding_offsets
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.tracer import Builder

SMALL = {name: array[:2, :6] for name, array in BATCH.items()}


@cache
def rounded(recipe, wrong=None):
    """Return every tensor of a float32 run of the small encoder."""
    return stepwise(encoder(recipe), SMALL, wrong)


def shown(values, program, exposed):
    """Return the program's inputs and the exposed tensors, as ``check_model`` hands them to ``judge_segments``."""
    return {name: values[name] for name in (*program.inputs, *exposed)}


@st.composite
def exposures(draw, recipe):
    """Draw a subset of the tensors of the encoder under a recipe, in any order, with the output in it."""
    program = encoder(recipe)
    names = sorted(program.tensors)
    kept = draw(st.sampled_from([0.1, 0.5, 0.9]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    chosen = [name for name in names if random.random() < kept]
    return list(dict.fromkeys([*random.permutation(chosen).tolist(), program.outputs["sentence_embedding"]]))


def needed(program, target):
    """Return the names of the steps that a tensor depends on, found from the target backwards."""
    names, steps = {target}, set()
    for step in reversed(program.steps):
        if names & set(step.outputs):
            steps.add(step.name)
            names |= {name for name in step.inputs if name is not None}
    return steps


@pytest.mark.parametrize("recipe", Recipe)
@settings(max_examples=10)
@given(data=st.data())
def test_segments_cover_every_step_that_matters_and_nothing_else(recipe, data):
    """One segment a target; together every step before an exposed tensor; inputs are exposed tensors or inputs."""
    program, exposed = encoder(recipe), data.draw(exposures(recipe))

    segments = cut(program, exposed)

    assert sorted(segment.target for segment in segments) == sorted(exposed)
    covered = {step.name for segment in segments for step in segment.program.steps}
    assert covered == set().union(*(needed(program, target) for target in exposed))
    for segment in segments:
        assert set(segment.program.inputs) <= {*program.inputs, *exposed}
        assert list(segment.program.outputs) == [segment.target]
        assert {step.name for step in segment.program.steps} == needed(segment.program, segment.target)
        assert list(segment.operators) == list(dict.fromkeys(step.op for step in segment.program.steps))


@pytest.mark.parametrize("recipe", Recipe)
def test_segments_come_in_the_order_of_the_program(recipe):
    """So that the first failing segment is the first divergence."""
    program = encoder(recipe)

    targets = [segment.target for segment in cut(program, sorted(program.tensors))]

    assert targets == [name for step in program.steps for name in step.outputs]


@pytest.mark.parametrize("recipe", Recipe)
@settings(max_examples=8)
@given(data=st.data())
def test_a_legitimate_runtime_passes_every_segment_of_any_exposure(recipe, data):
    """Float32 rounding after every step stays within the bounds of segments of any length."""
    program, exposed = encoder(recipe), data.draw(exposures(recipe))

    judged = list(judge_segments(program, shown(rounded(recipe), program, exposed)))

    failing = [(one.segment.target, one.judgement.detail) for one in judged if one.judgement.state is State.FAIL]
    assert failing == []
    assert len(judged) == len(exposed)


@pytest.mark.parametrize("recipe", Recipe)
def test_torch_passes_every_segment(recipe):
    """An implementation that shares no arithmetic with the reference."""
    program = encoder(recipe)
    executable = find_runtime("torch").load(program)
    values = {**program.checked(BATCH), **executable.run_exposed(BATCH, executable.survivors())}

    judged = list(judge_segments(program, values))

    assert [one.segment.target for one in judged if one.judgement.state is State.FAIL] == []
    assert sum(one.judgement.state is State.PASS for one in judged) > 0.8 * len(judged)


def guilty(segment, wrong):
    """Return whether the segment makes the wrong tensor and its target is it or reads it."""
    made = {name for step in segment.program.steps for name in step.outputs}
    read = {name for step in segment.program.steps for name in step.inputs}
    return wrong in made and (wrong == segment.target or wrong in read)


@pytest.mark.parametrize("recipe", Recipe)
@settings(max_examples=15)
@given(data=st.data())
def test_a_wrong_step_fails_in_its_own_segment_and_in_no_other(recipe, data):
    """Everything after the wrong step is judged on the wrong values, and is right about them."""
    program = encoder(recipe)
    wrong = data.draw(st.sampled_from(sorted(program.tensors)))
    values = stepwise(program, SMALL, wrong)

    judged = list(judge_segments(program, values))

    assert [one.segment.target for one in judged if one.judgement.state is State.FAIL] == [wrong]


@pytest.mark.parametrize("recipe", Recipe)
@settings(max_examples=10)
@given(data=st.data())
def test_a_wrong_step_is_never_blamed_on_a_segment_without_it(recipe, data):
    """Any exposure: only segments that make the wrong tensor and use it can fail."""
    program, exposed = encoder(recipe), data.draw(exposures(recipe))
    wrong = data.draw(st.sampled_from(sorted(program.tensors)))
    values = stepwise(program, SMALL, wrong)

    judged = list(judge_segments(program, shown(values, program, exposed)))

    for one in judged:
        if one.judgement.state is State.FAIL:
            assert guilty(one.segment, wrong)


@pytest.mark.parametrize("recipe", Recipe)
@settings(max_examples=10)
@given(data=st.data())
def test_a_hidden_wrong_step_fails_what_reads_it(recipe, data):
    """A fused runtime does not show the wrong tensor, but it shows the results of all other steps."""
    program = encoder(recipe)
    linears = [step.name for step in program.steps if step.op in ("linear", "quantized_linear", "gelu")]
    wrong = data.draw(st.sampled_from(linears))
    values = stepwise(program, SMALL, wrong)
    exposed = [name for name in program.tensors if name != wrong]

    judged = list(judge_segments(program, shown(values, program, exposed)))

    failing = [one.segment for one in judged if one.judgement.state is State.FAIL]
    assert failing
    assert all(guilty(segment, wrong) for segment in failing)


def test_each_segment_is_judged_on_the_runtimes_own_inputs():
    """A runtime whose first tensor is far off still has a right second one: y = -x judged with its own x."""
    builder = Builder("two", {"start": TensorSpec("float", (20,))}, {"recipe": "fp32"})
    (x,) = builder.emit("x", "negate", ["start"])
    (y,) = builder.emit("y", "negate", [x])
    program = builder.finish({"y": y})
    start = np.arange(1, 21, dtype=np.float32)
    own = 100 * start
    first, second = judge_segments(program, {"start": start, "x": own, "y": -own})
    hidden = list(judge_segments(program, {"start": start, "y": -own}))

    assert (first.judgement.state, second.judgement.state) == (State.FAIL, State.PASS)
    assert second.inputs["x"] is own
    assert [one.judgement.state for one in hidden] == [State.FAIL]


def test_spoiling_changes_one_element_of_any_dtype():
    """The planted mistake of these tests is one."""
    for array in (
        np.zeros((2, 2), bool),
        np.zeros(3, np.uint8),
        np.zeros(3, np.int8),
        np.float32([1e6, 0]),
        np.ones(()),
    ):
        wrong = spoilt(array)
        assert np.count_nonzero(wrong != array) == 1


QUANTISED = (Recipe.W8A8_STATIC, Recipe.W8A8_DYNAMIC, Recipe.W8A8_DYNAMIC_TOKEN)


@pytest.mark.parametrize("recipe", QUANTISED)
def test_rounding_offsets_say_what_rounding_added(recipe):
    """At most half a code where nothing saturates, one array for each quantise step, whole codes between two runs."""
    program, values = encoder(recipe), rounded(recipe)

    found = {}
    for one in judge_segments(program, values):
        found |= one.offsets

    assert set(found) == {name for name in program.tensors if name.endswith(".quantized")}
    for name, offset in found.items():
        zero_point = values.get(f"{name}.zero_point", program.constants.get(f"{name}.zero_point"))
        scale = values.get(f"{name}.scale", program.constants.get(f"{name}.scale")).astype(np.float64)
        x = values[name.removesuffix(".quantized")].astype(np.float64)
        np.testing.assert_allclose((offset + x / scale + zero_point), values[name], atol=1e-6)
        limits = np.iinfo(values[name].dtype)
        inside = (values[name] > limits.min) & (values[name] < limits.max)
        assert np.all(np.abs(offset[inside]) <= 0.5001)


def test_the_offset_of_a_turned_code_differs_by_one():
    """The runtime's own code counts where it shows it."""
    program, values = encoder(Recipe.W8A8_STATIC), dict(rounded(Recipe.W8A8_STATIC))
    name = next(name for name in program.tensors if name.endswith(".quantized"))
    before = rounding_offsets(program, values)[name]
    values[name] = values[name].copy()
    values[name][0, 0, 0] += 1

    after = rounding_offsets(program, values)[name]

    assert (after - before)[0, 0, 0] == pytest.approx(1)
    assert np.count_nonzero(after != before) == 1
