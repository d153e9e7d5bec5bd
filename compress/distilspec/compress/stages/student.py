"""The stage student: layers of the teacher, to start from."""

from __future__ import annotations

import numpy as np
from transformers import DistilBertForSequenceClassification

from distilspec.compress.pipeline import Pipeline
from distilspec.compress.pruning import encoder_weights
from distilspec.compress.reconstruction import reconstruct
from distilspec.compress.run import Run
from distilspec.compress.students import load_classifier, make_student, save_classifier
from distilspec.reference import objectives
from distilspec.reference.contract.errors import errors_about


def start_student(run: Run) -> None:
    """Copy the teacher's layers, and prune them where the pipeline says that a student starts pruned."""
    pipeline = run.pipeline
    teacher = load_classifier(run.teacher)
    student = make_student(teacher, layers_of(pipeline, teacher))
    section = pipeline.pruning
    if section and section.reconstruction:
        rows = run.encoded(run.lessons, run.teacher)
        order = np.random.Generator(np.random.PCG64(pipeline.seed)).permutation(len(rows))
        chosen = [rows.encodings[row].ids for row in order[: section.reconstruction.rows]]
        with run.record.progress("student", len(encoder_weights(student))) as advance:
            reconstruct(
                student,
                chosen,
                section.reconstruction,
                block_shape=section.block_shape,
                sparsity=section.sparsity,
                advance=advance,
            )
    save_classifier(run.folder / "start", student, run.teacher / "tokenizer.json")


def layers_of(pipeline: Pipeline, teacher: DistilBertForSequenceClassification) -> tuple[int, ...]:
    """Return the numbers of the teacher's layers that the student starts from; errors as the layer map's."""
    count, wanted = int(teacher.config.n_layers), pipeline.student.layers
    if wanted == "all":
        return tuple(range(count))
    with errors_about("student.layers"):
        return objectives.spread_layer_map(count, wanted) if isinstance(wanted, int) else tuple(wanted)
