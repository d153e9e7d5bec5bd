"""The folder that ``distilspec compress`` leaves: who is found in it, and in which program."""

from __future__ import annotations

import json
import shutil

import pytest
from refusal import refused
from tiny_result import KEPT, inputs_of, tiny_result

from distilspec.reference import ops
from distilspec.reference.contract.errors import FormatError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.compressed import find_compressed
from distilspec.reference.formats.named_models import compressed_of, load_model
from distilspec.reference.formats.saved import load_program


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Return a result whose student is half zeros in blocks of (4, 4) and keeps one Linear in float32."""
    return tiny_result(tmp_path_factory.mktemp("out"))


def ops_of(program):
    """Return the operator of each Linear of the encoder by its name."""
    return {step.name: step.op for step in program.steps if "encoder" in step.tags and step.op.endswith("linear")}


def test_the_folder_and_its_student_are_the_same_result(result):
    """Any other folder is none, nor is a student that was copied away, nor a folder whose student is not made yet."""
    assert find_compressed(result.folder) == find_compressed(f"{result.folder}/student/") == result
    assert find_compressed(result.folder / "programs") is None
    assert find_compressed(result.folder.parent) is None
    assert find_compressed("no such folder") is None
    assert compressed_of("minilm") is None


def test_a_model_is_loaded_from_either_and_has_the_results_name(result, tmp_path):
    """The folder that was copied away is a Hugging Face folder like any other."""
    shutil.copytree(result.student, tmp_path / "student")
    for folder, name in ((result.folder, "small"), (result.student, "small"), (tmp_path / "student", "student")):
        model = load_model(folder)
        assert (model.name, model.program.name, model.labels) == (name, name, ("LABEL_0", "LABEL_1"))


def test_a_saved_program_is_taken_as_it_is(result):
    """With the ranges of the pipeline, whatever the batches say that are given."""
    assert list(result.programs) == [Recipe.FP32, Recipe.W8A8_STATIC]
    for recipe, folder in result.programs.items():
        found, saved = result.program(recipe, []), load_program(folder)
        assert found.steps == saved.steps
        assert all((found.constants[name] == array).all() for name, array in saved.constants.items())


@pytest.mark.parametrize("recipe", [Recipe.W8A8_DYNAMIC, Recipe.W8A8_STATIC])
def test_another_recipe_keeps_the_same_linears_and_blocks(result, recipe, tmp_path):
    """A static one that was not saved is calibrated on the batches."""
    folder = shutil.copytree(result.folder, tmp_path / "small")
    shutil.rmtree(folder / "programs" / "w8a8-static")
    copy = find_compressed(folder)
    program = copy.program(recipe, [inputs_of(None)])

    found = ops_of(program)
    assert program.recipe == recipe
    assert found.pop(KEPT) == "block_sparse_linear"
    assert set(found.values()) == {"quantized_block_sparse_linear"}
    assert program.run(ops, inputs_of(None))["logits"].shape == (3, 2)


def test_without_programs_the_students_weights_are_taken(result, tmp_path):
    """As before stage export."""
    folder = shutil.copytree(result.folder, tmp_path / "small")
    shutil.rmtree(folder / "programs")
    copy = find_compressed(folder)

    assert copy.programs == {}
    assert set(ops_of(copy.program(Recipe.FP32, [])).values()) == {"linear"}
    (folder / "quantisation.json").unlink()
    assert copy.kept(Recipe.W8A8_STATIC) == []


def test_each_recipe_keeps_its_own_linears(result, tmp_path):
    """One that the pipeline does not name keeps those of the first; a file of before had one recipe, at the top."""
    copy = find_compressed(shutil.copytree(result.folder, tmp_path / "small"))
    other = "transformer.layer.0.ffn.lin1"
    recipes = {"w7a8-static": {"kept": [other]}, "w8a8-static": {"kept": []}}
    (copy.folder / "quantisation.json").write_text(json.dumps({"ranges": {"x": [0, 1]}, "recipes": recipes}))
    assert copy.choices == recipes
    assert copy.ranges == {"x": (0, 1)}
    kept = {recipe: copy.kept(recipe) for recipe in (Recipe.W7A8_STATIC, Recipe.W8A8_STATIC, Recipe.W8A32, Recipe.FP32)}
    assert list(kept.values()) == [[other], [], [other], []]
    assert ops_of(copy.program(Recipe.W8A8_DYNAMIC, []))[other] == "block_sparse_linear"

    (copy.folder / "quantisation.json").write_text(json.dumps({"ranges": {}, "kept": [KEPT], "tradeoff": []}))
    assert copy.choices == {"w8a8-static": {"kept": [KEPT], "tradeoff": []}}
    (copy.folder / "pipeline.json").write_text(json.dumps({"quantisation": {"recipe": "w8a32"}}))
    assert list(copy.choices) == ["w8a32"]


def test_a_student_that_stays_in_float32_has_no_int8_form(tmp_path):
    """The budget allowed none, and no runtime gets another."""
    result = tiny_result(
        tmp_path, recipe=None, kept=[*ops_of(tiny_result(tmp_path / "other").program(Recipe.FP32, []))]
    )
    with refused(UnsupportedError, "no linear step but kept ones has the tag encoder; expected one"):
        result.program(Recipe.W8A8_STATIC, [inputs_of(None)])


def test_the_teacher_is_found_where_the_result_says(result, tmp_path):
    """And is None where it is not, or where the result does not say."""
    assert result.teacher.resolve() == (result.folder.parent / "teachers" / "0" / "model").resolve()
    copy = find_compressed(shutil.copytree(result.folder, tmp_path / "small"))
    assert copy.teacher is None
    (copy.folder / "teacher.json").unlink()
    assert copy.teacher is None


@pytest.mark.parametrize(
    ("file", "value", "match"),
    [
        ("quantisation.json", {"kept": "all"}, "quantisation.json: kept is 'all'; expected a list of names"),
        ("quantisation.json", {"recipes": {"w8a32": {}}}, "quantisation.json: kept is None; expected"),
        ("quantisation.json", {"recipes": 3}, "quantisation.json: kept is 3; expected"),
        ("quantisation.json", [], "the top is a list; expected"),
        ("teacher.json", {"folder": 3}, "teacher.json: folder is 3; expected the path of a folder"),
    ],
)
def test_files_that_are_not_of_a_pipeline_are_refused(result, tmp_path, file, value, match):
    """In one line."""
    copy = find_compressed(shutil.copytree(result.folder, tmp_path / "small"))
    (copy.folder / file).write_text(json.dumps(value))
    with refused(FormatError, match):
        copy.choices if file == "quantisation.json" else copy.teacher  # noqa: B018 - the property reads the file
