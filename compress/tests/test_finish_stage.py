"""The stage ``finish``: what it makes and keeps, and what a kill or another section does to it."""

from __future__ import annotations

import numpy as np
import pytest
from refusal import refused
from tiny_pipeline import TWO_RECIPES, events, made_by, tiny_run

from distilspec.compress import lesson, order, stages
from distilspec.compress.lesson import origin_of
from distilspec.compress.order import STAGES, run_stages
from distilspec.compress.quantised import linears_of, quantised
from distilspec.compress.run import finishing_in
from distilspec.compress.stages.quantise import calibrated
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.compressed import Compressed
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.saved import load_program
from distilspec.reference.recipes import quantize_weight
from distilspec.reference.recipes.unpack import unpack

FINISHING = {"recipe": "w7a8-static", "training": {"epochs": 1, "batch_size": 8, "learning_rate": 0.001}}
FINISHED = TWO_RECIPES | {"finishing": FINISHING}


def test_a_distilled_student_is_finished(sources, monkeypatch):
    """It learns on where its zeros are, and everything after it is of the finished one; the distilled one is kept."""
    computed = []

    def recorded(model, *numerics):
        computed.append(numerics)
        return quantised(model, *numerics)

    monkeypatch.setattr(stages.finish, "quantised", recorded)
    plain, run = tiny_run(sources, quantisation=TWO_RECIPES), tiny_run(sources, "out/finished", quantisation=FINISHED)
    run_stages(plain)
    run_stages(run)

    assert [line["stage"] for line in events(run, "end")] == [name for name in STAGES if name != "teacher"]
    before, after, files = load_folder(run.distilled).weights, load_folder(run.student).weights, made_by(run)
    assert files["distilled/model.safetensors"] == made_by(plain)["student/model.safetensors"]
    pruned = [name for name in before if name.endswith(".weight") and not before[name].all()]
    assert len(pruned) == 12
    for name in pruned:
        np.testing.assert_array_equal(before[name] == 0, after[name] == 0)
        assert not np.array_equal(before[name], after[name]), name
    for recipe in TWO_RECIPES["recipes"]:
        program = unpack(load_program(run.folder / "programs" / recipe))
        for name in pruned:
            np.testing.assert_array_equal(
                program.constants[f"{name}.codes"], quantize_weight(after[name], recipe).codes
            )
    assert Compressed(run.folder).ranges == calibrated(run, run.student) != calibrated(run, run.distilled)
    inputs = linears_of(load_folder(run.distilled).program)
    assert len(inputs) == 12
    assert computed == 7 * [(Recipe.W7A8_STATIC, inputs, calibrated(run, run.distilled))], "six steps and the accuracy"
    steps = [line for line in events(run, "step") if line["stage"] == "finish"]
    assert [(line["step"], line["sparsity"]) for line in steps] == [(step, 0.5) for step in range(6)]
    assert set(steps[0]["losses"]) == {"hard", "logits"}
    assert [line["stage"] for line in events(run, "learned")] == ["distil", "finish"]


@pytest.mark.parametrize("step", [6 + 12 + 1, 6 + 12 + 4], ids=["before a checkpoint", "after one"])
def test_finishing_that_was_killed_ends_with_the_same_bytes(sources, kill_after, monkeypatch, step):
    """In its six steps; it begins anew or goes on at its own checkpoint."""
    monkeypatch.setattr(lesson, "CHECKPOINTS", 2)
    whole, killed = (tiny_run(sources, out, quantisation=FINISHED) for out in ("out/tiny", "other/tiny"))
    run_stages(whole)
    kill_after(step)
    with pytest.raises(KeyboardInterrupt):
        run_stages(killed)
    assert killed.distilled.exists()
    assert not killed.student.exists()
    run_stages(tiny_run(sources, "other/tiny", quantisation=FINISHED))

    assert made_by(killed) == made_by(whole)
    assert [line["step"] for line in events(killed, "restored")] == ([3] if step == 22 else [])


@pytest.mark.slow
def test_finishing_comes_changes_and_goes_and_distillation_stays(sources, kill_after):
    """Another finishing, or other ranges for it, is learned anew; another budget or one more recipe is not."""
    run = tiny_run(sources, quantisation=TWO_RECIPES)
    run_stages(run)
    student, at_first = made_by(run)["student/model.safetensors"], made_by(run)

    def learned(quantisation):
        """Run with this section, and return the steps that were taken for it in each stage."""
        done = len(events(run, "step"))
        run_stages(tiny_run(sources, quantisation=quantisation))
        return [line["stage"] for line in events(run, "step")[done:]]

    assert learned(FINISHED) == ["finish"] * 6
    assert made_by(run)["distilled/model.safetensors"] == student
    finished = made_by(run)
    assert learned(FINISHED | {"budget": 99.0}) == []
    assert learned(FINISHED | {"recipes": ["w7a8-static", "w8a32"]}) == []
    assert made_by(run)["student/model.safetensors"] == finished["student/model.safetensors"]
    assert learned(FINISHED | {"calibration_rows": 8}) == ["finish"] * 6
    slower = FINISHED | {"finishing": FINISHING | {"training": FINISHING["training"] | {"learning_rate": 1e-4}}}
    kill_after(3)
    with pytest.raises(KeyboardInterrupt):
        learned(slower)
    assert (run.folder / "checkpoint-finish").exists()
    assert not any((run.folder / name).exists() for name in ("student", "quantisation.json", "evaluation.json"))
    assert learned(FINISHED) == ["finish"] * 6
    assert made_by(run) == finished
    assert learned(TWO_RECIPES) == []
    assert made_by(run) == at_first


def test_finishing_for_a_recipe_without_ranges_does_not_depend_on_them(sources):
    """Another calibration changes the programs of static recipes, and neither the student nor a checkpoint's name."""
    section = TWO_RECIPES | {"recipes": ["w8a8-static", "w8a32"], "finishing": FINISHING | {"recipe": "w8a32"}}
    run = tiny_run(sources, quantisation=section)
    names = [
        origin_of(tiny_run(sources, "out/none", quantisation=each), "finish")
        for each in (section | {"calibration_rows": 8}, section | {"budget": 1.0}, FINISHED, section)
    ]
    assert names[0] == names[1] == names[3] != names[2]
    run_stages(run)
    steps, before = len(events(run, "step")), made_by(run)
    run_stages(tiny_run(sources, quantisation=section | {"calibration": "percentile", "calibration_rows": 8}))

    assert len(events(run, "step")) == steps
    after = made_by(run)
    assert after["student/model.safetensors"] == before["student/model.safetensors"]
    assert after["quantisation.json"] != before["quantisation.json"]


def test_finishing_depends_on_what_its_calibration_reads():
    """And its name on nothing that an earlier version did not know and the pipeline does not say."""
    section = {"finishing": {"recipe": "w7a8-static"}, "calibration": "percentile"}
    plain = finishing_in(section)
    assert set(plain) == {"finishing", "calibration", "calibration_rows"}
    assert finishing_in(section | {"percentile": 99.0}) == plain | {"percentile": 99.0}
    without = {"finishing": {"recipe": "w8a32"}}
    assert finishing_in(without | {"sigmas": 3.0}) == finishing_in(without)


@pytest.mark.parametrize("then", [pytest.param("finished", marks=pytest.mark.slow), "plain"])
@pytest.mark.parametrize("was", ["finished", "plain"])
@pytest.mark.parametrize("place", ["_take_quantisation", "_place_distilled"])
def test_a_kill_between_two_forms_of_a_pipeline_loses_no_distillation(sources, monkeypatch, was, then, place):
    """Before ``pipeline.json`` says which form it is, or after; either form goes on from there, to the same bytes."""
    sections = {"finished": FINISHED, "plain": TWO_RECIPES}
    run = tiny_run(sources, quantisation=sections[was])
    teach(run)
    whole, taken = tiny_run(sources, "other/whole", quantisation=sections[then]), len(events(run, "step"))
    teach(whole)
    with monkeypatch.context() as patch:
        patch.setattr(order, place, lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_stages(tiny_run(sources, quantisation=sections["plain" if was == "finished" else "finished"]))
    teach(tiny_run(sources, quantisation=sections[then]))

    assert {line["stage"] for line in events(run, "step")[taken:]} <= {"finish"}
    assert made_by(run) == made_by(whole)


def teach(run):
    """Run the stages that make the student."""
    for name in ("teacher", "student", "distil", *(["finish"] if run.finishing else [])):
        run_stages(run, name)


def test_finishing_alone_needs_what_was_distilled(sources):
    """And is told before anything is trained when its schedule cannot be."""
    run = tiny_run(sources, quantisation=FINISHED)
    run_stages(run, "teacher")
    with refused(RangeError, "stage finish: .*distilled is not there; expected that stage distil has made it"):
        run_stages(run, "finish")
    warm = FINISHED | {"finishing": FINISHING | {"training": {"warmup": 1.0}}}
    with refused(RangeError, "quantisation.finishing.training: .*warm-up .* steps; expected fewer"):
        run_stages(tiny_run(sources, quantisation=warm))
    run_stages(run, "student")
    run_stages(run, "distil")
    with refused(RangeError, "stage quantise: .*student is not there; expected that stage finish has made it"):
        run_stages(run, "quantise")
