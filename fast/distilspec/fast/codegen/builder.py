"""``Builder``: writes a kernel instruction by instruction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from distilspec.fast.codegen.ir import F32, I64, Function, Instruction, IrError, Kind, Loop, Type, Value
from distilspec.fast.codegen.opcodes import result_type


@dataclass
class OpenLoop:
    """A loop that is being written: its index and carried values, and after its end its results."""

    index: Value
    carried: tuple[Value, ...]
    following: tuple[Value, ...] = ()
    results: tuple[Value, ...] = field(default=())

    def hand_on(self, *values: Value) -> None:
        """Say what the next turn starts with; the last thing in the loop's body."""
        self.following = values


class Builder:
    """
    Writes a function.

    Every opcode is a method of its own name; operands are values, or Python numbers where the type follows from another
    operand.
    """

    def __init__(self, name: str, **parameters: Type) -> None:
        """Start a function with these parameters."""
        self._name = name
        self._count = 0
        self._bodies: list[list[Instruction | Loop]] = [[]]
        self.parameters = {key: Value(type_, key) for key, type_ in parameters.items()}

    def __getattr__(self, opcode: str) -> Any:
        """Return a function that writes one instruction."""

        def write(*operands: Value | float, **attributes: Any) -> Value | None:
            return self.write(opcode.rstrip("_"), *operands, **attributes)

        return write

    def write(self, opcode: str, *operands: Value | float, **attributes: Any) -> Value | None:
        """Write one instruction and return its result, or None if it has none."""
        values = self._lifted(operands)
        made = result_type(opcode, [value.type for value in values], attributes)
        result = None if made is None else self._new(made, opcode)
        self._bodies[-1].append(Instruction(opcode, values, result, attributes))
        return result

    def index(self, value: int) -> Value:
        """Return an integer constant."""
        return self._constant(value, I64)

    def number(self, value: float, lanes: int = 0) -> Value:
        """Return a float32 constant, in every lane of a vector."""
        return self._constant(value, Type(Kind.F32, lanes))

    def zeros(self, type_: Type) -> Value:
        """Return zero in every lane."""
        return self._constant(0, type_)

    def at(self, pointer: Value, *offsets: Value | int) -> Value:
        """Return ``pointer`` moved by the sum of ``offsets``, in bytes."""
        for step in offsets:
            if step != 0:
                pointer = self.offset(pointer, self.index(step) if isinstance(step, int) else step)
        return pointer

    @contextmanager
    def loop(
        self, start: Value | int, stop: Value | int, step: Value | int = 1, carried: Sequence[Value] = ()
    ) -> Iterator[OpenLoop]:
        """Write a loop: what is written inside the block is its body."""
        first, end, by = (self.index(bound) if isinstance(bound, int) else bound for bound in (start, stop, step))
        open_loop = OpenLoop(self._new(I64, "i"), tuple(self._new(value.type, "carried") for value in carried))
        self._bodies.append([])
        yield open_loop
        body = self._bodies.pop()
        if [value.type for value in open_loop.following] != [value.type for value in carried]:
            raise IrError(f"{self._name}: a loop hands on other values than it carries; expected hand_on at its end")
        open_loop.results = tuple(self._new(value.type, "after") for value in carried)
        self._bodies[-1].append(
            Loop(
                open_loop.index, first, end, by, open_loop.carried, tuple(carried), tuple(body), open_loop.following,
                open_loop.results,
            )
        )  # fmt: skip

    def finish(self) -> Function:
        """Return the function."""
        (body,) = self._bodies
        return Function(self._name, tuple(self.parameters.values()), tuple(body))

    def _lifted(self, operands: Sequence[Value | float]) -> tuple[Value, ...]:
        typed = [operand.type for operand in operands if isinstance(operand, Value)]
        numbers = [type_ for type_ in typed if type_.kind not in (Kind.PTR, Kind.I1)]
        like = numbers[0] if numbers else F32
        return tuple(operand if isinstance(operand, Value) else self._constant(operand, like) for operand in operands)

    def _constant(self, value: float, type_: Type) -> Value:
        made = self.write("const", value=value, type=type_)
        assert made is not None
        return made

    def _new(self, type_: Type, stem: str) -> Value:
        self._count += 1
        return Value(type_, f"{stem}.{self._count}")
