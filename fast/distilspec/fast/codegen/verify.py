"""Checking a kernel: every value is made once, before its use, and every instruction takes what it can take."""

from __future__ import annotations

from collections.abc import Iterator

from distilspec.fast.codegen.ir import I64, Body, Function, Instruction, IrError, Loop, Value
from distilspec.fast.codegen.opcodes import result_type

#: What stands before and behind every ``matrix_dot``.
MATRIX_ENDS = ("matrix_open", "matrix_close")


def verify(function: Function) -> None:
    """
    Raise ``IrError`` unless ``function`` makes sense.

    Raises
    ------
    IrError
        A value is used before it is made, outside the loop that makes it, or made twice; two values share a name; an
        instruction has operands or a result of a wrong type; a loop hands on other values than it carries; a ``local``
        stands in or behind a loop; or ``matrix_dot`` does not stand between one ``matrix_open`` and one
        ``matrix_close``, both in no loop.
    """
    names: set[str] = set()
    known = set(function.parameters)
    for parameter in function.parameters:
        _name(function, parameter, names)
    _verify_body(function, function.body, known, names)
    _verify_places(function)


def _verify_places(function: Function) -> None:
    """Check what may stand in some places only."""
    outside = [item.opcode if isinstance(item, Instruction) else "" for item in function.body]
    every = list(_opcodes(function.body))
    before = outside[: outside.index("")] if "" in outside else outside
    if every.count("local") != before.count("local"):
        raise IrError(f"{function.name}: a local in or behind a loop; expected all before the first one")
    used = [opcode for opcode in every if opcode.startswith("matrix_")]
    ends = [opcode for opcode in outside if opcode in MATRIX_ENDS]
    if used and not (tuple(ends) == (used[0], used[-1]) == MATRIX_ENDS and set(used[1:-1]) <= {"matrix_dot"}):
        raise IrError(
            f"{function.name}: {', '.join(used)}; expected {' and '.join(MATRIX_ENDS)} around all, in no loop"
        )


def _opcodes(body: Body) -> Iterator[str]:
    """Yield the opcodes in their order, those in loops as well."""
    for item in body:
        if isinstance(item, Loop):
            yield from _opcodes(item.body)
        else:
            yield item.opcode


def _verify_body(function: Function, body: Body, known: set[Value], names: set[str]) -> None:
    for item in body:
        if isinstance(item, Loop):
            _verify_loop(function, item, known, names)
            continue
        _expect_known(function, item.operands, known, str(item))
        made = result_type(item.opcode, [operand.type for operand in item.operands], item.attributes)
        if made != (item.result.type if item.result else None):
            raise IrError(f"{function.name}: {item} should give {made}")
        if item.result is not None:
            _name(function, item.result, names)
            known.add(item.result)


def _verify_loop(function: Function, loop: Loop, known: set[Value], names: set[str]) -> None:
    where = f"loop over {loop.index}"
    _expect_known(function, (loop.start, loop.stop, loop.step, *loop.initial), known, where)
    if any(bound.type != I64 for bound in (loop.index, loop.start, loop.stop, loop.step)):
        raise IrError(f"{function.name}: {where} has bounds that are no i64")
    types = [[value.type for value in values] for values in (loop.carried, loop.initial, loop.following, loop.results)]
    if any(found != types[0] for found in types[1:]):
        raise IrError(f"{function.name}: {where} carries {types[0]} and hands on {types[2]}")
    inside = {*known, loop.index, *loop.carried}
    for value in (loop.index, *loop.carried, *loop.results):
        _name(function, value, names)
    _verify_body(function, loop.body, inside, names)
    _expect_known(function, loop.following, inside, where)
    known.update(loop.results)


def _expect_known(function: Function, values: tuple[Value, ...], known: set[Value], where: str) -> None:
    for value in values:
        if value not in known:
            raise IrError(f"{function.name}: {where} uses {value}; expected a value that was made before it")


def _name(function: Function, value: Value, names: set[str]) -> None:
    if value.name in names:
        raise IrError(f"{function.name}: {value} is made twice; expected one maker a name")
    names.add(value.name)
