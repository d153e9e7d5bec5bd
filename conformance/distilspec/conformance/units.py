"""Which units of work make up a run: frozen cases, boundary cases, fuzzing, and whole models."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import count, cycle
from pathlib import Path

from distilspec.conformance.cases.corpus import check_corpus
from distilspec.conformance.cases.fuzz import fuzz_operator
from distilspec.conformance.cases.models import model_subject
from distilspec.conformance.cases.operators import OPERATORS as POSED
from distilspec.conformance.check import check_model, check_operators
from distilspec.conformance.goldens import GoldenCase, load_goldens
from distilspec.conformance.mandatory import mandatory_relations, mandatory_steps
from distilspec.conformance.metamorphic import check_metamorphic
from distilspec.conformance.result import CaseResult, State
from distilspec.conformance.runtimes.adapter import Runtime, RuntimeMissingError
from distilspec.conformance.subject import Subject
from distilspec.conformance.unit import Outcome, Progress, Unit
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.ops import OPERATORS

#: So many examples of one operator make a unit; what a kill can lose.
EXAMPLES_IN_A_UNIT = 200

#: About how many seconds a unit of fresh examples takes.
FUZZ_COST = 2.0

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Source:
    """
    Which model is judged and how it is made, so that every process can prepare it.

    Parameters
    ----------
    model : str
        A name, a Hugging Face folder, ``random-FAMILY-NUMBER``, or an ONNX file of the user's own.
    recipe : Recipe
        Ignored for an ONNX file, which has its own numerics.
    sparsity : float
    block_shape : tuple of int
    seed : int
    tokenizer : Path, optional
        The folder of an ONNX file's tokenizer.
    """

    model: str
    recipe: Recipe = Recipe.FP32
    sparsity: float = 0.0
    block_shape: tuple[int, int] = (4, 1)
    seed: int = 0
    tokenizer: Path | None = None


@lru_cache(maxsize=1)
def subject_of(source: Source) -> Subject:
    """Return the model, compressed, with the batches that go through it; the last one is kept."""
    if source.model.endswith(".onnx"):
        return _user_model_reader()(Path(source.model), tokenizer=source.tokenizer, seed=source.seed)
    return model_subject(
        source.model, source.recipe, sparsity=source.sparsity, block_shape=source.block_shape, seed=source.seed
    )


def _user_model_reader() -> Callable[..., Subject]:
    try:
        from distilspec.conformance.user_model import read_user_model
    except ModuleNotFoundError as error:
        raise RuntimeMissingError(
            f"check: package {error.name} is not installed; expected it from pip install 'distilspec[onnx]'"
        ) from None
    return read_user_model


def operator_units() -> Iterator[Unit]:
    """Yield the frozen cases and the boundary cases of every operator."""
    for operator in sorted(OPERATORS):
        yield Unit(f"{operator}/goldens", partial(_goldens, operator), 0.1)
        if operator in POSED:
            yield Unit(f"{operator}/boundary", partial(_boundary, operator), 0.5)


def model_units(source: Source) -> Iterator[Unit]:
    """Yield the two units of one model under one recipe: its steps and decisions, and the metamorphic relations."""
    name = f"{source.model}/{source.recipe}"
    yield Unit(f"{name}/steps", partial(_steps, source), 20.0)
    yield Unit(f"{name}/relations", partial(_relations, source), 20.0)


def fuzz_units(seed: int, cases: int | None, hours: float | None, database: Path | None) -> Iterator[Unit]:
    """
    Yield fresh examples of one operator after the other, until there are ``cases`` or the ``hours`` are over.

    The seeds of the units count up from ``seed``.
    """
    end = None if hours is None else time.monotonic() + hours * SECONDS_PER_HOUR
    left = cases
    for number, operator in zip(count(), cycle(sorted(POSED))):
        examples = EXAMPLES_IN_A_UNIT if left is None else min(EXAMPLES_IN_A_UNIT, left)
        if examples == 0 or (end is not None and time.monotonic() > end):
            return
        yield Unit(
            f"{operator}/fuzz/{seed + number}", partial(_fuzz, operator, seed + number, examples, database), FUZZ_COST
        )
        left = None if left is None else left - examples


def _goldens(operator: str, runtime: Runtime, progress: Progress) -> Outcome:
    cases = [case for case in _frozen_cases() if case.operator == operator]
    return _of_operator(check_operators(runtime, cases, progress))


@lru_cache(maxsize=1)
def _frozen_cases() -> tuple[GoldenCase, ...]:
    return tuple(load_goldens())


def _boundary(operator: str, runtime: Runtime, progress: Progress) -> Outcome:
    return _of_operator(list(check_corpus(runtime, operator, progress)))


def _fuzz(
    operator: str, seed: int, examples: int, database: Path | None, runtime: Runtime, progress: Progress
) -> Outcome:
    found = fuzz_operator(runtime, operator, seed=seed, examples=examples, database=database, progress=progress)
    return _of_operator(list(found))


def _of_operator(cases: list[CaseResult]) -> Outcome:
    supported = [case for case in cases if case.state is not State.UNSUPPORTED]
    return Outcome(tuple(cases), frozenset(clause for case in supported for clause in case.clause.split(", ")))


def _steps(source: Source, runtime: Runtime, progress: Progress) -> Outcome:
    progress(f"prepare {source.model} {source.recipe}")
    subject = subject_of(source)
    program = subject.program
    cases = tuple(check_model(runtime, subject, progress))
    steps = {f"{subject.name}/{program.recipe}": tuple(step.name for step in program.steps)}
    return Outcome(cases, mandatory_steps(program, cases), program.recipe, steps)


def _relations(source: Source, runtime: Runtime, progress: Progress) -> Outcome:
    progress(f"prepare {source.model} {source.recipe}")
    subject = subject_of(source)
    cases = tuple(check_metamorphic(runtime, subject, progress))
    return Outcome(cases, mandatory_relations(cases), subject.program.recipe)
