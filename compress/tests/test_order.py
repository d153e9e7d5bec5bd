"""Stages one by one and all together: what they make, and the same bytes after a kill."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from refusal import refused
from tiny_pipeline import FIELDS, PRUNED_AT_THE_START, TWO_RECIPES, WORDS, events, made_by, tiny_run

from distilspec.compress import lesson, stages
from distilspec.compress.engine import program_logits
from distilspec.compress.lesson import origin_of
from distilspec.compress.order import STAGES, run_stages
from distilspec.compress.run import PausedError, alone_in
from distilspec.compress.students import load_classifier, save_classifier
from distilspec.compress.training import Trainer
from distilspec.reference import objectives
from distilspec.reference.contract.errors import RangeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.compressed import Compressed
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.onnx_reader import read_onnx
from distilspec.reference.formats.onnx_writer import write_onnx
from distilspec.reference.formats.saved import load_program
from distilspec.reference.recipes import quantize_weight
from distilspec.reference.recipes.unpack import unpack

UNFINISHED = [name for name in STAGES if name != "finish"]
PRUNING = {"on-the-way": FIELDS["pruning"], "at-the-start": PRUNED_AT_THE_START}


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


def test_onnx_that_is_asked_for_later_is_written_beside_the_programs(sources):
    """They stay as they are, and so does what they answered."""
    run = tiny_run(sources, outputs={"folder": "out", "onnx": False})
    run_stages(run)
    before = {path: path.stat().st_mtime_ns for path in (run.folder / "programs").rglob("*") if path.is_file()}
    assert not list(run.folder.rglob("*.onnx"))
    evaluated = (run.folder / "evaluation.json").stat().st_mtime_ns

    again = tiny_run(sources)
    run_stages(again)

    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (run.folder / "evaluation.json").stat().st_mtime_ns == evaluated
    for recipe, folder in Compressed(run.folder).programs.items():
        expected = write_onnx(load_program(folder)).SerializeToString()
        assert (run.folder / "programs" / f"{recipe}.onnx").read_bytes() == expected
    run_stages(tiny_run(sources, outputs={"folder": "out", "onnx": False}))
    assert len(list(run.folder.rglob("*.onnx"))) == 2
    assert len(events(run, "end")) == len(UNFINISHED) + 1, "only the export ran again"


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


def test_a_given_teacher_that_is_another_now_is_asked_again(sources):
    """Under the same name: its answers are kept for as long as its weights are the same."""
    given = {"teacher": {"model": "tiny"}, "pruning": None}
    runs = [tiny_run(sources, f"out/{name}", **given) for name in ("first", "same", "other")]
    asked = []
    for run in runs:
        if run is runs[2]:
            teacher = load_classifier(sources / "tiny")
            shutil.rmtree(sources / "tiny")
            with torch.no_grad():
                teacher.classifier.bias += 1
            save_classifier(sources / "tiny", teacher, sources / "tokenizer.json")
        for stage in ("teacher", "student", "distil"):
            run_stages(run, stage)
        asked.append(len(events(run, "logits")))

    assert asked == [1, 0, 1]


def test_hours_that_are_over_let_no_stage_begin(sources):
    """The next run goes on, with other hours if need be."""
    short = tiny_run(sources, hours=1e-9)
    with pytest.raises(PausedError, match="teacher: stopped after 1e-09 hours; run the pipeline again"):
        run_stages(short)
    assert not (short.folder / "log.jsonl").exists()
    run_stages(tiny_run(sources))

    assert (short.folder / "evaluation.json").exists()


def test_hours_stop_training_at_a_checkpoint(sources, monkeypatch, whole):
    """Which is there when they are over, and from which the next run goes on."""
    monkeypatch.setattr(lesson, "CHECKPOINTS", 2)
    short, save = tiny_run(sources, hours=1), Trainer.save

    def save_late(trainer, path):
        save(trainer, path)
        short.deadline = 0

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "save", save_late)
        with pytest.raises(PausedError, match=r"teacher: stopped after 1\.0 hours; run the pipeline again"):
            run_stages(short)
    assert len(events(short, "step")) == 3
    run_stages(tiny_run(sources))

    assert [line["step"] for line in events(short, "restored")] == [3]
    assert made_by(short) == made_by(whole())


def test_losses_over_layers_ask_the_teacher_itself(sources):
    """No logits are kept, since they would not do."""
    run = tiny_run(sources, distillation={"hidden": {}, "cosine": {}}, quantisation=None, student={"layers": 3})
    run_stages(run)

    assert set(events(run, "step")[-1]["losses"]) == {"hard", "hidden", "cosine"}
    assert not list(run.teacher_home.glob("logits*"))
    assert list(json.loads((run.folder / "evaluation.json").read_text())["models"]) == ["teacher", "student"]


def test_a_teacher_that_is_a_classifier_already_is_taken_as_it_is(sources):
    """Its labels must be those of the data, in the same order, whichever stage is asked for."""
    given = {"model": "tiny"}
    run = tiny_run(sources, teacher=given)
    run_stages(run, "teacher")
    run_stages(run, "student")
    assert torch.equal(
        load_classifier(run.folder / "start").classifier.weight, load_classifier(sources / "tiny").classifier.weight
    )

    turned = tiny_run(sources, "out/turned", teacher=given, data=FIELDS["data"] | {"labels": {"1": "good", "0": "bad"}})
    for stage in (None, "student"):
        with refused(RangeError, "tiny: its labels are bad, good; expected good, bad"):
            run_stages(turned, stage)
