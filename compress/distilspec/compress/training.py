"""One student's training: losses, learning rate, pruning and checkpoints, the same bytes again from any of them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import DistilBertForSequenceClassification

from distilspec.compress.objective import Objective
from distilspec.compress.observe import Observation, observe
from distilspec.compress.pruning import Criterion, Pruner, across_layers, by_head, by_layer, by_neuron, encoder_weights
from distilspec.compress.sections.pruning import Cubic, Distiller, OneShot, PatternLock, Pruning
from distilspec.compress.sections.training import Training
from distilspec.reference import objectives
from distilspec.reference.contract.errors import FormatError, RangeError, errors_about


def sparsity_at(section: Pruning, step: int, steps: int) -> float:
    """
    Return the sparsity that a pipeline's section asks for at a step, counted from 0, of ``steps``.

    Raises
    ------
    RangeError
        The schedule does not fit into so few steps.
    """
    final, schedule = section.sparsity, section.schedule
    match schedule:
        case Cubic():
            begin, end = round(schedule.begin * steps), round(schedule.end * steps)
            return objectives.cubic_sparsity(step, initial=0, final=final, begin=begin, end=end, every=schedule.every)
        case Distiller():
            start, end = round(schedule.begin * steps), round(schedule.end * steps)
            return objectives.distiller_sparsity(
                step, initial=schedule.initial, final=final, start=start, end=end, every=schedule.every
            )
        case OneShot():
            return objectives.one_shot_sparsity(step, final=final, at=round(schedule.at * steps))
    return final


def learning_rate_at(training: Training, pruning: Pruning | None, step: int, steps: int) -> float:
    """
    Return the learning rate of a step: warm-up and linear fall, rewound while a gradual schedule prunes.

    Raises
    ------
    RangeError
        The warm-up leaves no step, or the learning rate is to be rewound and no schedule moves.
    """
    warmup = round(training.warmup * steps)
    begin, end, rewind = warmup, warmup, 1
    if training.rewind:
        schedule = pruning and pruning.schedule
        if not isinstance(schedule, Cubic | Distiller):
            raise RangeError(
                f"rewind is true and the schedule {schedule.kind if schedule else 'absent'}; expected cubic or "
                "distiller because their moves rewind the learning rate"
            )
        begin = max(warmup, round(schedule.begin * steps))
        end, rewind = max(begin, round(schedule.end * steps)), schedule.every
    factor = objectives.rewound_learning_rate(step, steps=steps, warmup=warmup, begin=begin, end=end, rewind=rewind)
    return training.learning_rate * factor


def criterion_of(section: Pruning, num_heads: int) -> Criterion:
    """Return the criterion that a pipeline's section names."""
    match section.structure:
        case "head":
            return by_head(num_heads)
        case "neuron":
            return by_neuron
    return across_layers(section.block_shape) if section.scope == "global" else by_layer(section.block_shape)


def pruner_of(section: Pruning, student: DistilBertForSequenceClassification) -> Pruner:
    """
    Return what prunes a student as a pipeline's section says, with the zeros of a locked pattern as its masks.

    Raises
    ------
    RangeError
        The pattern is locked, and the student has not exactly the zeros that the sparsity asks for.
    """
    pruner = Pruner(encoder_weights(student), criterion_of(section, student.config.n_heads))
    if isinstance(section.schedule, PatternLock):
        pruner.lock()
        with errors_about("schedule pattern-lock keeps the zeros that a student starts with"):
            pruner.expect_exact(section.sparsity)
    return pruner


class Trainer:
    """
    A student in training; equal arguments and batches give equal bytes at an equal number of threads.

    Dropout draws from torch's own generator, whose state is part of a checkpoint.

    Parameters
    ----------
    student : DistilBertForSequenceClassification
        Trained in place.
    objective : Objective
        Its projections are trained too.
    training : Training
    pruning : Pruning, optional
    steps : int
        Of the whole run.
    origin : str
        Names pipeline and stage; a checkpoint of another origin is refused.
    numerics : callable
        Gives the block in which the student computes and its gradients are taken; weights move outside of it.

    Raises
    ------
    RangeError
        There are no steps; as ``pruner_of``.
    """

    def __init__(
        self,
        student: DistilBertForSequenceClassification,
        objective: Objective,
        training: Training,
        pruning: Pruning | None = None,
        *,
        steps: int,
        origin: str,
        numerics: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """Start at step 0."""
        if steps < 1:
            raise RangeError(f"training: there are {steps} steps; expected at least 1")
        self.student = student
        self.objective = objective
        self.training = training
        self.pruning = pruning
        self.steps = steps
        self.origin = origin
        self.numerics = numerics
        self.step = 0
        self.optimizer = torch.optim.AdamW(self._groups(), lr=training.learning_rate, fused=True)
        self.pruner = None if pruning is None else pruner_of(pruning, student)
        if self.pruner:
            self.pruner.attach(self.optimizer)

    def learn(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor, teacher: Observation
    ) -> dict[str, float]:
        """
        Take one step and return the terms of its loss.

        Raises
        ------
        RangeError
            All steps are taken, or a term is not finite.
        """
        if self.step >= self.steps:
            raise RangeError(f"training: step {self.step} is asked for; expected {self.steps} steps and no more")
        self._prune()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.training, self.pruning, self.step, self.steps)
        self.student.train(self.training.dropout)
        with self.numerics():
            student = observe(self.student, input_ids, attention_mask)
            terms = self.objective(student, teacher, labels, attention_mask.bool())
            values = {name: float(term.detach()) for name, term in terms.items()}
            wrong = [name for name, value in values.items() if not abs(value) < float("inf")]
            if wrong:
                raise RangeError(
                    f"training: {wrong[0]} is {values[wrong[0]]} at step {self.step}; expected a finite loss "
                    "(a smaller learning rate may help)"
                )
            self.optimizer.zero_grad()
            torch.autograd.backward(torch.stack(list(terms.values())).sum())
        self.optimizer.step()
        self.step += 1
        return values

    def finish(self) -> DistilBertForSequenceClassification:
        """
        Return the student for evaluation, its sparsity proven.

        Raises
        ------
        RangeError
            Steps are left, or the sparsity is not exactly that of the section.
        """
        if self.step < self.steps:
            raise RangeError(f"training: {self.step} steps are taken; expected all {self.steps}")
        if self.pruner and self.pruning:
            self._prune()
            self.pruner.expect_exact(self.pruning.sparsity)
        self.student.eval()
        return self.student

    def save(self, path: Path) -> None:
        """
        Write a checkpoint; an older one at ``path`` stays until the new one is whole.

        Raises
        ------
        FormatError
            The system refuses to write.
        """
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with temporary.open("wb") as file:
                torch.save(self._state(), file)
            os.replace(temporary, path)
        except (OSError, RuntimeError) as error:
            raise FormatError(f"{path}: {error}; expected that the checkpoint can be written") from None
        finally:
            temporary.unlink(missing_ok=True)

    def restore(self, path: Path) -> None:
        """
        Go on where the checkpoint was written, with the state of torch's generator.

        Raises
        ------
        FormatError
            It cannot be read, or is that of another run.
        """
        try:
            state = torch.load(path, weights_only=True)
        except Exception as error:  # noqa: BLE001 - torch raises whatever a damaged file leads to
            raise FormatError(f"{path}: {str(error)[:60]!r}; expected a checkpoint") from None
        origin = (state.get("origin"), state.get("steps")) if isinstance(state, dict) else None
        if origin != (self.origin, self.steps):
            raise FormatError(
                f"{path}: it is a checkpoint of {origin}; expected {(self.origin, self.steps)} because no other run "
                "can go on from it"
            )
        self.student.load_state_dict(state["student"])
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.pruner:
            self.pruner.restore(state["masks"])
        torch.set_rng_state(state["generator"])
        self.step = state["step"]

    def _prune(self) -> None:
        if self.pruner and self.pruning and not isinstance(self.pruning.schedule, PatternLock):
            self.pruner.prune(sparsity_at(self.pruning, self.step, self.steps))

    def _state(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "steps": self.steps,
            "step": self.step,
            "student": self.student.state_dict(),
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "masks": self.pruner.state() if self.pruner else {},
            "generator": torch.get_rng_state(),
        }

    def _groups(self) -> list[dict[str, Any]]:
        parameters = [*self.student.parameters(), *self.objective.parameters()]
        return [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.training.weight_decay},
            {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
        ]
