"""Judging runtimes that are right, wrong, broken or dishonest: none of the latter may end as PASS or stop the suite."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from small_encoder import BATCH, encoder
from stepwise import StepwiseExecutable, StepwiseRuntime

from distilspec.conformance.check import check_model, formula_clause
from distilspec.conformance.report.run import Run
from distilspec.conformance.result import State, Unit
from distilspec.conformance.subject import Subject
from distilspec.reference.contract.errors import ShapeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.tracer import Builder

OUTPUT = "sentence_embedding"


def subject(recipe=Recipe.FP32):
    """Return the small encoder with one batch."""
    return Subject("small", encoder(recipe), {"mixed": BATCH})


def run_of(runtime, cases, judged=None):
    """Return the run of these cases, with the clauses that the command makes mandatory."""
    program = (judged or subject()).program
    mandatory = frozenset(formula_clause(step.op) for step in program.steps)
    return Run(runtime.name, runtime.version, runtime.options, "small", ("fp32",), tuple(cases), mandatory)


def by_id(cases):
    """Return the cases by the last part of their ids."""
    return {case.id.rsplit("/", 1)[-1]: case for case in cases}


class Changed(StepwiseRuntime):
    """A right runtime of which the test changes one method of the executable."""

    def __init__(self, **methods):
        """Replace methods by functions of the executable and the arguments."""
        super().__init__()
        self.kind = type("ChangedExecutable", (StepwiseExecutable,), methods)

    def load(self, program):
        """Return the changed executable."""
        return self.kind(program)


@pytest.mark.parametrize("recipe", Recipe)
def test_a_right_runtime_is_conformant(recipe):
    """Every recipe: two runs, staged, one case a tensor, three decisions, nothing failed."""
    runtime, judged = StepwiseRuntime(), subject(recipe)
    seen = []

    cases = check_model(runtime, judged, seen.append)

    run = run_of(runtime, cases, judged)
    assert run.failing == ()
    assert run.exit_status == 0
    assert run.judged_clauses == run.mandatory
    assert len(cases) == 2 + len(judged.program.tensors) + 3
    assert len({case.id for case in cases}) == len(cases)
    assert all(case.recipe == recipe and case.id.startswith(f"small/{recipe}/mixed/") for case in cases)
    assert {case.state for case in cases if case.judgement.unit is Unit.DECISION} <= {State.PASS, State.UNDECIDED}
    assert len(seen) > len(judged.program.tensors)


@pytest.mark.parametrize("recipe", [Recipe.FP32, Recipe.W8A8_STATIC, Recipe.W8A8_DYNAMIC, Recipe.W8A32])
def test_one_wrong_step_of_any_operator_is_a_failed_case_of_that_step(recipe):
    """FAIL with evidence and not ERROR, and the run is not conformant."""
    judged = subject(recipe)
    for step in {step.op: step for step in judged.program.steps}.values():
        runtime = StepwiseRuntime(step.name)
        cases = check_model(runtime, judged)

        assert run_of(runtime, cases, judged).exit_status == 1
        assert {case.state for case in cases} <= {State.PASS, State.FAIL, State.MISTRUSTED, State.UNDECIDED}
        segments = [case for case in cases if case.state is State.FAIL and case.judgement.unit is not Unit.DECISION]
        assert [(case.step, case.clause) for case in segments] == [(step.name, formula_clause(step.op))]
        assert segments[0].evidence.target == step.name
        assert segments[0].operators == (step.op,)


def test_a_runtime_that_answers_differently_each_time_fails():
    """Two equal calls must give equal bits."""
    counter = itertools.count()

    def run(self, inputs):
        return {
            label: value + np.float32(1e-6 * next(counter)) for label, value in self.run_exposed(inputs, ()).items()
        }

    cases = check_model(Changed(run=run), subject())

    assert by_id(cases)["run twice"].state is State.FAIL
    assert run_of(StepwiseRuntime(), cases).exit_status == 1


def test_a_runtime_that_reuses_its_buffers_cannot_hide_that():
    """The second answer overwrites the first in place, so that both are the same array."""
    counter, buffers = itertools.count(), {}

    def run(self, inputs):
        for label, value in self.run_exposed(inputs, ()).items():
            buffers.setdefault(label, np.empty_like(value))[...] = value + np.float32(1e-3 * next(counter))
        return buffers

    assert by_id(check_model(Changed(run=run), subject()))["run twice"].state is State.FAIL


def test_a_runtime_that_writes_into_its_inputs_changes_no_verdict():
    """Each run gets inputs of its own, and the judge keeps its own."""

    def run_exposed(self, inputs, expose):
        found = StepwiseExecutable.run_exposed(self, inputs, expose)
        for array in inputs.values():
            array[...] = 0
        return found

    before = {name: array.copy() for name, array in BATCH.items()}
    cases = check_model(Changed(run_exposed=run_exposed), subject())

    assert all(np.array_equal(BATCH[name], array) for name, array in before.items())
    assert run_of(StepwiseRuntime(), cases).exit_status == 0


@pytest.mark.parametrize("recipe", [Recipe.FP32, Recipe.W8A8_STATIC])
def test_a_runtime_that_showing_alters_is_judged_by_what_it_returns_alone(recipe):
    """DEC-S1, DEC-S2: no segment of the other program counts; outputs and decisions do, whatever codes there are."""

    def run_exposed(self, inputs, expose):
        found = StepwiseExecutable.run_exposed(self, inputs, expose)
        return found | {OUTPUT: found[OUTPUT] + np.float32(1e-6)} if expose else found

    runtime = Changed(run_exposed=run_exposed)
    cases = check_model(runtime, subject(recipe))

    assert [(case.id.rsplit("/", 1)[-1], case.state) for case in cases[:2]] == [
        ("run twice", State.PASS),
        ("staged", State.MISTRUSTED),
    ]
    assert [case.clause for case in cases[2:6]] == ["DEC-S1"] * 3 + ["DEC-S2"]
    assert not any(case.operators for case in cases)
    assert "altered" in cases[1].judgement.detail
    assert run_of(runtime, cases, subject(recipe)).exit_status == 1


def test_a_sign_of_zero_is_a_different_bit():
    """Bit for bit means bytes."""
    calls = itertools.count()

    def run(self, inputs):
        return {OUTPUT: np.full((3, 24), 0.0 if next(calls) else -0.0, np.float32)}

    assert by_id(check_model(Changed(run=run), subject()))["run twice"].state is State.FAIL


@pytest.mark.parametrize(
    "error",
    [RuntimeError("one\ntwo"), ShapeError("scale is 0; expected more"), KeyError("x"), ValueError(), MemoryError()],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("method", ["run", "survivors", "run_exposed"])
def test_a_runtime_that_raises_is_an_error_in_one_line(method, error):
    """Whatever it raises and whenever; what was judged before stays."""

    def fail(*_):
        raise error

    runtime = Changed(**{method: fail})
    cases = check_model(runtime, subject())

    assert cases[-1].id == "small/fp32/mixed/run"
    assert cases[-1].state is State.ERROR
    assert cases[-1].judgement.detail.startswith(f"{type(error).__name__}: ")
    assert "\n" not in cases[-1].judgement.detail
    assert run_of(runtime, cases).exit_status == 1


def test_a_runtime_that_cannot_load_is_an_error_and_one_that_declines_is_unsupported():
    """The two ways in which loading ends; the second judges nothing."""

    class Loading(StepwiseRuntime):
        def __init__(self, error):
            super().__init__()
            self.error = error

        def load(self, program):
            raise self.error

    crashed = check_model(Loading(OSError("no such library\nat all")), subject())
    declined = check_model(Loading(UnsupportedError("no gelu; expected another activation")), subject())

    assert [(case.id, case.state) for case in crashed] == [("small/fp32/load", State.ERROR)]
    assert crashed[0].judgement.detail.startswith("OSError: no such library (test_check.py:")
    assert run_of(StepwiseRuntime(), crashed).exit_status == 1
    assert [(case.id, case.state) for case in declined] == [("small/fp32/load", State.UNSUPPORTED)]
    assert run_of(StepwiseRuntime(), declined).exit_status == 2


def test_a_runtime_without_an_operator_is_unsupported_by_name():
    """It is not asked to load, and a run that judges nothing is unusable."""

    class Without(StepwiseRuntime):
        def supports(self, op):
            return op not in ("gelu", "layer_norm")

        def load(self, program):
            raise AssertionError

    cases = check_model(Without(), subject())

    assert [case.state for case in cases] == [State.UNSUPPORTED]
    assert cases[0].judgement.detail == "stepwise declares no support for gelu, layer_norm"
    assert run_of(Without(), cases).exit_status == 2


def wider(values):
    """Give one column too many."""
    return np.concatenate([values, values[:, :1]], axis=1)


@pytest.mark.parametrize(
    "answer",
    [
        wider,
        lambda values: values[:1],
        lambda values: values.astype(np.int64),
        lambda values: values.astype(np.complex64),
        lambda values: np.full_like(values, np.nan),
        lambda values: np.full_like(values, np.inf),
        lambda values: np.zeros_like(values),
        lambda values: values[::-1].copy(),
        lambda values: values.astype(np.float16),
        lambda values: None,
        lambda values: values.tolist(),
        lambda values: np.float32(0),
        lambda values: values.astype(object),
        lambda values: values.astype(str),
    ],
)
@pytest.mark.parametrize("everywhere", [True, False])
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_a_wrong_kind_of_answer_never_passes(answer, everywhere):
    """Another shape, type, order or value of the final output, with right intermediates or with all wrong."""

    def run_exposed(self, inputs, expose):
        found = StepwiseExecutable.run_exposed(self, inputs, expose)
        changed = [*self.program.outputs, *self.program.outputs.values(), *(expose if everywhere else ())]
        return {name: answer(value) if name in changed and value.ndim == 2 else value for name, value in found.items()}

    runtime = Changed(run_exposed=run_exposed)
    cases = check_model(runtime, subject())

    run = run_of(runtime, cases)
    assert run.exit_status == 1
    assert run.failing
    assert all("\n" not in case.judgement.detail for case in cases)


@pytest.mark.parametrize("keep", [(), ("something else",)])
def test_a_missing_output_never_passes(keep):
    """No output at all, or one under another name."""

    def run_exposed(self, inputs, expose):
        found = StepwiseExecutable.run_exposed(self, inputs, expose)
        return {name: found[name] for name in expose if name not in self.program.outputs.values()} | dict.fromkeys(
            keep, np.zeros(3, np.float32)
        )

    runtime = Changed(run_exposed=run_exposed)
    cases = check_model(runtime, subject())

    assert run_of(runtime, cases).exit_status == 1
    assert run_of(runtime, cases).failing[-1].state is State.ERROR
    assert OUTPUT in run_of(runtime, cases).failing[-1].judgement.detail


def test_the_first_failure_end_to_end_of_each_clause_carries_the_model():
    """DEC-S1, DEC-S2: in every batch all decisions fail; a whole model is saved once for each clause, not for each."""

    def run(self, inputs):
        return {OUTPUT: self.run_exposed(inputs, ())[OUTPUT][[0, 2, 1]]}

    judged = Subject("small", encoder(Recipe.FP32), {"mixed": BATCH, "again": BATCH})
    failing = [
        case
        for case in check_model(Changed(survivors=lambda self: (), run=run), judged)
        if case.clause in ("DEC-S1", "DEC-S2") and case.state is State.FAIL
    ]

    assert len(failing) == 8
    carrying = [case for case in failing if case.evidence is not None]
    assert [case.clause for case in carrying] == ["DEC-S1", "DEC-S2"]
    for case in carrying:
        assert case.evidence.program is judged.program
        assert case.evidence.inputs is judged.batches["mixed"]
        assert case.evidence.target == case.step


def test_survivors_that_do_not_exist_judge_nothing_they_should_not():
    """A runtime may show tensors of its own beside those of the program."""

    def survivors(self):
        return (*StepwiseExecutable.survivors(self), "fused.kernel.7")

    def run_exposed(self, inputs, expose):
        own = {name: np.zeros(1) for name in expose if name == "fused.kernel.7"}
        return StepwiseExecutable.run_exposed(self, inputs, [name for name in expose if name not in own]) | own

    cases = check_model(Changed(survivors=survivors, run_exposed=run_exposed), subject())

    assert run_of(StepwiseRuntime(), cases).exit_status == 0
    assert not any("fused" in case.id for case in cases)


@pytest.mark.parametrize("recipe", Recipe)
def test_a_runtime_that_shows_nothing_is_judged_by_what_it_returns_alone(recipe):
    """DEC-S1, DEC-S2: decisions and outputs are judged, and none of a step's clauses is."""
    nothing = Changed(survivors=lambda self: ())
    cases = check_model(nothing, subject(recipe))

    assert by_id(cases)["staged"].judgement.detail == "nothing but outputs is shown, so no segment is judged"
    assert by_id(cases)[f"{OUTPUT}: as a whole"].state is State.PASS
    assert not any(case.operators for case in cases)
    assert run_of(nothing, cases).failing == ()
    assert run_of(nothing, cases).exit_status == 1


@pytest.mark.parametrize("recipe", Recipe)
def test_a_wrong_answer_of_a_runtime_that_shows_nothing_fails(recipe):
    """DEC-S1, DEC-S2: another text's embedding is beyond all that rounding can do."""

    def run(self, inputs):
        return {OUTPUT: self.run_exposed(inputs, ())[OUTPUT][[0, 2, 1]]}

    cases = by_id(check_model(Changed(survivors=lambda self: (), run=run), subject(recipe)))

    assert cases[f"{OUTPUT}: as a whole"].state is State.FAIL


def test_an_error_of_this_suite_is_not_blamed_on_the_runtime(monkeypatch):
    """It is raised, and no case says ERROR."""

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("distilspec.conformance.check.judge_segments", broken)

    with pytest.raises(ZeroDivisionError):
        check_model(StepwiseRuntime(), subject())


def test_a_shown_tensor_of_the_wrong_form_fails_alone():
    """The segments around it are judged from the tensors that are right."""
    name = "encoder.layer.0.intermediate.dense"

    def run_exposed(self, inputs, expose):
        found = StepwiseExecutable.run_exposed(self, inputs, expose)
        return found | {name: found[name].astype(np.float16)} if name in found else found

    cases = check_model(Changed(run_exposed=run_exposed), subject())
    failed = [case for case in cases if case.state is State.FAIL]

    assert [(case.step, case.judgement.detail) for case in failed] == [(name, "has dtype float16; expected float32")]
    assert sum(case.state is State.PASS for case in cases) > 40


def classifier(ties):
    """Return the program ``logits = -x`` with five decisions, of which the first ``ties`` are toss-ups."""
    specs = {"x": TensorSpec("float", (5, 3)), "attention_mask": TensorSpec("bool", (5, 4))}
    builder = Builder("classifier", specs, {"recipe": "fp32"})
    (y,) = builder.emit("y", "negate", ["x"])
    x = np.tile(np.float32([3, 1, 2]), (5, 1))
    x[:ties] = 1
    return Subject(
        "classifier", builder.finish({"logits": y}), {"b": {"x": x, "attention_mask": np.ones((5, 4), bool)}}
    )


@pytest.mark.parametrize(("ties", "mistrusted"), [(0, False), (1, False), (2, True), (5, True)])
def test_more_than_a_fifth_undecided_is_mistrusted(ties, mistrusted):
    """One of five is a fifth."""
    cases = check_model(StepwiseRuntime(), classifier(ties))

    assert sum(case.state is State.UNDECIDED for case in cases) == ties
    assert [case.id for case in cases if case.id.endswith("/decisions")] == (
        ["classifier/fp32/decisions"] if mistrusted else []
    )
    assert not mistrusted or cases[-1].state is State.MISTRUSTED


def test_an_error_in_one_batch_leaves_the_others_judged():
    """The second batch cannot run."""
    short = {name: array[:, :4] for name, array in BATCH.items()}

    def run(self, inputs):
        if inputs["input_ids"].shape[1] == 4:
            raise RuntimeError("only 16")
        return self.run_exposed(inputs, ())

    cases = check_model(Changed(run=run), Subject("small", encoder(Recipe.FP32), {"short": short, "mixed": BATCH}))

    assert [case.id for case in cases if case.state is State.ERROR] == ["small/fp32/short/run"]
    assert sum(case.state is State.PASS for case in cases) > 40


# Operators
