"""
The order of a pipeline's stages: teacher, student, distil, finish, quantise, export, evaluate.

``quantise`` and ``finish`` are stages of pipelines with such a section. Each stage makes one file or folder, completely
or not at all, and is done once that is there. A stage reads only what the stages before it have made, so that each can
run alone. The teacher and its logits stand beside the result, in ``teachers``, under a name that says from which rows,
seed and section they were made: pipelines that agree share them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import DistilBertForSequenceClassification

from distilspec.compress.objective import Objective, Sizes
from distilspec.compress.pruning import encoder_weights
from distilspec.compress.record import write_json
from distilspec.compress.run import DISTILLED, Run, alone_in, finishing_in
from distilspec.compress.sections.pruning import Pruning
from distilspec.compress.sections.training import Training
from distilspec.compress.stages.distil import distil
from distilspec.compress.stages.evaluate import evaluate
from distilspec.compress.stages.export import export, is_exported, onnx_writer
from distilspec.compress.stages.finish import CHECKPOINT, finish, finishing_of
from distilspec.compress.stages.quantise import is_quantised, quantisation_of, quantise
from distilspec.compress.stages.student import layers_of, start_student
from distilspec.compress.stages.teacher import make_teacher, untrained
from distilspec.compress.students import make_student
from distilspec.compress.training import criterion_of, learning_rate_at, pruner_of, sparsity_at
from distilspec.reference.contract.errors import RangeError, errors_about
from distilspec.reference.formats.compressed import Compressed


@dataclass(frozen=True)
class Stage:
    """One stage: what it does, what it makes, the stages that must be done before, and whether what is there is all."""

    work: Callable[[Run], None]
    made: Callable[[Run], Path]
    needs: tuple[str, ...] = ()
    is_whole: Callable[[Run], bool] = lambda _: True

    def is_done(self, run: Run) -> bool:
        """Return whether the stage needs not run."""
        return self.made(run).exists() and self.is_whole(run)


STAGES: Mapping[str, Stage] = {
    "teacher": Stage(make_teacher, lambda run: run.teacher),
    "student": Stage(start_student, lambda run: run.folder / "start", ("teacher",)),
    "distil": Stage(distil, lambda run: run.distilled, ("teacher", "student")),
    "finish": Stage(finish, lambda run: run.student, ("teacher", "distil")),
    "quantise": Stage(quantise, lambda run: run.folder / "quantisation.json", ("distil", "finish"), is_quantised),
    "export": Stage(export, lambda run: run.folder / "programs", ("distil", "finish", "quantise"), is_exported),
    "evaluate": Stage(evaluate, lambda run: run.folder / "evaluation.json", ("teacher", "export")),
}

#: The stages that neither depend on the section ``quantisation`` nor make another folder because of it.
BEFORE_QUANTISATION = ("teacher", "student")

#: What is made anew when the section changes. Distillation is not, and finishing only if what it depends on changed.
FROM_QUANTISATION = ("quantise", "export", "evaluate")


def run_stages(run: Run, only: str | None = None) -> None:
    """
    Run a stage, or all of them; what is made already stays.

    Raises
    ------
    RangeError
        There is no such stage, or one that it needs has not run.
    PausedError
        The pipeline's hours are over.
    ContractError
        As the stages; ``UnsupportedError`` if another process works in the same folder.
    """
    if only is not None and only not in STAGES:
        raise RangeError(f"stage {only}: there is no such one; expected one of {', '.join(STAGES)}")
    absent = {"quantise": run.pipeline.quantisation is None, "finish": run.finishing is None}
    names = [name for name in STAGES if not absent.get(name)]
    if only == "quantise":
        quantisation_of(run)
    if only == "finish":
        finishing_of(run)
    rehearse(run)
    with alone_in(run.folder):
        if only not in BEFORE_QUANTISATION:
            _take_finished(run)
            _take_quantisation(run)
            _place_distilled(run)
        for name in names if only is None else [only]:
            for needed in STAGES[name].needs:
                made = STAGES[needed].made(run)
                if needed in names and not STAGES[needed].is_done(run):
                    state = "whole" if made.exists() else "there"
                    raise RangeError(f"stage {name}: {made} is not {state}; expected that stage {needed} has made it")
            _run_stage(run, name)


def _take_finished(run: Run) -> None:
    """
    Take away a student that was finished in another way; one that was not finished becomes the distilled one.

    A kill leaves what ``pipeline.json`` still says or nothing in the place of ``student``, and the distilled one.
    """
    before, now = (finishing_in(section) for section in (run.recorded_quantisation(), run.own_quantisation()))
    if before == now:
        return
    (run.folder / CHECKPOINT).unlink(missing_ok=True)
    if not run.student.exists():
        return
    if before is None:
        run.student.rename(run.distilled)
    else:
        _take_away(run.student)


def _take_away(made: Path) -> None:
    """Remove a file or a folder, if it is there; a kill leaves nothing in its place, or all of it."""
    if made.is_dir():
        with TemporaryDirectory(dir=made.parent, prefix=f".{made.name}.") as temporary:
            made.rename(Path(temporary) / made.name)
    else:
        made.unlink(missing_ok=True)


def _place_distilled(run: Run) -> None:
    """Let the distilled student be the student if it is not finished any more, as ``pipeline.json`` now says."""
    distilled = run.folder / DISTILLED
    if run.finishing is None and distilled.exists():
        distilled.rename(run.student)


def _take_quantisation(run: Run) -> None:
    """Take away what was made under another section ``quantisation``; the choice of a recipe in both stays."""
    before, now = run.recorded_quantisation(), run.own_quantisation()
    if before == now:
        return
    run.record.say(
        f"{run.folder}: quantisation is another than before; its results are made anew, what was distilled stays"
    )
    for name in reversed(FROM_QUANTISATION):
        made = STAGES[name].made(run)
        if name != "quantise":
            _take_away(made)
        elif made.exists() and before is not None and now is not None and _differ_in_recipes_alone(before, now):
            result = Compressed(run.folder)
            write_json(made, {"ranges": result.ranges, "recipes": result.choices})
        else:
            _take_away(made)
    run.write_own()


def _differ_in_recipes_alone(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    names = ("recipe", "recipes")
    one, other = ({key: value for key, value in each.items() if key not in names} for each in (before, now))
    return one == other


def _run_stage(run: Run, name: str) -> None:
    stage = STAGES[name]
    if stage.is_done(run) and stage.made(run) != run.origin:
        run.record.say(f"{name}: done before, {stage.made(run)}")
        return
    run.expect_time(name)
    with run.record.stage(name):
        stage.work(run)


def rehearse(run: Run) -> None:
    """
    Find out before anything is trained whether the parts of a pipeline fit together.

    Raises
    ------
    ContractError
        As reading the rows and the model, the layer map, the losses, the block shape and the schedules.
    RangeError
        Nothing would be left of a layer, or a locked pattern is not there.
    UnsupportedError
        A package is not installed that a later stage needs.
    """
    pipeline = run.pipeline
    if pipeline.outputs.onnx:
        onnx_writer()
    model = untrained(run)
    student = make_student(model, layers_of(pipeline, model))
    Objective(pipeline.distillation, Sizes.of(student), Sizes.of(model))
    train, lessons = len(run.splits.train.texts), len(run.lessons.texts)
    if pipeline.teacher.training:
        _rehearse_training("teacher.training", pipeline.teacher.training, None, train)
    _rehearse_training("student.training", pipeline.student.training, pipeline.pruning, lessons)
    if run.finishing:
        _rehearse_training("quantisation.finishing.training", run.finishing.training, None, lessons)
    if pipeline.pruning:
        with errors_about("pruning"):
            sparsity_at(pipeline.pruning, 0, _steps(pipeline.student.training, lessons))
            _rehearse_pruning(pipeline.pruning, student)


def _rehearse_training(name: str, training: Training, pruning: Pruning | None, texts: int) -> None:
    with errors_about(name):
        learning_rate_at(training, pruning, 0, _steps(training, texts))


def _rehearse_pruning(section: Pruning, student: DistilBertForSequenceClassification) -> None:
    weights = {name: weight.detach().numpy() for name, weight in encoder_weights(student).items()}
    masks = criterion_of(section, student.config.n_heads)(weights, section.sparsity)
    for name, mask in masks.items() if section.scope == "layer" else ():
        if not mask.any():
            raise RangeError(
                f"{name}: sparsity {section.sparsity} drops every {section.structure}; expected that one is left "
                "because nothing else carries what the layer computes"
            )
    if section.reconstruction is None:
        pruner_of(section, student)


def _steps(training: Training, texts: int) -> int:
    return training.epochs * -(-texts // training.batch_size)
