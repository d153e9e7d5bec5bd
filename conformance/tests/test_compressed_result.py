"""``run`` and ``check`` on what ``distilspec compress`` has made."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from refusal import refused
from tiny_result import KEPT, tiny_result

from distilspec.conformance.cli import main
from distilspec.conformance.subject import prepare
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.named_models import compressed_of, load_model
from distilspec.reference.formats.saved import load_program


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Return a result whose student is half zeros in blocks of (4, 4)."""
    return tiny_result(tmp_path_factory.mktemp("out"))


@pytest.fixture
def call(monkeypatch, capsys):
    """Return a function that runs ``main`` and returns exit status, standard output and error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["distilspec", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run


def test_the_result_and_its_student_answer_alike(result, call):
    """With the label's name and its probability, in float32 and in the saved INT8."""
    for recipe in (Recipe.FP32, Recipe.W8A8_STATIC):
        answers = [
            call("run", folder, "a man is eating", "--recipe", recipe, "--json")
            for folder in (result.folder, result.student)
        ]
        assert answers[0] == answers[1]
        status, printed, _ = answers[0]
        (record,) = json.loads(printed)
        assert status == 0
        assert record["label"] in ("LABEL_0", "LABEL_1")
        assert 0.5 <= record["score"] <= 1


def test_the_judged_program_is_the_saved_one(result):
    """Its blocks and ranges, and the Linear that stays in float32."""
    subject = prepare(load_model(result.student), Recipe.W8A8_STATIC, result=compressed_of(result.student))
    saved = load_program(result.programs[Recipe.W8A8_STATIC])

    assert subject.program.steps == saved.steps
    assert {step.name: step.op for step in subject.program.steps}[KEPT] == "block_sparse_linear"


def test_every_saved_program_is_judged_unless_recipes_are_named(result, call):
    """Of the result or its student; the reference conforms to itself."""
    for arguments, recipes in (
        ((result.folder,), {"fp32", "w8a8-static"}),
        ((result.student, "--recipe", "w8a8-dynamic"), {"w8a8-dynamic"}),
    ):
        status, printed, _ = call("check", "reference", "--model", *arguments, "--json")
        assert status == 0
        assert {case["recipe"] for case in json.loads(printed)["cases"]} == recipes


def test_two_int8_programs_stand_side_by_side(call, tmp_path):
    """Unless a recipe is named, float32 answers and every program is judged; each recipe takes its own."""
    result = tiny_result(tmp_path)
    shutil.copytree(tiny_result(tmp_path / "other", recipe=Recipe.W7A8_STATIC).folder / "programs" / "w7a8-static",
        result.folder / "programs" / "w7a8-static",
    )  # fmt: skip
    plain, named = (
        call("run", result.folder, "a man is eating", "--json", *more) for more in ((), ("--recipe", "fp32"))
    )
    assert plain == named
    assert compressed_of(result.folder).program(Recipe.W7A8_STATIC, []).recipe == "w7a8-static"
    status, printed, _ = call("check", "reference", "--model", result.folder, "--json")
    assert status == 0
    assert {case["recipe"] for case in json.loads(printed)["cases"]} == {"fp32", "w8a8-static", "w7a8-static"}


def test_what_is_compressed_is_not_pruned_once_more(result, call):
    """One line."""
    with refused(UnsupportedError, r"small: sparsity is 0\.5; expected none because a pipeline has pruned"):
        prepare(load_model(result.folder), Recipe.FP32, sparsity=0.5, result=result)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["fast", "onnxruntime"])
def test_runtimes_conform_on_a_student(result, call, runtime):
    """In float32; in INT8 whoever does not saturate, which is everybody on a processor with VNNI."""
    recipes = ["--recipe", "fp32"] if runtime == "onnxruntime" else []
    status, printed, error = call("check", runtime, "--model", result.folder, *recipes)
    assert status == 0, printed + error
