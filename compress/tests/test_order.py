"""Stages one by one and all together: the same bytes after a kill, and nothing made of parts that do not fit."""

from __future__ import annotations

import json
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from refusal import refused
from tiny_pipeline import FIELDS, TWO_RECIPES, WORDS, events, made_by, tiny_run

from distilspec.compress import lesson, stages
from distilspec.compress.engine import program_logits
from distilspec.compress.lesson import origin_of
from distilspec.compress.order import STAGES, run_stages
from distilspec.compress.run import PausedError, alone_in
from distilspec.compress.students import load_classifier
from distilspec.reference.contract.errors import FormatError, RangeError, ShapeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.compressed import Compressed
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.onnx_reader import read_onnx
from distilspec.reference.formats.saved import load_program
from distilspec.reference.recipes import quantize_weight
from distilspec.reference.recipes.unpack import unpack

UNFINISHED = [name for name in STAGES if name != "finish"]


def test_a_whole_pipeline(sources):
    """Student, programs in both forms, and the answers of those programs; their weights are the student's."""
    run = tiny_run(sources, quantisation=TWO_RECIPES)
    run_stages(run)

    weights = load_folder(run.folder / "student").weights
    rows = run.encoded(run.splits.test, run.folder / "student")
    result = json.loads((run.folder / "evaluation.json").read_text())
    assert list(result["models"]) == ["teacher", "student", "student-w8a8-static", "student-w7a8-static"]
    assert result["rows"] == 60
    for found in result["models"].values():
        assert found["points"] == pytest.approx(found["correct"].count("1") / 0.6)
        assert len(found["correct"]) == 60
    for recipe, model in (("fp32", "student"), *((name, f"student-{name}") for name in TWO_RECIPES["recipes"])):
        program = load_program(run.folder / "programs" / recipe)
        assert program.recipe == recipe
        dense = unpack(program)
        linears = [step for step in dense.steps if "encoder" in step.tags and step.op.endswith("linear")]
        assert len(linears) == 12
        for step in linears:
            weight = weights[f"{step.name}.weight"]
            if recipe == "fp32":
                np.testing.assert_array_equal(dense.constants[f"{step.name}.weight"], weight)
            else:
                codes, scale = quantize_weight(weight, recipe)
                np.testing.assert_array_equal(dense.constants[f"{step.name}.weight.codes"], codes)
                np.testing.assert_array_equal(dense.constants[f"{step.name}.weight.scale"], scale)
        right = program_logits(program, rows).argmax(axis=1) == rows.labels
        assert result["models"][model]["correct"] == "".join("01"[answer] for answer in right.astype(int))
        assert read_onnx(run.folder / "programs" / f"{recipe}.onnx").outputs
    assert [line["stage"] for line in events(run, "end")] == UNFINISHED
    assert not list(run.folder.glob("checkpoint*"))


def test_training_stays_when_quantisation_is_another(sources):
    """One more recipe keeps the choice under the first; another budget makes both anew; no step is taken again."""
    run = tiny_run(sources)
    run_stages(run)
    steps, student = len(events(run, "step")), made_by(run)["student/model.safetensors"]
    marked = json.loads((run.folder / "quantisation.json").read_text())
    marked["recipes"]["w8a8-static"]["sensitivity"] = []
    (run.folder / "quantisation.json").write_text(json.dumps(marked))
    run_stages(tiny_run(sources, quantisation=TWO_RECIPES))
    choices = Compressed(run.folder).choices
    assert list(choices) == ["w8a8-static", "w7a8-static"]
    assert (choices["w8a8-static"]["sensitivity"], len(choices["w7a8-static"]["sensitivity"])) == ([], 12)
    assert "student-w7a8-static" in json.loads((run.folder / "evaluation.json").read_text())["models"]
    assert len(Compressed(run.folder).programs) == 3

    changed = tiny_run(sources, quantisation=TWO_RECIPES | {"budget": 99.0})
    with refused(RangeError, "stage evaluate: .*programs is not there; expected that stage export has made it"):
        run_stages(changed, "evaluate")
    assert not (run.folder / "quantisation.json").exists()
    run_stages(changed)
    assert {len(choice["sensitivity"]) for choice in Compressed(run.folder).choices.values()} == {12}
    run_stages(tiny_run(sources, quantisation=None))
    assert list(Compressed(run.folder).programs) == [Recipe.FP32]
    assert len(events(run, "step")) == steps
    assert made_by(run)["student/model.safetensors"] == student


def test_a_folder_of_an_earlier_version_goes_on(sources):
    """It had one recipe, whose choice stood at the top; names that depend on training fields are what they were."""
    run = tiny_run(sources, quantisation={})
    assert run.teacher_home.name == "c5483ae4b609"
    assert origin_of(run, "distil") == "tiny/distil/405fc0d349eb"
    run_stages(run)
    new = json.loads((run.folder / "quantisation.json").read_text())
    old = {"ranges": new["ranges"], **new["recipes"]["w8a8-static"]} | {"sensitivity": []}
    (run.folder / "quantisation.json").write_text(json.dumps(old))
    before = made_by(run)
    run_stages(tiny_run(sources, quantisation={}), "evaluate")
    assert made_by(run) == before, "what is done stays"
    run_stages(tiny_run(sources, quantisation={"recipes": ["w8a8-static", "w7a8-static"]}))

    choices = Compressed(run.folder).choices
    assert (choices["w8a8-static"]["sensitivity"], len(choices["w7a8-static"]["sensitivity"])) == ([], 12)


def test_a_quantisation_that_was_killed_goes_on_with_the_next_recipe(sources, monkeypatch):
    """The choice under the first is kept."""
    whole, killed = tiny_run(sources, quantisation=TWO_RECIPES), tiny_run(sources, "o/tiny", quantisation=TWO_RECIPES)
    run_stages(whole)
    choose, asked = stages.quantise.choose, []

    def choose_once(model, recipe, *arguments, **named):
        asked.append(str(recipe))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return choose(model, recipe, *arguments, **named)

    monkeypatch.setattr(stages.quantise, "choose", choose_once)
    with pytest.raises(KeyboardInterrupt):
        run_stages(killed)
    run_stages(tiny_run(sources, "o/tiny", quantisation=TWO_RECIPES))
    assert asked == ["w8a8-static", "w7a8-static", "w7a8-static"]
    assert made_by(killed) == made_by(whole)


def test_results_that_are_taken_away_are_not_left_in_parts(sources, monkeypatch):
    """A kill between two of their files; the section as it was then makes them again."""
    run = tiny_run(sources)
    run_stages(run)
    before, remove = made_by(run), shutil.rmtree

    def killed(folder, *arguments, **named):
        next(path for path in Path(folder).rglob("*") if path.is_file()).unlink()
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(ZeroDivisionError):
            run_stages(tiny_run(sources, quantisation=TWO_RECIPES))
    for left in run.folder.glob(".programs.*"):
        remove(left)
    run_stages(tiny_run(sources))

    assert made_by(run) == before


def test_the_programs_that_are_saved_keep_in_float32_what_was_chosen(sources):
    """Under each recipe its own choice, in which one Linear stays as it is."""
    run = tiny_run(sources, quantisation=TWO_RECIPES)
    for name in ("teacher", "student", "distil", "quantise"):
        run_stages(run, name)
    path, kept = run.folder / "quantisation.json", "transformer.layer.0.ffn.lin1"
    choice = json.loads(path.read_text())
    choice["recipes"]["w8a8-static"]["kept"], choice["recipes"]["w7a8-static"]["kept"] = [kept], []
    path.write_text(json.dumps(choice))
    run_stages(run, "export")

    def operator(recipe):
        return next(
            step.op for step in load_program(Compressed(run.folder).programs[recipe]).steps if step.name == kept
        )

    assert operator(Recipe.W8A8_STATIC) == operator(Recipe.FP32)
    assert operator(Recipe.W7A8_STATIC) == f"quantized_{operator(Recipe.FP32)}"


def test_stages_one_by_one_give_the_same_bytes(sources):
    """Each reads what the ones before have written; a teacher in the next folder is shared, and its logits too."""
    whole, single = tiny_run(sources), tiny_run(sources, "out/single")
    run_stages(whole)
    for name in UNFINISHED:
        run_stages(tiny_run(sources, "out/single"), name)

    assert made_by(single) == made_by(whole)
    assert len(events(whole, "logits")) == 1
    assert not events(single, "logits")
    assert [line["stage"] for line in events(single, "begin")] == [name for name in UNFINISHED if name != "teacher"]


@pytest.mark.parametrize("step", [2, 5, 6, 9, 17], ids=lambda step: f"step-{step}")
def test_a_pipeline_that_was_killed_ends_with_the_same_bytes(sources, kill_after, monkeypatch, step):
    """In the teacher's six steps, at its end, and in the student's twelve; the last checkpoint is two steps old."""
    monkeypatch.setattr(lesson, "CHECKPOINTS", 4)
    whole, killed = tiny_run(sources), tiny_run(sources, "other/tiny")
    run_stages(whole)
    kill_after(step)
    with pytest.raises(KeyboardInterrupt):
        run_stages(killed)
    again = tiny_run(sources, "other/tiny")
    run_stages(again)

    assert made_by(again) == made_by(whole)
    assert len(events(again, "restored")) == (step != 6)
    model = "model/model.safetensors"
    assert (again.teacher_home / model).read_bytes() == (whole.teacher_home / model).read_bytes()


def test_a_student_learns_from_texts_without_labels(sources, kill_after, monkeypatch):
    """Training rows and sentences together, by the teacher's answers alone; none of them is one to be judged by."""
    monkeypatch.setattr(lesson, "CHECKPOINTS", 4)
    judged = [*tiny_run(sources).splits.test.texts, "a food is eating."]
    lines = "".join(f"{text} man food eat. eat a food man\n" for text in [*WORDS, "eat food"])
    (sources / "more.csv").write_text("body\n" + lines + judged[0] + "\n")
    transfer = {"file": "more.csv", "text_column": "body", "sentences": True, "rows": 8}
    sections = {"transfer": transfer, "distillation": {"hard": 0.0, "logits": {}}}
    whole, killed = tiny_run(sources, "out/more", **sections), tiny_run(sources, "other/more", **sections)
    assert len(whole.lessons.texts) == 48 + 8
    assert not set(judged) & set(whole.lessons.texts)
    run_stages(whole)
    kill_after(6 + 9)
    with pytest.raises(KeyboardInterrupt):
        run_stages(killed)
    run_stages(tiny_run(sources, "other/more", **sections))

    assert made_by(killed) == made_by(whole)
    assert events(whole, "logits")[0]["rows"] == 56
    assert set(events(whole, "step")[-1]["losses"]) == {"logits"}


def test_texts_without_labels_need_a_teacher_alone(sources):
    """A label cannot be learned where there is none."""
    transfer = {"file": "texts.csv", "rows": 8}
    with pytest.raises(ValueError, match=r"distillation.hard is 0.5 and there is a section transfer; expected hard 0"):
        tiny_run(sources, transfer=transfer)


def test_two_processes_do_not_work_in_one_folder(sources):
    """Neither in that of the results nor in that of a teacher they share; when the first is done, the next goes on."""
    run = tiny_run(sources)
    with alone_in(run.folder), refused(UnsupportedError, "out/tiny: another process works in it; expected to be alone"):
        run_stages(tiny_run(sources))
    run.teacher_home.mkdir()
    with alone_in(run.teacher_home), refused(UnsupportedError, f"{run.teacher_home.name}: another process works in it"):
        run_stages(tiny_run(sources))
    run_stages(tiny_run(sources), "teacher")

    assert run.teacher.exists()


def test_hours_stop_a_pipeline_at_a_checkpoint(sources):
    """The next run goes on, with other hours if need be."""
    short = tiny_run(sources, hours=1e-9)
    with pytest.raises(PausedError, match="teacher: stopped after 1e-09 hours; run the pipeline again"):
        run_stages(short)
    run_stages(tiny_run(sources))

    assert (short.folder / "evaluation.json").exists()


def test_losses_over_layers_ask_the_teacher_itself(sources):
    """No logits are kept, since they would not do."""
    run = tiny_run(sources, distillation={"hidden": {}, "cosine": {}}, quantisation=None, student={"layers": 3})
    run_stages(run)

    assert set(events(run, "step")[-1]["losses"]) == {"hard", "hidden", "cosine"}
    assert not (run.teacher_home / "logits").exists()
    assert list(json.loads((run.folder / "evaluation.json").read_text())["models"]) == ["teacher", "student"]


def test_a_teacher_that_is_a_classifier_already_is_taken_as_it_is(sources):
    """Its labels must be those of the data, in the same order."""
    given = {"model": "tiny"}
    run = tiny_run(sources, teacher=given)
    run_stages(run, "teacher")
    run_stages(run, "student")
    assert torch.equal(
        load_classifier(run.folder / "start").classifier.weight, load_classifier(sources / "tiny").classifier.weight
    )

    turned = tiny_run(sources, "out/turned", teacher=given, data=FIELDS["data"] | {"labels": {"1": "good", "0": "bad"}})
    with refused(RangeError, "tiny: its labels are bad, good; expected good, bad"):
        run_stages(turned)


@pytest.mark.parametrize(
    ("sections", "error", "match"),
    [
        ({"student": {"layers": [0, 3]}}, RangeError, r"the layer map is \[0, 3\]; expected rising"),
        ({"student": {"layers": 4}}, RangeError, "student.layers: .*the teacher has 3 layers and the student 4"),
        (
            {"pruning": FIELDS["pruning"] | {"block_shape": [16, 4]}},
            ShapeError,
            r"pruning: distilbert.*block_shape .*16, 4",
        ),
        ({"student": {"layers": [0, 1]}, "distillation": {"hidden": {}}}, RangeError, "distillation: .*expected"),
        (
            {"teacher": {"model": "tiny", "training": {"warmup": 1.0}}},
            RangeError,
            "teacher.training: rewound_learning_rate: .*warm-up .* steps; expected fewer",
        ),
        (
            {"student": {"layers": [0, 2], "training": {"warmup": 1.0}}},
            RangeError,
            "student.training: rewound_learning_rate: .*warm-up .* steps; expected fewer",
        ),
        ({"data": FIELDS["data"] | {"text_column": "review"}}, FormatError, "columns are text, label; expected review"),
        ({"data": FIELDS["data"] | {"train_rows": 1000}}, RangeError, "1000 rows to train on; expected at most 168"),
        ({"data": FIELDS["data"] | {"max_length": 20}}, RangeError, "max_length is 20; expected at most 16"),
        ({"data": FIELDS["data"] | {"file": "empty.csv"}}, FormatError, "columns are none; expected text"),
        ({"data": FIELDS["data"] | {"file": "one.csv"}}, RangeError, "have none of label 0"),
        ({"data": FIELDS["data"] | {"file": "absent.csv"}}, FormatError, "expected a CSV file"),
        ({"data": FIELDS["data"] | {"package": "nosuch"}}, UnsupportedError, "package nosuch is not installed"),
        ({"teacher": {"model": "absent"}}, FormatError, "there is no such folder; expected a folder with config.json"),
    ],
)
def test_parts_that_do_not_fit_are_refused_before_anything_is_trained(sources, sections, error, match):
    """One line; no step has been taken and no result made."""
    (sources / "empty.csv").write_text("")
    (sources / "one.csv").write_text("text,label\na man,1\nfood,1\n")
    run = tiny_run(sources, **sections)
    with refused(error, match):
        run_stages(run)

    assert not list(run.teachers.rglob("checkpoint"))
    assert [path.name for path in run.folder.iterdir() if path.is_dir()] == []


def test_stages_that_cannot_run_are_refused(sources):
    """An unknown one, one whose predecessor has not run, quantisation and finishing that no section describes."""
    run = tiny_run(sources)
    with refused(RangeError, "stage prune: there is no such one; expected one of teacher, student, distil"):
        run_stages(run, "prune")
    with refused(RangeError, "stage distil: .*model is not there; expected that stage teacher has made it"):
        run_stages(run, "distil")
    plain = tiny_run(sources, "out/plain", quantisation=None)
    with refused(RangeError, "stage quantise: the pipeline has no section quantisation; expected one"):
        run_stages(plain, "quantise")
    for none in (plain, run):
        with refused(RangeError, "stage finish: the pipeline has no section quantisation.finishing; expected one"):
            run_stages(none, "finish")


def test_results_and_checkpoints_of_other_pipelines_are_refused(sources, kill_after):
    """The folder says which section differs; a checkpoint says whose it is."""
    kill_after(9)
    run = tiny_run(sources)
    with pytest.raises(KeyboardInterrupt):
        run_stages(run)
    changed = {"sparsity": 0.75, "schedule": {"kind": "one-shot"}}
    with refused(FormatError, "it holds results of a pipeline whose pruning is .*; expected .* two pipelines are not"):
        tiny_run(sources, pruning=changed)
    other = tiny_run(sources, "out/other", pruning=changed)
    run_stages(other, "student")
    (run.folder / "checkpoint").rename(other.folder / "checkpoint")
    with refused(FormatError, "checkpoint: it is a checkpoint of .*tiny/distil/.*; expected"):
        run_stages(other)


@pytest.mark.parametrize("stage", ["teacher", "student", "export"])
def test_a_full_disk_leaves_nothing_half_written(sources, stage):
    """The system refuses a file of more than a few bytes, here by a limit of the process."""
    for before in UNFINISHED[: UNFINISHED.index(stage)]:
        run_stages(tiny_run(sources), before)
    run = tiny_run(sources)
    known = set(sources.rglob("*"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, hard))
    try:
        with refused(FormatError, "expected that the .* can be written"):
            run_stages(run, stage)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    left = {path for path in set(sources.rglob("*")) - known if path.name != ".lock"}
    assert left <= {run.teacher_home, run.folder / "log.jsonl"}
    run_stages(tiny_run(sources), stage)


def test_a_folder_that_cannot_be_made_is_refused(sources):
    """A file stands in its place."""
    (sources / "file").write_text("")
    with refused(FormatError, "file.*; expected a folder that can be made"):
        tiny_run(sources, "file/tiny")
