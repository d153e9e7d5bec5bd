"""A failing case saved, read back and run again: the same verdict, and one line for a folder that was tampered with."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest
from refusal import refused
from small_encoder import BATCH, encoder
from stepwise import StepwiseRuntime

from distilspec.conformance.check import check_model, check_operators
from distilspec.conformance.goldens import load_goldens
from distilspec.conformance.mutants import MutantRuntime, all_mutants
from distilspec.conformance.replay import load_case, replay, save_case
from distilspec.conformance.report.folder import write_report
from distilspec.conformance.report.json_report import replay_name
from distilspec.conformance.report.run import Run
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.subject import Subject
from distilspec.reference.contract.errors import ContractError, FormatError, ShapeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe


def run_of(runtime, cases):
    """Return the run that holds these cases."""
    return Run(runtime.name, runtime.version, {"level": "all"}, "small", ("fp32",), tuple(cases), frozenset())


def failing(recipe, wrong):
    """Return the run of a runtime with one wrong tensor, and its failing segment."""
    runtime = StepwiseRuntime(wrong)
    run = run_of(runtime, check_model(runtime, Subject("small", encoder(recipe), {"mixed": BATCH})))
    return run, next(case for case in run.failing if case.evidence is not None)


@pytest.fixture
def saved(tmp_path):
    """Return the path of a saved case: a wrong attention, with a mask among its inputs."""
    name = "encoder.layer.0.attention.self.scaled_dot_product_attention"
    run, case = failing(Recipe.FP32, name)
    save_case(tmp_path / "case", run, case)
    return tmp_path / "case" / "case.json"


@pytest.mark.parametrize("recipe", Recipe)
def test_every_operator_of_every_recipe_can_be_saved_and_read_back(recipe, tmp_path):
    """The program, the inputs bit for bit, and the words of the report."""
    for index, step in enumerate({step.op: step for step in encoder(recipe).steps}.values()):
        run, case = failing(recipe, step.name)
        save_case(tmp_path / str(index), run, case)

        read = load_case(tmp_path / str(index) / "case.json")

        assert (read.id, read.clause, read.recipe) == (case.id, case.clause, recipe)
        assert (read.runtime, read.version, read.options) == ("stepwise", "1", {"level": "all"})
        assert (read.target, read.detail) == (step.name, case.judgement.detail)
        assert str(read.program) == str(case.evidence.program)
        assert read.inputs.keys() == case.evidence.inputs.keys()
        for name, array in case.evidence.inputs.items():
            np.testing.assert_array_equal(read.inputs[name], array)
            assert read.inputs[name].dtype == array.dtype


@pytest.mark.parametrize("recipe", [Recipe.FP32, Recipe.W8A8_DYNAMIC])
def test_a_replay_gives_the_same_judgement_and_the_reference_passes(recipe, tmp_path):
    """On the wrong runtime the same words and numbers, on a right one PASS."""
    for index, step in enumerate({step.op: step for step in encoder(recipe).steps}.values()):
        run, case = failing(recipe, step.name)
        save_case(tmp_path / str(index), run, case)
        read = load_case(tmp_path / str(index) / "case.json")

        again = replay(read, StepwiseRuntime(step.name))

        assert (again.state, again.detail) == (State.FAIL, case.judgement.detail)
        assert (again.max_error, again.bound_used) == (case.judgement.max_error, case.judgement.bound_used)
        assert replay(read, find_runtime("reference")).state is not State.FAIL
        assert replay(read, StepwiseRuntime()).state is not State.FAIL


def test_a_failing_golden_is_replayed_by_its_known_answer(tmp_path, monkeypatch):
    """Also where the wrong result is not the first one, or an exact answer was missed by less than the bound."""
    goldens = load_goldens()
    monkeypatch.setattr("distilspec.conformance.replay.load_goldens", lambda: goldens)
    replayed = 0
    for mutant in all_mutants()[::40]:
        runtime = MutantRuntime(mutant)
        cases = check_operators(runtime, [golden for golden in goldens if golden.operator == mutant.replaces])
        run = run_of(runtime, cases)
        for case in run.failing[:1]:
            folder = tmp_path / str(replayed)
            save_case(folder, run, case)
            read = load_case(folder / "case.json")
            again = replay(read, runtime)

            assert (again.state, again.detail) == (case.state, case.judgement.detail), mutant.name
            assert replay(read, find_runtime("reference")).state is State.PASS
            replayed += 1
    assert replayed > 5


def exchanged(output):
    """Return the output with two texts exchanged, so that every nearest neighbour is another one."""
    return output[[0, 2, 1]]


class Opaque(StepwiseRuntime):
    """Shows nothing but its outputs, and changes them."""

    def __init__(self, change):
        """Return what ``change`` makes of each output."""
        super().__init__()
        self.change = change

    def load(self, program):
        """Return the executable that does so."""
        executable = super().load(program)
        exposed = executable.run_exposed
        executable.run = lambda inputs: {label: self.change(output) for label, output in exposed(inputs, ()).items()}
        executable.run_exposed = lambda inputs, expose: executable.run(inputs)
        executable.survivors = lambda: ()
        return executable


@pytest.mark.parametrize("clause", ["DEC-S1", "DEC-S2"])
def test_a_decision_is_replayed_by_its_margin_and_an_output_by_its_distance(clause, tmp_path):
    """DEC-S1, DEC-S2: bounds carried through a whole model say nothing, so that they would accept the wrong one."""
    runtime = Opaque(exchanged)
    run = run_of(runtime, check_model(runtime, Subject("small", encoder(Recipe.FP32), {"mixed": BATCH})))
    case = next(case for case in run.failing if case.clause == clause)
    save_case(tmp_path / "case", run, case)
    read = load_case(tmp_path / "case" / "case.json")

    again = replay(read, runtime)

    assert (again.unit, again.state, again.detail) == (case.judgement.unit, State.FAIL, case.judgement.detail)
    assert replay(read, Opaque(np.copy)).state is State.PASS
    assert replay(read, find_runtime("reference")).state is State.PASS


def test_a_runtime_without_the_case_that_is_replayed_is_judged_by_its_first_failure(tmp_path):
    """DEC-S2: it does not run at all, or shows its tensors so that no output is judged as a whole."""
    runtime = Opaque(exchanged)
    run = run_of(runtime, check_model(runtime, Subject("small", encoder(Recipe.FP32), {"mixed": BATCH})))
    save_case(tmp_path / "case", run, next(case for case in run.failing if case.clause == "DEC-S2"))
    read = load_case(tmp_path / "case" / "case.json")

    assert replay(read, Opaque(lambda output: output[:1])).state is State.ERROR
    assert replay(read, StepwiseRuntime("embeddings.LayerNorm")).state is State.FAIL
    assert replay(read, StepwiseRuntime()).state is State.PASS
    with refused(UnsupportedError, "declares no mode that carries out fp32"):
        replay(read, WithoutRecipes())


class WithoutRecipes(StepwiseRuntime):
    """Carries out no recipe."""

    recipes = ()


def test_a_runtime_that_raises_during_a_replay_is_an_error(saved):
    """The failure is the verdict, not the end of the program."""

    class Broken(StepwiseRuntime):
        def load(self, program):
            raise RuntimeError("boom\nand more")

    judgement = replay(load_case(saved), Broken())

    assert judgement.state is State.ERROR
    assert judgement.detail.startswith("RuntimeError: boom (")


def test_a_runtime_without_the_operator_cannot_replay(saved):
    """Declared, or found out when loading."""

    class Without(StepwiseRuntime):
        def supports(self, op):
            return False

    class Declines(StepwiseRuntime):
        def load(self, program):
            raise UnsupportedError("no mask; expected none")

    with refused(UnsupportedError, "stepwise has no .*scaled_dot_product_attention"):
        replay(load_case(saved), Without())
    with refused(UnsupportedError, "no mask"):
        replay(load_case(saved), Declines())


def test_a_missing_file_is_named(saved, tmp_path):
    """Every file of the folder is needed."""
    for part in ("inputs.safetensors", "program/program.json", "program/constants.safetensors", "case.json"):
        folder = tmp_path / part.replace("/", "-")
        shutil.copytree(saved.parent, folder)
        (folder / part).unlink()
        with refused(FormatError, part.rsplit("/", 1)[-1]):
            load_case(folder / "case.json")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{",
        b"[" * 100_000,
        b'{"schema": 2}',
        b'{"schema": 1}',
        b'{"schema": NaN}',
        b'{"schema": 1, "schema": 1}',
    ],
)
def test_a_case_that_is_no_case_is_refused_in_one_line(saved, content):
    """Whatever the bytes are."""
    saved.write_bytes(content)

    with refused(FormatError, "case.json"):
        load_case(saved)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"id": 3}, "no text 'id'"),
        ({"target": None}, "no text 'target'"),
        ({"target": "no such tensor"}, "asks for 'no such tensor'"),
        ({"target": "query"}, "asks for 'query'"),
        ({"options": None}, "no options"),
        ({"options": {"level": 3}}, "no options"),
        ({"options": ["level"]}, "no options"),
        ({"schema": "1"}, "schema 1"),
    ],
)
def test_a_tampered_description_is_refused(saved, changes, complaint):
    """A value of another type, or a tensor that the program does not give."""
    saved.write_text(json.dumps(json.loads(saved.read_text()) | changes))

    with refused(FormatError, complaint):
        load_case(saved)


def test_other_inputs_are_refused(saved):
    """Inputs of another case do not fit this program."""
    run, other = failing(Recipe.FP32, "mean_pool")
    save_case(saved.parent.parent / "other", run, other)
    shutil.copyfile(saved.parent.parent / "other" / "inputs.safetensors", saved.parent / "inputs.safetensors")

    with refused(ShapeError, "input .* is missing"):
        load_case(saved)


@pytest.mark.parametrize("name", ["program/program.json", "program/constants.safetensors", "inputs.safetensors"])
def test_truncated_files_are_refused(saved, name):
    """At any place."""
    path = saved.parent / name
    whole = path.read_bytes()
    for size in (0, 5, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:size])
        with pytest.raises(ContractError) as caught:
            load_case(saved)
        assert "\n" not in str(caught.value)


def test_a_path_that_is_no_file_is_refused(saved, tmp_path):
    """A folder, a file that does not exist, a file that is not text."""
    for path in (tmp_path, tmp_path / "absent.json", saved.parent / "inputs.safetensors"):
        with refused(FormatError, path.name):
            load_case(path)


def test_a_report_holds_every_failing_case(tmp_path):
    """Each in a folder whose name is that of the case, and none for a decision, which has no program of its own."""
    run, _ = failing(Recipe.FP32, "embeddings.LayerNorm")

    write_report(run, tmp_path / "out")

    names = {replay_name(case.id) for case in run.failing if case.evidence is not None}
    assert {path.name for path in (tmp_path / "out" / "failures").iterdir()} == names
    for name in names:
        assert load_case(tmp_path / "out" / "failures" / name / "case.json").runtime == "stepwise"


def test_hostile_names_stay_inside_the_report(tmp_path):
    """A model's or tensor's name chooses no path."""
    _, found = failing(Recipe.FP32, "mean_pool")
    case = dataclasses.replace(found, id="../../../etc/passwd\x00\n/.. /" + "x" * 300)

    write_report(run_of(StepwiseRuntime(), [case]), tmp_path / "inner" / "out")

    assert [path.name for path in tmp_path.iterdir()] == ["inner"]
    (folder,) = (tmp_path / "inner" / "out" / "failures").iterdir()
    assert load_case(folder / "case.json").id == case.id


def test_two_cases_whose_names_differ_only_in_signs_are_both_kept(tmp_path):
    """The second does not overwrite the first, and the report is written."""
    _, found = failing(Recipe.FP32, "mean_pool")
    cases = [dataclasses.replace(found, id=name) for name in ("a/b", "a b")]

    write_report(run_of(StepwiseRuntime(), cases), tmp_path / "out")

    ids = {load_case(path / "case.json").id for path in (tmp_path / "out" / "failures").iterdir()}
    assert ids == {"a/b", "a b"}
