"""``Bench``: a runtime with a subject on it; whatever the runtime does wrong there is a verdict and not an end."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from distilspec.conformance.adjoints.first_order import FirstOrder
from distilspec.conformance.answer_form import checked_outputs
from distilspec.conformance.check import crashed, load_subject
from distilspec.conformance.dimensions import tokens
from distilspec.conformance.distance import Compared, judge_distance
from distilspec.conformance.result import Judgement, State, Unit
from distilspec.conformance.runtimes.adapter import Executable, Granularity, Runtime
from distilspec.conformance.segments import QUANTISERS, makes_codes
from distilspec.conformance.staged import copied, equal_bits, stage
from distilspec.conformance.subject import Subject
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program

T = TypeVar("T")

#: What one answer's tensor of this name is when it is laid beside the other answer's.
View = Callable[[str, Array], Array]


class RuntimeFailedError(Exception):
    """A runtime raised, ended or answered with something else than arrays; ``judgement`` is the verdict on that."""

    def __init__(self, judgement: Judgement) -> None:
        """Keep the verdict."""
        super().__init__(judgement.detail)
        self.judgement = judgement


@dataclass(eq=False)
class Answer:
    """What an executable returned for some inputs; ``codes`` are known once they have been asked for."""

    executable: Executable
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    codes: Mapping[str, Array] | None = None


class Bench(AbstractContextManager["Bench"]):
    """
    A runtime with one subject, loaded when it is first needed.

    Methods that call the runtime raise ``RuntimeFailedError`` for whatever goes wrong there, except that declining to
    load is an ``UnsupportedError``.
    """

    def __init__(self, runtime: Runtime, subject: Subject) -> None:
        """Keep both; nothing is loaded yet."""
        self.runtime = runtime
        self.subject = subject
        self.program = subject.program
        self._answers: dict[int, Answer] = {}
        self._limits: dict[int, FirstOrder] = {}
        self._threads: dict[int, tuple[Runtime, Executable]] = {}
        self._twins: dict[str, tuple[Program, Executable]] = {}

    def __exit__(self, *_: object) -> None:
        """Close the runtimes that were made here."""
        for runtime, _executable in self._threads.values():
            runtime.close()

    @cached_property
    def executable(self) -> Executable:
        """The subject as the runtime loaded it."""
        return called(lambda: load_subject(self.runtime, self.subject))

    def load(self, program: Program) -> Executable:
        """Load another program."""
        if Granularity.PROGRAMS not in self.runtime.granularity:
            raise UnsupportedError(f"{self.runtime.name} takes no programs; the relation needs another one")
        missing = self.runtime.missing(program)
        if missing:
            raise UnsupportedError(f"{self.runtime.name} declares no support for {', '.join(missing)}")
        return called(lambda: self.runtime.load(program))

    def twin(self, name: str, make: Callable[[], Program]) -> tuple[Program, Executable]:
        """Return the program that ``make`` returns, and the runtime's form of it, made once for all batches."""
        if name not in self._twins:
            program = make()
            self._twins[name] = program, self.load(program)
        return self._twins[name]

    def with_threads(self, count: int) -> Executable:
        """Return the subject loaded with another number of threads, once for all batches."""
        if count not in self._threads:
            other = called(lambda: self.runtime.with_threads(count))
            if other is None:
                raise UnsupportedError(f"{self.runtime.name} lets nobody choose the number of threads")
            self._threads[count] = other, called(lambda: load_subject(other, self.subject))
        return self._threads[count][1]

    def ask(self, executable: Executable, inputs: Mapping[str, Array], program: Program | None = None) -> Answer:
        """Run ``executable``, which has the subject's program or another."""
        asked = self.program if program is None else program
        return Answer(
            executable, inputs, called(lambda: checked_outputs(asked, inputs, executable.run(copied(inputs))))
        )

    def answer(self, inputs: Mapping[str, Array]) -> Answer:
        """Return the subject's own answer for one of its batches, asked for once."""
        if id(inputs) not in self._answers:
            self._answers[id(inputs)] = self.ask(self.executable, inputs)
        return self._answers[id(inputs)]

    def limits(self, inputs: Mapping[str, Array]) -> FirstOrder:
        """Return the movements of the subject's program on one of its batches."""
        if id(inputs) not in self._limits:
            self._limits[id(inputs)] = FirstOrder(self.program, inputs)
        return self._limits[id(inputs)]

    def compare(
        self,
        what: str,
        limits: FirstOrder,
        first: Answer,
        second: Answer,
        *,
        view: View = lambda _, array: array,
        same_program: bool = True,
    ) -> Iterator[Judgement]:
        """
        Judge every output of two answers to the question of ``limits``.

        Parameters
        ----------
        what : str
            What is different about the second answer.
        limits : FirstOrder
        first, second : Answer
        view : callable
            Lays a tensor of ``first`` beside that of ``second``.
        same_program : bool
            Whether both ran the subject's program, so that their codes can be compared.
        """
        pairs = {
            label: (view(tensor, first.outputs[label]), second.outputs[label])
            for label, tensor in self.program.outputs.items()
        }
        differ = any(a.tobytes() != b.tobytes() for a, b in pairs.values())
        equal = differ and same_program and makes_codes(self.program) and self._codes_equal(limits, first, second, view)
        compared = Compared(runs=2, codes_equal=equal, unit=Unit.METAMORPHIC)
        for label, (a, b) in pairs.items():
            yield about(what, judge_distance(limits, label, a, b, compared))

    def _codes_equal(self, limits: FirstOrder, first: Answer, second: Answer, view: View) -> bool:
        """Return whether the runtime shows all codes and zero points of both answers, and those of tokens are equal."""
        ours, theirs = self._codes(first), self._codes(second)
        if not ours or not theirs:
            return False
        for name, codes in theirs.items():
            counted = tokens(self.program, limits.inputs, name, codes.shape)
            if not np.array_equal(view(name, ours[name])[counted], codes[counted]):
                return False
        return True

    def _codes(self, answer: Answer) -> Mapping[str, Array]:
        """Return the codes and zero points behind an answer; nothing unless all are shown, and unaltered."""
        if answer.codes is None:
            made = [name for step in self.program.steps if step.op in QUANTISERS for name in step.outputs]
            names = [name for name in made if self.program.spec(name).dtype in ("int8", "uint8")]
            answer.codes = {}
            if set(names) <= set(called(answer.executable.survivors)):
                staged = called(lambda: stage(answer.executable, self.program, answer.inputs, answer.outputs))
                if staged.unaltered:
                    answer.codes = {name: staged.values[name] for name in names}
        return answer.codes


def same_bits(what: str, first: Answer, second: Answer) -> Judgement:
    """Judge two answers that must be equal, bit for bit."""
    if equal_bits(first.outputs, second.outputs):
        return Judgement(Unit.METAMORPHIC, State.PASS, 0.0, 0.0)
    distances = {
        label: float(np.max(np.abs(output.astype(np.float64) - second.outputs[label]), initial=0.0))
        for label, output in first.outputs.items()
    }
    label = max(distances, key=lambda name: distances[name])
    detail = f"{label} differs by up to {distances[label]:.3g}; expected equal bits"
    return about(what, Judgement(Unit.METAMORPHIC, State.FAIL, distances[label], math.inf, detail))


def about(what: str, judgement: Judgement) -> Judgement:
    """Put ``what`` in front of the detail of a verdict, where there is one."""
    return dataclasses.replace(judgement, detail=f"{what}: {judgement.detail}") if judgement.detail else judgement


def called(call: Callable[[], T]) -> T:
    """Return what a call of the runtime returns; ``UnsupportedError`` is left as it is."""
    try:
        return call()
    except UnsupportedError:
        raise
    except Exception as error:
        raise RuntimeFailedError(crashed(error)) from error
