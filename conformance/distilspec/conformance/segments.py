"""Segment by segment: what a runtime made of its own tensors, each piece judged alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from distilspec.conformance import bounds
from distilspec.conformance.distribution import SUMMING, distribution
from distilspec.conformance.judge import judge
from distilspec.conformance.result import Judgement
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Array, Float64Array
from distilspec.reference.program import Program


@dataclass(frozen=True)
class Segment:
    """The part of a program between tensors that a runtime exposes: ``program`` computes ``target`` from them."""

    target: str
    program: Program

    @property
    def operators(self) -> tuple[str, ...]:
        """Return the operators inside, in order and without repetition."""
        return tuple(dict.fromkeys(step.op for step in self.program.steps))


@dataclass(frozen=True)
class JudgedSegment:
    """
    A segment, the runtime's own inputs to it, the verdict, and the bound of every element.

    ``offsets`` are the rounding offsets of the codes that the segment makes: the runtime's codes where it shows them,
    else those that the reference makes of the runtime's inputs.
    """

    segment: Segment
    inputs: Mapping[str, Array]
    judgement: Judgement
    error: Float64Array
    offsets: Mapping[str, Float64Array]


def cut(program: Program, exposed: Sequence[str]) -> tuple[Segment, ...]:
    """
    Cut a program at the exposed tensors: one segment for each of them, from its nearest exposed ancestors.

    Together the segments hold every step that an exposed tensor depends on, so that a runtime whose every segment is
    right is right altogether.
    """
    given = [*program.inputs, *exposed]
    targets = [name for step in program.steps for name in step.outputs if name in set(exposed)]
    return tuple(Segment(target, program.extract([target], given)) for target in targets)


def judge_segments(program: Program, values: Mapping[str, Array]) -> Iterator[JudgedSegment]:
    """
    Judge every exposed tensor on the runtime's own values of the tensors before it.

    Parameters
    ----------
    program : Program
    values : mapping of tensor name to array
        The program's inputs, and what the runtime showed of the program's tensors, in float32 or as codes.
    """
    shown = [name for name in values if name in program.tensors]
    for segment in cut(program, shown):
        yield judge_segment(segment, values)


def judge_segment(segment: Segment, values: Mapping[str, Array]) -> JudgedSegment:
    """Judge ``values[segment.target]`` on the values of the tensors from which the segment starts."""
    inputs = {name: values[name] for name in segment.program.inputs}
    lifted = {name: bounds.Bounded.exact(array) for name, array in inputs.items()}
    made = segment.program.run(bounds, lifted, keep=list(segment.program.tensors))
    allowed = made[segment.target]
    sums = not SUMMING.isdisjoint(segment.operators)
    likely = partial(distribution, segment.program, inputs, segment.target) if sums else None
    judgement = judge(values[segment.target], np.asarray(allowed.value), allowed.error, likely)
    held = {**inputs, **{name: bounded.value for name, bounded in made.items()}, **values}
    return JudgedSegment(segment, inputs, judgement, allowed.error, rounding_offsets(segment.program, held))


#: Operators that round real numbers to codes.
QUANTISERS = frozenset({"quantize", "dynamic_quantize", "dynamic_quantize_token"})


def makes_codes(program: Program) -> bool:
    """Return whether any step rounds to codes."""
    return any(step.op in QUANTISERS for step in program.steps)


def rounding_offsets(program: Program, values: Mapping[str, Array]) -> dict[str, Float64Array]:
    """
    Return, for the codes of every quantise step, (code - zero_point) - x / scale: what rounding and saturation added.

    ``values`` holds the tensors of ``program``; constants are its own.
    """
    found = {}
    for step in program.steps:
        if step.op not in QUANTISERS:
            continue
        source = step.inputs[0]
        scale, zero_point = step.inputs[1:3] if step.op == "quantize" else step.outputs[1:3]
        x, width, zero = (
            real(values[name] if name in values else program.constants[name])
            for name in (str(source), str(scale), str(zero_point))
        )
        found[step.name] = real(values[step.name]) - zero - x / width
    return found
