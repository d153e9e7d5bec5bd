"""Products of codes, where a program says products of the real numbers that the codes stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from distilspec.reference.contract.types import Attribute
from distilspec.reference.program import Program, Step
from distilspec.reference.tracer import Builder

_MOVES = frozenset({"expand", "reshape", "slice", "squeeze", "transpose", "unsqueeze"})


@dataclass(frozen=True)
class _Codes:
    """The ``dequantize`` step behind a tensor, and the steps after it that only move elements."""

    step: Step
    moves: tuple[Step, ...]


def integer_products(program: Program) -> Program | None:
    """
    Return the program with integer products, or None if it has none to make.

    ``matmul(dequantize(a), dequantize(b))`` becomes ``matmul_integer`` of the codes times both scales, which is the
    same real number and what runtimes calculate that fuse the three. Kernels without VNNI multiply unsigned by signed
    codes, so signed codes of an activation on the left are made unsigned, and unsigned ones on the right signed, also
    where the program has ``matmul_integer`` already. Bugs of integer kernels can be planted in this form, and not in
    the other.
    """
    makers = {output: step for step in program.steps for output in step.outputs}
    builder = Builder(program.name, program.inputs, program.properties)
    for name, array in program.constants.items():
        builder.constant(name, array)
    found = False
    for step in program.steps:
        a, b = (_codes(makers, name) for name in step.inputs[:2]) if step.op == "matmul" else (None, None)
        if a is not None and b is not None and _product(builder, step, a, b):
            found = True
        elif step.op == "matmul_integer" and builder.spec(str(step.inputs[1])).dtype == "uint8":
            _with_signed_codes(builder, step)
            found = True
        else:
            builder.emit(step.name, step.op, step.inputs, step.attributes, step.tags)
    return builder.finish(program.outputs) if found else None


def _codes(makers: Mapping[str, Step], name: str | None) -> _Codes | None:
    moves: list[Step] = []
    step = makers.get(str(name))
    while step is not None and step.op in _MOVES:
        moves.insert(0, step)
        step = makers.get(str(step.inputs[0]))
    return _Codes(step, tuple(moves)) if step is not None and step.op == "dequantize" else None


def _product(builder: Builder, step: Step, a: _Codes, b: _Codes) -> bool:
    """Append the integer form of a product, unless a scale does not belong to all of ``a`` or a column of ``b``."""
    names = [str(name) for side in (a, b) for name in side.step.inputs[:2]]
    types = [builder.spec(name).dtype for name in names[::2]]
    if set(types) - {"int8", "uint8"} or "axis" in a.step.attributes or not _is_by_column(b, builder):
        return False
    replay = _Replay(builder, step.name)
    operands = [replay.moved(side) for side in (a, b)]
    zeros = [side.step.inputs[2] if len(side.step.inputs) > 2 else None for side in (a, b)]
    if types[0] == "int8" and not builder.is_constant(names[0]):
        operands[0], zeros[0] = replay.unsigned(operands[0], zeros[0])
    if types[1] == "uint8":
        operands[1], zeros[1] = replay.signed(operands[1], zeros[1])
    accumulators = replay.emit("matmul_integer", [*operands, *zeros])
    scale = replay.emit("multiply", [names[1], names[3]])
    builder.emit(step.name, "multiply", [replay.emit("cast", [accumulators], dtype="float"), scale])
    return True


def _with_signed_codes(builder: Builder, step: Step) -> None:
    a, b, a_zero, b_zero = (*step.inputs, None, None)[:4]
    moved, zero = _Replay(builder, step.name).signed(str(b), b_zero)
    builder.emit(step.name, "matmul_integer", [a, moved, a_zero, zero], step.attributes, step.tags)


def _is_by_column(side: _Codes, builder: Builder) -> bool:
    axis = side.step.attributes.get("axis")
    if not isinstance(axis, int):
        return True
    rank = len(builder.spec(side.step.name).shape)
    axis %= rank
    for move in side.moves:
        axes = move.attributes.get("axes")
        if move.op != "transpose" or not isinstance(axes, tuple):
            return False
        axis = axes.index(axis)
    return axis == rank - 1


class _Replay:
    """Appends steps whose names begin with that of the step that they stand for."""

    def __init__(self, builder: Builder, prefix: str) -> None:
        self._builder = builder
        self._prefix = prefix
        self._count = 0

    def name(self, part: str) -> str:
        self._count += 1
        return f"{self._prefix}/{part} {self._count}"

    def emit(self, op: str, operands: Sequence[str | None], **attributes: Attribute) -> str:
        return self._builder.emit(self.name(op), op, operands, attributes)[0]

    def moved(self, side: _Codes) -> str:
        x = str(side.step.inputs[0])
        for move in side.moves:
            x = self.emit(move.op, [x], **move.attributes)
        return x

    def unsigned(self, codes: str, zero: str | None) -> tuple[str, str]:
        """Return int8 codes and their zero point plus 128 as uint8, which stand for the same numbers."""
        zero = zero or self._builder.constant(self.name("zero"), np.zeros((), np.int8))
        return self._shifted(codes, 128, "uint8"), self._shifted(zero, 128, "uint8")

    def signed(self, codes: str, zero: str | None) -> tuple[str, str]:
        """Return uint8 codes and their zero point minus 128 as int8, which stand for the same numbers."""
        zero = zero or self._builder.constant(self.name("zero"), np.zeros((), np.uint8))
        return self._shifted(codes, -128, "int8"), self._shifted(zero, -128, "int8")

    def _shifted(self, codes: str, by: int, dtype: str) -> str:
        offset = self._builder.constant(self.name("offset"), np.array(by, np.int64))
        return self.emit("cast", [self.emit("add", [self.emit("cast", [codes], dtype="int64"), offset])], dtype=dtype)
