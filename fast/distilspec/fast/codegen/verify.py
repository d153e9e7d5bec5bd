"""Checking a kernel: every value is made once, before its use, and every instruction takes what it can take."""

from __future__ import annotations

from distilspec.fast.codegen.ir import I64, Body, Function, IrError, Loop, Value
from distilspec.fast.codegen.opcodes import result_type


def verify(function: Function) -> None:
    """
    Raise ``IrError`` unless ``function`` makes sense.

    Raises
    ------
    IrError
        A value is used before it is made, outside the loop that makes it, or made twice; two values share a name; an
        instruction has operands or a result of a wrong type; or a loop hands on other values than it carries.
    """
    names: set[str] = set()
    known = set(function.parameters)
    for parameter in function.parameters:
        _name(function, parameter, names)
    _verify_body(function, function.body, known, names)


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
