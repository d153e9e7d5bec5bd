"""The loop in which a model learns, from the last checkpoint to the end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from transformers import DistilBertForSequenceClassification

from distilspec.compress.batches import Batch, EncodedRows, logits_of
from distilspec.compress.objective import Objective
from distilspec.compress.observe import Observation
from distilspec.compress.run import Run, finishing_in
from distilspec.compress.sections.pruning import Pruning
from distilspec.compress.sections.training import Training
from distilspec.compress.training import Trainer, learning_rate_at, sparsity_at

#: A training run of many steps is saved about so many times on its way, and can go on from each.
CHECKPOINTS = 20


def learn(
    run: Run,
    stage: str,
    model: DistilBertForSequenceClassification,
    objective: Objective,
    section: Training,
    pruning: Pruning | None,
    rows: EncodedRows,
    see: Callable[[Batch], Observation],
    checkpoint: Path,
    *,
    numerics: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """
    Train a model over all epochs, from the last checkpoint where there is one, and say its accuracy on the validation.

    Parameters
    ----------
    run : Run
    stage : str
        Its name in the log.
    model : DistilBertForSequenceClassification
        Trained in place.
    objective : Objective
    section : Training
    pruning : Pruning or None
    rows : EncodedRows
        What the model learns from.
    see : callable
        From a batch to what the teacher computes of it.
    checkpoint : Path
        The file to go on from, written about ``CHECKPOINTS`` times.
    numerics : callable
        As ``Trainer``'s; the accuracy is that inside of such a block too.

    Raises
    ------
    PausedError
        The pipeline's hours are over; the checkpoint is written.
    ContractError
        As ``Trainer``.
    """
    each = rows.steps(section.batch_size)
    steps = section.epochs * each
    every = max(1, steps // CHECKPOINTS)
    torch.manual_seed(run.pipeline.seed)
    origin = origin_of(run, stage)
    trainer = Trainer(model, objective, section, pruning, steps=steps, origin=origin, numerics=numerics)
    if checkpoint.exists():
        trainer.restore(checkpoint)
        run.record.event(stage, "restored", step=trainer.step)
    with (
        matmul_precision(section.matmul_precision),
        without_denormals(),
        run.record.progress(stage, steps, trainer.step, every=every) as advance,
    ):
        while trainer.step < steps:
            batches = rows.epoch(section.batch_size, seed=run.pipeline.seed, epoch=trainer.step // each)
            for numbers in batches[trainer.step % each :]:
                step = trainer.step
                batch = rows.batch(numbers)
                terms = trainer.learn(batch.input_ids, batch.attention_mask, batch.labels, see(batch))
                rate = learning_rate_at(section, pruning, step, steps)
                sparsity = sparsity_at(pruning, step, steps) if pruning else 0.0
                run.record.event(stage, "step", step=step, losses=terms, learning_rate=rate, sparsity=sparsity)
                advance(f"loss {sum(terms.values()):.4f}")
                if trainer.step % every == 0:
                    trainer.save(checkpoint)
                    run.expect_time(stage)
    trainer.finish()
    validation = run.encoded(run.splits.validation, run.origin)
    with numerics():
        accuracy = float(np.mean(logits_of(model, validation).argmax(axis=1) == validation.labels))
    run.record.event(stage, "learned", validation_accuracy=accuracy)
    run.record.say(f"  accuracy on {len(validation)} validation rows {accuracy:.4f}")


@contextmanager
def matmul_precision(precision: Literal["highest", "medium"]) -> Iterator[None]:
    """Multiply float32 matrices in this precision, in this process, until the end of the block."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def without_denormals() -> Iterator[None]:
    """
    Let torch take numbers below 1e-38 for 0 until the end of the block, where the processor can.

    The momentum of a word that was not seen for 800 steps is so small, and AdamW takes many times as long with it.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def origin_of(run: Run, stage: str) -> str:
    """Return the name of what a checkpoint belongs to: everything that training depends on, and nothing else."""
    if stage == "teacher":
        return f"teacher/{run.teacher_home.name}"
    told = run.pipeline.model_dump_json(exclude={"outputs", "hours", "quantisation"}, exclude_defaults=True)
    if stage == "finish":
        told += json.dumps(finishing_in(run.own_quantisation()), sort_keys=True)
    return f"{run.pipeline.name}/{stage}/{hashlib.sha256(f'{told}{run.lessons}'.encode()).hexdigest()[:12]}"
