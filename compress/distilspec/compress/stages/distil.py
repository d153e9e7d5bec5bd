"""The stage distil: the student learns what the teacher says, and is pruned on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from transformers import DistilBertForSequenceClassification

from distilspec.compress.batches import READING, Batch, logits_of
from distilspec.compress.lesson import learn
from distilspec.compress.objective import Objective, Sizes
from distilspec.compress.observe import Observation, observe
from distilspec.compress.run import Run, alone_in
from distilspec.compress.sections.pruning import Pruning
from distilspec.compress.sections.training import Training
from distilspec.compress.students import load_classifier, save_classifier
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.new_folder import new_folder
from distilspec.reference.formats.safetensors_file import SafetensorsFile, write_safetensors


def distil(run: Run) -> None:
    """Prune and teach the student."""
    student, pipeline = load_classifier(run.folder / "start"), run.pipeline
    teach(run, "distil", student, pipeline.student.training, pipeline.pruning, run.folder / "checkpoint", run.distilled)


def teach(
    run: Run,
    stage: str,
    student: DistilBertForSequenceClassification,
    training: Training,
    pruning: Pruning | None,
    checkpoint: Path,
    made: Path,
    *,
    numerics: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """
    Let the student learn by the pipeline's losses, and write it into the folder ``made``; errors as ``learn``.

    The teacher's logits are computed once where no loss needs more of it.
    """
    teacher, section = load_classifier(run.teacher), run.pipeline.distillation
    torch.manual_seed(run.pipeline.seed)
    objective = Objective(section, Sizes.of(student), Sizes.of(teacher))
    if any((section.attention, section.hidden, section.relation, section.cosine)):

        def see(batch: Batch) -> Observation:
            with torch.no_grad():
                return observe(teacher, batch.input_ids, batch.attention_mask)

    else:
        logits = torch.from_numpy(_teacher_logits(run, stage, teacher))

        def see(batch: Batch) -> Observation:
            return Observation(logits[batch.rows], (), (), (), ())

    rows = run.encoded(run.lessons, run.origin)
    learn(run, stage, student, objective, training, pruning, rows, see, checkpoint, numerics=numerics)
    save_classifier(made, student, run.teacher / "tokenizer.json")
    checkpoint.unlink(missing_ok=True)


def _teacher_logits(run: Run, stage: str, teacher: DistilBertForSequenceClassification) -> Array:
    """
    Return the teacher's logits of what the student learns from, from the file that the first call writes.

    Of processes that share the teacher one computes them, and the others wait for it.
    """
    home = run.teacher_home / f"logits-{hashlib.sha256(repr(run.lessons).encode()).hexdigest()[:12]}"
    if not home.exists():
        run.teacher_home.mkdir(exist_ok=True)
        with alone_in(run.teacher_home, waits=True):
            if not home.exists():
                _write_logits(run, stage, teacher, home)
    return SafetensorsFile(home / "lessons.safetensors").read("logits")


def _write_logits(run: Run, stage: str, teacher: DistilBertForSequenceClassification, home: Path) -> None:
    rows = run.encoded(run.lessons, run.teacher)
    with run.record.progress("the teacher's logits", rows.steps(READING)) as advance:
        logits = logits_of(teacher, rows, advance)
    with new_folder(home) as temporary:
        write_safetensors(temporary / "lessons.safetensors", {"logits": logits})
    run.record.event(stage, "logits", rows=len(logits))
