"""
The language in which kernels are written: typed values, instructions, and counted loops.

A kernel is a ``Function`` over scalars, pointers and vectors. It has no branches: what is conditional is a loop that
runs once or not at all, or a ``select``. The same function is interpreted slowly (``interpret``), checked (``verify``)
and turned into LLVM IR for a target (``emit``), so that a wrong result can be blamed on the kernel, on what emits it,
or on LLVM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class IrError(Exception):
    """A kernel that makes no sense: a bug of whoever wrote it, never of the input."""


class Kind(StrEnum):
    """What one lane of a value is."""

    I1 = "i1"
    I8 = "i8"
    I16 = "i16"
    I32 = "i32"
    I64 = "i64"
    F32 = "f32"
    PTR = "ptr"


#: Bytes of one lane in memory; a mask is never stored.
SIZES = {Kind.I8: 1, Kind.I16: 2, Kind.I32: 4, Kind.I64: 8, Kind.F32: 4}


@dataclass(frozen=True)
class Type:
    """A scalar (``lanes`` 0) or a vector of lanes."""

    kind: Kind
    lanes: int = 0

    @property
    def size(self) -> int:
        """Return how many bytes a value has in memory."""
        return SIZES[self.kind] * max(1, self.lanes)

    def of(self, kind: Kind) -> Type:
        """Return the type with lanes of another kind."""
        return Type(kind, self.lanes)

    def __str__(self) -> str:
        return f"{self.kind}x{self.lanes}" if self.lanes else str(self.kind)


I64 = Type(Kind.I64)
F32 = Type(Kind.F32)
PTR = Type(Kind.PTR)


@dataclass(frozen=True, eq=False)
class Value:
    """Something that has been computed once; two values are the same only if they are the same object."""

    type: Type
    name: str

    def __str__(self) -> str:
        return f"%{self.name}"


@dataclass(frozen=True)
class Instruction:
    """One application of an opcode; ``result`` is None for those that only write to memory."""

    opcode: str
    operands: tuple[Value, ...]
    result: Value | None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = [str(operand) for operand in self.operands]
        shown += [f"{key}={value}" for key, value in self.attributes.items()]
        made = f"{self.result}: {self.result.type} = " if self.result else ""
        return f"{made}{self.opcode}({', '.join(shown)})"


@dataclass(frozen=True)
class Loop:
    """
    ``for index in range(start, stop, step)``, with values carried from one turn to the next.

    ``carried`` are the values at the start of a turn, ``initial`` those of the first turn, ``following`` those that a
    turn hands on, and ``results`` those after the last turn, or ``initial`` when there was none.
    """

    index: Value
    start: Value
    stop: Value
    step: Value
    carried: tuple[Value, ...]
    initial: tuple[Value, ...]
    body: tuple[Instruction | Loop, ...]
    following: tuple[Value, ...]
    results: tuple[Value, ...]


Body = Sequence[Instruction | Loop]


@dataclass(frozen=True)
class Function:
    """A kernel: its name, what it is called with, and what it does. It returns nothing."""

    name: str
    parameters: tuple[Value, ...]
    body: tuple[Instruction | Loop, ...]

    def __str__(self) -> str:
        head = ", ".join(f"{value}: {value.type}" for value in self.parameters)
        return "\n".join([f"{self.name}({head})", *_lines(self.body, 1)])


def _lines(body: Body, depth: int) -> list[str]:
    lines = []
    pad = "  " * depth
    for item in body:
        if isinstance(item, Instruction):
            lines.append(f"{pad}{item}")
            continue
        pairs = zip(item.carried, item.initial, strict=True)
        carried = "".join(f", {value} = {first}" for value, first in pairs)
        lines.append(f"{pad}for {item.index} in {item.start}..{item.stop} by {item.step}{carried}")
        lines += _lines(item.body, depth + 1)
        lines.append(f"{pad}  hand on {', '.join(map(str, item.following))}" if item.following else f"{pad}end")
        if item.results:
            lines.append(f"{pad}giving {', '.join(map(str, item.results))}")
    return lines
