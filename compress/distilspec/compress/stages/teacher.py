"""The stage teacher: the encoder, fine-tuned on the labels."""

from __future__ import annotations

import torch
from transformers import DistilBertForSequenceClassification

from distilspec.compress.lesson import learn
from distilspec.compress.objective import Objective, Sizes
from distilspec.compress.observe import Observation
from distilspec.compress.run import Run, alone_in
from distilspec.compress.sections.distillation import Distillation
from distilspec.compress.students import load_classifier, new_classifier, save_classifier
from distilspec.reference.contract.errors import RangeError

_NOTHING = Observation(torch.empty(0), (), (), (), ())


def make_teacher(run: Run) -> None:
    """
    Fine-tune the encoder on the labels; without a section ``training`` the teacher must be a classifier already.

    One that another process has made in the meantime is taken.
    """
    section, model = run.pipeline.teacher.training, untrained(run)
    if section is None:
        return
    run.teacher_home.mkdir(exist_ok=True)
    sizes = Sizes.of(model)
    objective = Objective(Distillation(hard=1.0), sizes, sizes)
    rows, checkpoint = run.encoded(run.splits.train, run.origin), run.teacher_home / "checkpoint"
    with alone_in(run.teacher_home):
        if run.teacher.exists():
            return
        learn(run, "teacher", model, objective, section, None, rows, lambda _: _NOTHING, checkpoint)
        save_classifier(run.teacher, model, run.origin / "tokenizer.json")
        checkpoint.unlink(missing_ok=True)


def untrained(run: Run) -> DistilBertForSequenceClassification:
    """
    Return the teacher before its fine-tuning; without a section ``training`` it is a classifier already.

    Raises
    ------
    RangeError
        The classifier's labels are not those of the data in the same order.
    ContractError
        As ``load_classifier`` or ``new_classifier``.
    """
    wanted = list(run.pipeline.data.labels.values())
    if run.pipeline.teacher.training:
        return new_classifier(run.origin, wanted, seed=run.pipeline.seed)
    model = load_classifier(run.origin)
    found = list((model.config.id2label or {}).values())
    if found != wanted:
        raise RangeError(
            f"{run.origin}: its labels are {', '.join(found)}; expected {', '.join(wanted)} because data.labels says so"
        )
    return model
