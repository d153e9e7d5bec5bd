"""
A pipeline's stages: teacher, student, distil, quantise, export, evaluate.

Each makes one file or folder, completely or not at all, and is done once that is there. A stage reads only what the
stages before it have made, so that each can run alone. The teacher and its logits stand beside the result, in
``teachers``, under a name that says from which rows, seed and section they were made: pipelines that agree share them.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import DistilBertForSequenceClassification

from distilspec.compress.accuracy import accuracy_of, difference_of
from distilspec.compress.batches import READING, Batch, EncodedRows, logits_of
from distilspec.compress.data import Splits, distinct, packaged_file, read_rows, split
from distilspec.compress.objective import Objective, Sizes
from distilspec.compress.observe import Observation, observe
from distilspec.compress.pipeline import Distillation, Pipeline, Pruning, Quantisation, Training
from distilspec.compress.pruning import encoder_weights
from distilspec.compress.quantised import choose, linears_of, quantised
from distilspec.compress.record import Record, write_json
from distilspec.compress.students import load_classifier, make_student, new_classifier, save_classifier
from distilspec.compress.training import Trainer, criterion_of, learning_rate_at, sparsity_at
from distilspec.reference import objectives
from distilspec.reference.contract.errors import FormatError, RangeError, UnsupportedError, errors_about
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.json_file import read_json
from distilspec.reference.formats.named_models import NAMED_MODELS, load_model
from distilspec.reference.formats.new_folder import new_folder
from distilspec.reference.formats.safetensors_file import SafetensorsFile, write_safetensors
from distilspec.reference.formats.saved import save_program
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe, calibrate, prune

#: A training run is saved so many times on its way, and can go on from each.
CHECKPOINTS = 20

_NOTHING = Observation(torch.empty(0), (), (), (), ())


class PausedError(Exception):
    """The pipeline's hours are over; running it again goes on."""


@dataclass
class Run:
    """
    A pipeline on its way.

    Parameters
    ----------
    pipeline : Pipeline
    source : Path
        The folder of its file, from which its paths count.
    folder : Path
        Where the results go; it is made.
    """

    pipeline: Pipeline
    source: Path
    folder: Path

    def __post_init__(self) -> None:
        """Make the folders, and refuse results of another pipeline."""
        for folder in (self.folder, self.teachers):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise FormatError(f"{folder}: {error.strerror}; expected a folder that can be made") from None
        hours = self.pipeline.hours
        self.deadline = None if hours is None else time.monotonic() + 3600 * hours
        self.record = Record(self.folder / "log.jsonl")
        self._expect_own()

    @cached_property
    def splits(self) -> Splits:
        """The rows, without duplicates, in three parts."""
        data = self.pipeline.data
        path = packaged_file(data.package, data.file) if data.package else self.source / data.file
        rows = read_rows(
            path, data.labels, text_column=data.text_column, label_column=data.label_column, where=data.where
        )
        return split(
            distinct(rows),
            validation=data.validation_rows,
            test=data.test_rows,
            train=data.train_rows,
            seed=data.split_seed,
        )

    @cached_property
    def origin(self) -> Path:
        """The folder of the model from which the teacher is made."""
        name = self.pipeline.teacher.model
        return load_model(name).tokenizer.path.parent if name in NAMED_MODELS else self.source / name

    @cached_property
    def teacher_home(self) -> Path:
        """The folder of the teacher and what it says, named after everything that they depend on."""
        told = self.pipeline.model_dump_json(include={"data", "teacher", "seed"})
        digest = hashlib.sha256(f"{told}\n{self.splits}".encode())
        return self.teachers / digest.hexdigest()[:12]

    @property
    def teachers(self) -> Path:
        """The folder of all teachers that pipelines beside this one have made."""
        return self.folder.parent / "teachers"

    @property
    def teacher(self) -> Path:
        """The teacher's Hugging Face folder."""
        return self.teacher_home / "model" if self.pipeline.teacher.training else self.origin

    def encoded(self, part: str, model: Path) -> EncodedRows:
        """Return a part of the rows as tokens of a model."""
        tokenizer = load_folder(model, head="sentence-embedding").tokenizer
        return EncodedRows.of(getattr(self.splits, part), tokenizer, self.pipeline.data.max_length)

    def expect_time(self, stage: str) -> None:
        """Raise ``PausedError`` if the pipeline's hours are over."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise PausedError(f"{stage}: stopped after {self.pipeline.hours} hours; run the pipeline again to go on")

    def _expect_own(self) -> None:
        path = self.folder / "pipeline.json"
        own = json.loads(self.pipeline.model_dump_json(exclude={"outputs", "hours"}))
        if not path.exists():
            write_json(path, own)
            return
        found = read_json(path, dict)
        for key in {**own, **found}:
            if found.get(key) != own.get(key):
                raise FormatError(
                    f"{self.folder}: it holds results of a pipeline whose {key} is {_short(found.get(key))}; expected "
                    f"{_short(own.get(key))} because results of two pipelines are not mixed (another --out helps)"
                )


def rehearse(run: Run) -> None:
    """
    Find out before anything is trained whether the parts of a pipeline fit together.

    Raises
    ------
    ContractError
        As reading the rows and the model, the layer map, the losses, the block shape and the schedule.
    """
    pipeline = run.pipeline
    model = _untrained(run)
    student = make_student(model, _layers(pipeline, model))
    Objective(pipeline.distillation, Sizes.of(student), Sizes.of(model))
    steps = pipeline.student.training.epochs * -(-len(run.splits.train.texts) // pipeline.student.training.batch_size)
    if pipeline.pruning:
        with errors_about("pruning"):
            sparsity_at(pipeline.pruning, 0, steps)
            weights = {name: weight.detach().numpy() for name, weight in encoder_weights(student).items()}
            criterion_of(pipeline.pruning, student.config.n_heads)(weights, pipeline.pruning.sparsity)


def make_teacher(run: Run) -> None:
    """Fine-tune the encoder on the labels; without a section ``training`` the teacher must be a classifier already."""
    section = run.pipeline.teacher.training
    if section is None:
        _expect_labels(run, load_classifier(run.teacher))
        return
    run.teacher_home.mkdir(exist_ok=True)
    model = _untrained(run)
    sizes = Sizes.of(model)
    objective = Objective(Distillation(hard=1.0), sizes, sizes)
    _train(run, "teacher", model, objective, section, None, lambda _: _NOTHING, run.teacher_home / "checkpoint")
    save_classifier(run.teacher, model, run.origin / "tokenizer.json")
    (run.teacher_home / "checkpoint").unlink(missing_ok=True)


def start_student(run: Run) -> None:
    """Copy the teacher's layers."""
    teacher = load_classifier(run.teacher)
    student = make_student(teacher, _layers(run.pipeline, teacher))
    save_classifier(run.folder / "start", student, run.teacher / "tokenizer.json")


def distil(run: Run) -> None:
    """Prune and teach the student; the teacher's logits are computed once where no loss needs more of it."""
    pipeline = run.pipeline
    student, teacher = load_classifier(run.folder / "start"), load_classifier(run.teacher)
    torch.manual_seed(pipeline.seed)
    objective = Objective(pipeline.distillation, Sizes.of(student), Sizes.of(teacher))
    section = pipeline.distillation
    if any((section.attention, section.hidden, section.relation, section.cosine)):

        def see(batch: Batch) -> Observation:
            with torch.no_grad():
                return observe(teacher, batch.input_ids, batch.attention_mask)

    else:
        logits = torch.from_numpy(_teacher_logits(run, teacher))

        def see(batch: Batch) -> Observation:
            return Observation(logits[batch.rows], (), (), (), ())

    checkpoint = run.folder / "checkpoint"
    _train(run, "distil", student, objective, pipeline.student.training, pipeline.pruning, see, checkpoint)
    save_classifier(run.folder / "student", student, run.teacher / "tokenizer.json")
    checkpoint.unlink(missing_ok=True)


def quantise(run: Run) -> None:
    """Find the ranges of the activations, and which layers stay in float32."""
    section = _quantisation(run)
    loaded = load_folder(run.folder / "student")
    ranges: Mapping[str, tuple[float, float]] = {}
    if Recipe(section.recipe) is Recipe.W8A8_STATIC:
        rows = run.encoded("train", run.folder / "student")
        chosen = range(min(section.calibration_rows, len(rows)))
        starts = chosen[::READING]
        batches = [rows.inputs(chosen[start : start + READING]) for start in starts]
        ranges = calibrate(loaded.program, batches, section.calibration)
    inputs = linears_of(loaded.program)
    model = load_classifier(run.folder / "student")
    rows = run.encoded("validation", run.folder / "student")
    with run.record.progress("quantise", len(inputs)) as advance:
        choice = choose(model, Recipe(section.recipe), inputs, ranges, rows, budget=section.budget, advance=advance)
    for line in choice.sensitivity:
        run.record.say(f"  {line.step}: alone in INT8 divergence {line.divergence:.2e}, accuracy {line.accuracy:.4f}")
    for step in choice.tradeoff:
        run.record.say(f"  {step.kept} kept in float32: accuracy {step.accuracy:.4f}, {step.weight_bytes:,} bytes")
    write_json(run.folder / "quantisation.json", {"ranges": ranges, **choice.as_json()})


def export(run: Run) -> None:
    """Write the student as programs, in distilspec's saved form and as ONNX: float32, and INT8 where asked for."""
    program = _packed(load_folder(run.folder / "student", name=run.pipeline.name).program, run.pipeline.pruning)
    programs = {"fp32": program}
    if run.pipeline.quantisation:
        choice = read_json(run.folder / "quantisation.json", dict)
        recipe = run.pipeline.quantisation.recipe
        if set(choice["kept"]) < set(linears_of(program)):
            programs[recipe] = apply_recipe(program, recipe, calibration=choice["ranges"], keep=choice["kept"])
        else:
            run.record.say(f"  no {recipe}: every layer stays in float32 because the budget allows no other")
    with new_folder(run.folder / "programs") as temporary:
        for name, made in programs.items():
            save_program(made, temporary / name, tokenizer=run.folder / "student" / "tokenizer.json")
            if run.pipeline.outputs.onnx:
                (temporary / f"{name}.onnx").write_bytes(_onnx(made))
        files = sorted(path for path in temporary.rglob("*") if path.is_file())
        sizes = {str(path.relative_to(temporary)): path.stat().st_size for path in files}
    run.record.event("export", "written", bytes=sizes)


def evaluate(run: Run) -> None:
    """Ask teacher and student, in float32 and INT8, about the test rows, and compare them row by row."""
    rows = run.encoded("test", run.folder / "student")
    student = load_classifier(run.folder / "student")
    answers = {"teacher": logits_of(load_classifier(run.teacher), rows), "student": logits_of(student, rows)}
    section = run.pipeline.quantisation
    if section:
        choice = read_json(run.folder / "quantisation.json", dict)
        inputs = linears_of(load_folder(run.folder / "student").program)
        rest = {name: tensor for name, tensor in inputs.items() if name not in choice["kept"]}
        with quantised(student, Recipe(section.recipe), rest, choice["ranges"]):
            answers[f"student-{section.recipe}"] = logits_of(student, rows)
    right = {name: logits.argmax(axis=1) == rows.labels for name, logits in answers.items()}
    result: dict[str, Any] = {"rows": len(rows), "models": {}, "differences": {}}
    for name, correct in right.items():
        found = accuracy_of(correct)
        result["models"][name] = {**found._asdict(), "correct": "".join("01"[answer] for answer in correct.astype(int))}
        run.record.say(f"  {name}: {found.points:.2f} [{found.low:.2f}, {found.high:.2f}]")
    for name in list(right)[1:]:
        for other in list(right)[: list(right).index(name)]:
            found = difference_of(right[name], right[other])
            result["differences"][f"{name} - {other}"] = found._asdict()
            run.record.say(f"  {name} - {other}: {found.points:+.2f} [{found.low:+.2f}, {found.high:+.2f}]")
    write_json(run.folder / "evaluation.json", result)


@dataclass(frozen=True)
class Stage:
    """One stage: what it does, what it makes, and the stages that must be done before."""

    work: Callable[[Run], None]
    made: Callable[[Run], Path]
    needs: tuple[str, ...] = ()


STAGES: Mapping[str, Stage] = {
    "teacher": Stage(make_teacher, lambda run: run.teacher),
    "student": Stage(start_student, lambda run: run.folder / "start", ("teacher",)),
    "distil": Stage(distil, lambda run: run.folder / "student", ("teacher", "student")),
    "quantise": Stage(quantise, lambda run: run.folder / "quantisation.json", ("distil",)),
    "export": Stage(export, lambda run: run.folder / "programs", ("distil", "quantise")),
    "evaluate": Stage(evaluate, lambda run: run.folder / "evaluation.json", ("teacher", "distil", "quantise")),
}


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
        As the stages.
    """
    if only is not None and only not in STAGES:
        raise RangeError(f"stage {only}: there is no such one; expected one of {', '.join(STAGES)}")
    names = [name for name in STAGES if name != "quantise" or run.pipeline.quantisation]
    if only == "quantise":
        _quantisation(run)
    rehearse(run)
    for name in names if only is None else [only]:
        stage = STAGES[name]
        for needed in stage.needs:
            if needed in names and not STAGES[needed].made(run).exists():
                raise RangeError(
                    f"stage {name}: {STAGES[needed].made(run)} is not there; expected that stage {needed} has made it"
                )
        if stage.made(run).exists() and stage.made(run) != run.origin:
            run.record.say(f"{name}: done before, {stage.made(run)}")
            continue
        run.expect_time(name)
        with run.record.stage(name):
            stage.work(run)


def _train(
    run: Run,
    stage: str,
    model: DistilBertForSequenceClassification,
    objective: Objective,
    section: Training,
    pruning: Pruning | None,
    see: Callable[[Batch], Observation],
    checkpoint: Path,
) -> None:
    rows = run.encoded("train", run.origin)
    each = rows.steps(section.batch_size)
    steps = section.epochs * each
    every = max(1, steps // CHECKPOINTS)
    told = run.pipeline.model_dump_json(exclude={"outputs", "hours", "quantisation"})
    origin = f"{run.pipeline.name}/{stage}/{hashlib.sha256(f'{told}{run.splits}'.encode()).hexdigest()[:12]}"
    if stage == "teacher":
        origin = f"teacher/{run.teacher_home.name}"
    torch.manual_seed(run.pipeline.seed)
    trainer = Trainer(model, objective, section, pruning, steps=steps, origin=origin)
    if checkpoint.exists():
        trainer.restore(checkpoint)
        run.record.event(stage, "restored", step=trainer.step)
    with run.record.progress(stage, steps, trainer.step) as advance:
        while trainer.step < steps:
            batches = rows.epoch(section.batch_size, seed=run.pipeline.seed, epoch=trainer.step // each)
            for numbers in batches[trainer.step % each :]:
                step = trainer.step
                batch = rows.batch(numbers)
                terms = trainer.learn(batch.input_ids, batch.attention_mask, batch.labels, see(batch))
                rate = learning_rate_at(section, pruning, step, steps)
                sparsity = sparsity_at(pruning, step, steps) if pruning else 0.0
                run.record.event(stage, "step", step=step, losses=terms, learning_rate=rate, sparsity=sparsity)
                advance()
                if trainer.step % every == 0:
                    trainer.save(checkpoint)
                    run.expect_time(stage)
    trainer.finish()
    validation = run.encoded("validation", run.origin)
    right = logits_of(model, validation).argmax(axis=1) == validation.labels
    run.record.event(stage, "learned", validation_accuracy=float(np.mean(right)))


def _teacher_logits(run: Run, teacher: DistilBertForSequenceClassification) -> Array:
    """Return the teacher's logits of the training rows, from the file that the first call writes."""
    home = run.teacher_home / "logits"
    if not home.exists():
        run.teacher_home.mkdir(exist_ok=True)
        logits = logits_of(teacher, run.encoded("train", run.teacher))
        with new_folder(home) as temporary:
            write_safetensors(temporary / "train.safetensors", {"logits": logits})
        run.record.event("distil", "logits", rows=len(logits))
    return SafetensorsFile(home / "train.safetensors").read("logits")


def _untrained(run: Run) -> DistilBertForSequenceClassification:
    if run.pipeline.teacher.training is None:
        return load_classifier(run.origin)
    return new_classifier(run.origin, list(run.pipeline.data.labels.values()), seed=run.pipeline.seed)


def _layers(pipeline: Pipeline, teacher: DistilBertForSequenceClassification) -> tuple[int, ...]:
    count, wanted = int(teacher.config.n_layers), pipeline.student.layers
    if wanted == "all":
        return tuple(range(count))
    with errors_about("student.layers"):
        return objectives.spread_layer_map(count, wanted) if isinstance(wanted, int) else tuple(wanted)


def _packed(program: Program, section: Pruning | None) -> Program:
    """Return the program with its pruned weights as blocks; single weights, heads and neurons stay dense with zeros."""
    if section is None or section.structure != "block" or section.block_shape == (1, 1):
        return program
    rows, columns = section.block_shape
    shares = {}
    for name in linears_of(program):
        weight = program.constants[f"{name}.weight"]
        blocks = weight.reshape(weight.shape[0] // rows, rows, weight.shape[1] // columns, columns)
        shares[name] = float(np.mean(~blocks.any(axis=(1, 3))))
    return prune(program, sparsity=shares, block_shape=section.block_shape)


def _onnx(program: Program) -> bytes:
    try:
        from distilspec.reference.formats.onnx_writer import write_onnx
    except ImportError:
        raise UnsupportedError(
            "outputs: onnx is true and the package onnx is not installed; expected it (pip install 'distilspec[onnx]')"
        ) from None
    return bytes(write_onnx(program).SerializeToString())


def _quantisation(run: Run) -> Quantisation:
    section = run.pipeline.quantisation
    if section is None:
        raise RangeError("stage quantise: the pipeline has no section quantisation; expected one")
    return section


def _expect_labels(run: Run, model: DistilBertForSequenceClassification) -> None:
    found, wanted = list((model.config.id2label or {}).values()), list(run.pipeline.data.labels.values())
    if found != wanted:
        raise RangeError(
            f"{run.teacher}: its labels are {', '.join(found)}; expected {', '.join(wanted)} because data.labels "
            "says so"
        )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
