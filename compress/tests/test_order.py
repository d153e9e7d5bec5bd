"""Stages one by one and all together: the same bytes after a kill, and nothing made of parts that do not fit."""

from __future__ import annotations

import json
import resource
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from refusal import refused
from tiny_pipeline import FIELDS, PRUNED_AT_THE_START, TWO_RECIPES, WORDS, events, made_by, tiny_run, write_sources

from distilspec.compress import lesson, stages
from distilspec.compress.engine import program_logits
from distilspec.compress.lesson import origin_of
from distilspec.compress.order import STAGES, rehearse, run_stages
from distilspec.compress.record import Record
from distilspec.compress.run import PausedError, alone_in
from distilspec.compress.students import load_classifier
from distilspec.compress.training import Trainer
from distilspec.reference import objectives
from distilspec.reference.contract.errors import FormatError, RangeError, ShapeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.compressed import Compressed
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.onnx_reader import read_onnx
from distilspec.reference.formats.saved import load_program
from distilspec.reference.recipes import quantize_weight
from distilspec.reference.recipes.unpack import unpack

UNFINISHED = [name for name in STAGES if name != "finish"]
PRUNING = {"on-the-way": FIELDS["pruning"], "at-the-start": PRUNED_AT_THE_START}
FINISHED = FIELDS["quantisation"] | {"finishing": {"recipe": "w8a8-static", "training": {"batch_size": 8}}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a function that gives a run that nothing has stopped, made once for all tests; they only read it."""
    made = {}

    def find(**sections):
        key = json.dumps(sections, sort_keys=True)
        if key not in made:
            folder = tmp_path_factory.mktemp("whole")
            write_sources(folder)
            made[key] = tiny_run(folder, **sections)
            run_stages(made[key])
        return made[key]

    return find


@pytest.mark.parametrize("pruning", PRUNING.values(), ids=PRUNING)
def test_a_whole_pipeline(sources, pruning):
    """Student, packed programs in both forms, and the answers of those programs; their weights are the student's."""
    run = tiny_run(sources, quantisation=TWO_RECIPES, pruning=pruning)
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
        packed = [step for step in program.steps if "encoder" in step.tags and step.op.endswith("linear")]
        assert {step.op for step in packed} == {f"{'' if recipe == 'fp32' else 'quantized_'}block_sparse_linear"}
        for step in packed:
            size = weights[f"{step.name}.weight"].size
            assert program.constants[f"{step.name}.weight.data"].size == size // 2, "half of the blocks are left out"
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
def test_a_pipeline_that_was_killed_ends_with_the_same_bytes(sources, kill_after, monkeypatch, whole, step):
    """In the teacher's six steps, at its end, and in the student's twelve; the last checkpoint is two steps old."""
    monkeypatch.setattr(lesson, "CHECKPOINTS", 4)
    kill_after(step)
    with pytest.raises(KeyboardInterrupt):
        run_stages(tiny_run(sources))
    again = tiny_run(sources)
    run_stages(again)

    assert made_by(again) == made_by(whole())
    assert len(events(again, "restored")) == (step != 6)
    model = "model/model.safetensors"
    assert (again.teacher_home / model).read_bytes() == (whole().teacher_home / model).read_bytes()


def test_a_student_that_starts_pruned_is_killed_twice_and_ends_with_the_same_bytes(
    sources, kill_after, monkeypatch, whole
):
    """At the eighth of its twelve Linears, of which nothing stays, and in its training, which goes on."""
    monkeypatch.setattr(lesson, "CHECKPOINTS", 4)
    formula, seen = objectives.least_squares_pruning, []

    def killed(*arguments, **named):
        seen.append(named)
        if len(seen) == 8:
            raise KeyboardInterrupt
        return formula(*arguments, **named)

    sections = {"pruning": PRUNED_AT_THE_START}
    with monkeypatch.context() as patch:
        patch.setattr(objectives, "least_squares_pruning", killed)
        with pytest.raises(KeyboardInterrupt):
            run_stages(tiny_run(sources, **sections))
    run = tiny_run(sources, **sections)
    assert not list(run.folder.glob("*start*"))
    kill_after(9)
    with pytest.raises(KeyboardInterrupt):
        run_stages(run)
    run_stages(tiny_run(sources, **sections))

    assert made_by(run) == made_by(whole(**sections))
    assert [(line["stage"], line["step"]) for line in events(run, "restored")] == [("distil", 9)]


def test_a_student_starts_with_the_zeros_that_it_keeps(monkeypatch, whole):
    """It is reconstructed on the texts that the seed draws from its lessons, by what the section says."""
    run, given = whole(pruning=PRUNED_AT_THE_START), []

    def recorded(student, texts, section, **named):
        given.append((texts, section.rows, section.rounds, named["block_shape"], named["sparsity"]))

    monkeypatch.setattr(stages.student, "reconstruct", recorded)
    monkeypatch.setattr(stages.student, "save_classifier", lambda *_: None)
    stages.student.start_student(run)
    ((texts, *told),) = given
    lessons = run.encoded(run.lessons, run.teacher).encodings
    drawn = np.random.Generator(np.random.PCG64(0)).permutation(48)[:10]
    assert texts == [lessons[row].ids for row in drawn]
    assert told == [10, 2, (4, 1), 0.5]

    folders = (run.teacher, run.folder / "start", run.student)
    teacher, start, student = (load_folder(folder).weights for folder in folders)
    pruned = [name for name in start if name.endswith(".weight") and not start[name].all()]
    assert len(pruned) == 12
    for name in pruned:
        kept = start[name] != 0
        assert kept.sum() == kept.size // 2
        np.testing.assert_array_equal(student[name] != 0, kept)
        assert not np.array_equal(student[name], start[name]), "and the rest learns"
    source = {0: 0, 1: 2}
    for name in pruned:
        layer = int(name.split(".")[2])
        before = teacher[name.replace(f"layer.{layer}", f"layer.{source[layer]}")]
        assert not np.array_equal(start[name], np.where(start[name] != 0, before, 0)), "the kept ones took over"


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


def test_a_teacher_answers_once_for_two_runs_at_a_time(sources, monkeypatch):
    """The second waits and takes what the first has written; so it does with a teacher that was made meanwhile."""
    one, two = (tiny_run(sources, f"out/{name}") for name in ("one", "two"))
    for run in (one, two):
        for name in ("teacher", "student"):
            run_stages(run, name)
    logits_of, asked, again = stages.distil.logits_of, [], Event()

    with ThreadPoolExecutor() as threads:
        second = []

        def slowly(*arguments):
            asked.append(arguments)
            if len(asked) == 2:
                again.set()
                return logits_of(*arguments)
            second.append(threads.submit(run_stages, two, "distil"))
            again.wait(0.5)
            return logits_of(*arguments)

        monkeypatch.setattr(stages.distil, "logits_of", slowly)
        run_stages(one, "distil")
        second[0].result()
    assert len(asked) == 1
    assert (two.student / "model.safetensors").exists()

    steps = len(events(one, "step"))
    STAGES["teacher"].work(one)
    assert len(events(one, "step")) == steps


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
        (
            {"teacher": {"model": "tiny", "training": {"rewind": True}}},
            RangeError,
            "teacher.training: rewind is true and the schedule absent; expected cubic or distiller",
        ),
        (
            {
                "student": {"layers": [0, 2], "training": {"rewind": True}},
                "pruning": FIELDS["pruning"] | {"schedule": {"kind": "one-shot"}},
            },
            RangeError,
            "student.training: rewind is true and the schedule one-shot; expected cubic or distiller",
        ),
        (
            {"quantisation": FINISHED | {"finishing": {"recipe": "w8a8-static", "training": {"rewind": True}}}},
            RangeError,
            "quantisation.finishing.training: rewind is true and the schedule absent; expected cubic or distiller",
        ),
        *(
            (
                {"pruning": {"structure": structure, "sparsity": sparsity, "schedule": {"kind": "one-shot"}}},
                RangeError,
                f"pruning: .*{name}.weight: sparsity {sparsity} drops every {structure}; expected that one is left",
            )
            for structure, sparsity, name in (("head", 0.9, "attention.q_lin"), ("neuron", 0.97, "ffn.lin1"))
        ),
        (
            {"pruning": FIELDS["pruning"] | {"block_shape": [4, 4], "sparsity": 0.9}},
            RangeError,
            "pruning: .*attention.q_lin.weight: sparsity 0.9 drops every block; expected that one is left",
        ),
        *(
            (
                {"teacher": teacher, "pruning": FIELDS["pruning"] | {"schedule": {"kind": "pattern-lock"}}},
                RangeError,
                "pruning: schedule pattern-lock keeps the zeros that a student starts with: .*: 0 of 64 weights are "
                "pruned; expected 32",
            )
            for teacher in (FIELDS["teacher"], {"model": "tiny"})
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


def test_a_package_that_only_the_export_needs_is_asked_for_first(tmp_path, monkeypatch, whole):
    """Unless the pipeline does without ONNX."""
    shutil.copytree(whole().source, tmp_path, dirs_exist_ok=True)
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "distilspec.reference.formats.onnx_writer", raising=False)
    run = tiny_run(tmp_path, "new/tiny")
    with refused(UnsupportedError, "outputs: onnx is true and the package onnx is not installed; expected it"):
        run_stages(run)
    assert not run.teacher_home.exists()
    without = tiny_run(tmp_path, outputs={"folder": "out", "onnx": False})
    shutil.rmtree(without.folder / "programs")
    run_stages(without, "export")
    assert sorted(path.name for path in (without.folder / "programs").iterdir()) == ["fp32", "w8a8-static"]


def test_heads_and_neurons_fall_out_as_long_as_one_is_left(sources):
    """Half of two heads, and eleven of twelve neurons."""
    for structure, sparsity in (("head", 0.5), ("neuron", 0.92)):
        pruning = {"structure": structure, "sparsity": sparsity, "schedule": {"kind": "one-shot"}}
        rehearse(tiny_run(sources, f"out/{structure}", pruning=pruning))


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


@pytest.mark.parametrize(
    ("stage", "file", "limit"),
    [
        ("teacher", "checkpoint", 9000),
        ("teacher", "model", 9000),
        ("student", "start", 9000),
        ("distil", "checkpoint", 9000),
        ("distil", "distilled", 9000),
        ("finish", "checkpoint-finish", 9000),
        ("finish", "student", 9000),
        ("quantise", "quantisation.json", 500),
        ("export", "programs", 9000),
        ("evaluate", "evaluation.json", 500),
    ],
)
def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch, capsys, whole, stage, file, limit):
    """The system refuses a file of more than a few bytes, here by a limit of the process; with room it goes on."""
    made = whole(quantisation=FINISHED)
    shutil.copytree(made.source, tmp_path, dirs_exist_ok=True)
    run = tiny_run(tmp_path, quantisation=FINISHED)
    names = list(STAGES)
    for name in names[names.index(stage) :]:
        path = STAGES[name].made(run)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    run.record.path.unlink()
    if "checkpoint" not in file:
        monkeypatch.setattr(Trainer, "save", lambda *_: None)
    known = set(tmp_path.rglob("*"))
    with largest_file(limit), refused(FormatError, f"{file}.*; expected that the .* can be written"):
        run_stages(run, stage)

    assert {path for path in set(tmp_path.rglob("*")) - known if path.name != ".lock"} == {run.record.path}
    assert [line["stage"] for line in events(run, "begin")] == [stage]
    run_stages(tiny_run(tmp_path, quantisation=FINISHED), stage)
    if stage == "teacher":
        weights = "model.safetensors"
        assert (run.teacher / weights).read_bytes() == (made.teacher / weights).read_bytes()
    assert made_by(run).items() <= made_by(made).items()


@contextmanager
def largest_file(size):
    """Let the system refuse a file of more than ``size`` bytes while the block runs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_log_has_whole_lines_only(tmp_path, capsys):
    """A full disk leaves it as it was; a line that a kill cut off is taken away, and that is said."""
    record = Record(tmp_path / "log.jsonl")
    record.event("teacher", "begin")
    before = record.path.read_bytes()
    with largest_file(len(before) + 10), refused(FormatError, "log.jsonl: 10 of .*; expected that the log can"):
        record.event("teacher", "end")
    with largest_file(len(before)), refused(FormatError, "log.jsonl: .*; expected that the log can"):
        record.event("teacher", "end")
    assert record.path.read_bytes() == before
    record.event("teacher", "end")
    assert len([json.loads(line) for line in record.path.read_text().splitlines()]) == 2
    assert not capsys.readouterr().err

    whole = record.path.read_bytes()
    for left in (whole[:-1], whole[:-20], before + b"{"):
        record.path.write_bytes(left)
        record.event("student", "begin")
        lines = record.path.read_bytes().splitlines(keepends=True)
        assert (lines[0], len(lines), json.loads(lines[1])["stage"]) == (before, 2, "student")
        assert "log.jsonl: the last line was cut off in the middle; it is taken away" in capsys.readouterr().err
    record.path.write_bytes(b"{")
    record.event("student", "begin")
    assert json.loads(record.path.read_text())["stage"] == "student"


def test_a_folder_that_cannot_be_made_is_refused(sources):
    """A file stands in its place."""
    (sources / "file").write_text("")
    with refused(FormatError, "file.*; expected a folder that can be made"):
        tiny_run(sources, "file/tiny")
