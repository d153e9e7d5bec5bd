"""The first place at which a runtime leaves what the specification permits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from distilspec.conformance.check import Progress, crashed_case, load_subject, segment_case
from distilspec.conformance.result import FAILING, CaseResult
from distilspec.conformance.runtimes.adapter import Executable, Granularity, Runtime
from distilspec.conformance.segments import Segment, cut, judge_segment
from distilspec.conformance.staged import copied, stage
from distilspec.conformance.subject import Subject
from distilspec.conformance.truncated import run_truncated
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array


class How(StrEnum):
    """How the tensors between the steps were had."""

    SHOWN = "the runtime showed its tensors, and its final output stayed the same bit for bit"
    TRUNCATED = "the program was cut off after each tensor, which may fuse other steps than the whole program does"


@dataclass(frozen=True)
class Located:
    """
    What ``locate`` found.

    ``case`` is the first failing segment, with its evidence, or None if every segment is right; ``judged`` how many
    were judged until then.
    """

    case: CaseResult | None
    how: How
    judged: int
    segment: Segment | None = None


def locate(runtime: Runtime, subject: Subject, progress: Progress = lambda _: None) -> Located:
    """
    Return the first step, or fused segment, that leaves its bound.

    Every segment is judged on the runtime's own values of the tensors before it, so the first failing one is where the
    divergence begins and not where it became large. A runtime that shows nothing, is altered by showing, or breaks
    down in the whole program is given the program cut off after each tensor instead.

    Raises
    ------
    UnsupportedError
        The runtime does not take the program, or takes whole models only.
    """
    executable = _loaded(runtime, subject)
    judged = 0
    how = How.SHOWN
    for batch, inputs in subject.batches.items():
        values = _shown(executable, subject, inputs) if executable else None
        how = How.TRUNCATED if values is None else How.SHOWN
        prefix = f"{subject.name}/{subject.program.recipe}/{batch}"
        segments = _truncated(runtime, subject, inputs, prefix) if values is None else _cut(subject, values, prefix)
        for segment, case in segments:
            progress(case.id)
            judged += 1
            if case.state in FAILING:
                return Located(case, how, judged, segment)
    return Located(None, how, judged)


def _loaded(runtime: Runtime, subject: Subject) -> Executable | None:
    try:
        return load_subject(runtime, subject)
    except UnsupportedError:
        raise
    except Exception:  # noqa: BLE001 - which step the runtime does not survive is what truncation finds out
        return None


def _shown(executable: Executable, subject: Subject, inputs: Mapping[str, Array]) -> Mapping[str, Array] | None:
    try:
        staged = stage(executable, subject.program, inputs, copied(executable.run(copied(inputs))))
    except Exception:  # noqa: BLE001
        return None
    between = [
        name for name in staged.values if name not in (*subject.program.inputs, *subject.program.outputs.values())
    ]
    return staged.values if staged.unaltered and between else None


def _cut(subject: Subject, values: Mapping[str, Array], prefix: str) -> Iterator[tuple[Segment, CaseResult]]:
    for segment in cut(subject.program, [name for name in values if name in subject.program.tensors]):
        yield segment, segment_case(subject.program, judge_segment(segment, values), values[segment.target], prefix)


def _truncated(
    runtime: Runtime, subject: Subject, inputs: Mapping[str, Array], prefix: str
) -> Iterator[tuple[Segment, CaseResult]]:
    program = subject.program
    if Granularity.PROGRAMS not in runtime.granularity:
        raise UnsupportedError(
            f"locate: {runtime.name} takes {', '.join(runtime.granularity)} and shows nothing; "
            "expected a runtime that shows tensors or takes programs"
        )
    values: dict[str, Array] = dict(program.checked(inputs))
    for step in program.steps:
        for tensor in step.outputs:
            segment = Segment(tensor, program.extract([tensor], list(values)))
            try:
                values |= run_truncated(runtime, program, inputs, [tensor])
            except Exception as error:  # noqa: BLE001 - a runtime's failure of any kind is a result, not an end
                yield segment, crashed_case(program, tensor, inputs, error, prefix)
                return
            yield segment, segment_case(program, judge_segment(segment, values), values[tensor], prefix)
