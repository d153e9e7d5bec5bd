"""A kernel of one instruction, run by the interpreter and as machine code, for tests."""

from __future__ import annotations

from functools import cache

import numpy as np

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.compile import Compiled
from distilspec.fast.codegen.interpret import DTYPES, interpret
from distilspec.fast.codegen.ir import PTR, Kind, Type
from distilspec.fast.codegen.opcodes import result_type


def kernel(opcode, types, attributes):
    """Return a kernel that loads operands, applies one opcode, and stores the result; masks as int32 0 and 1."""
    names = [f"in{number}" for number in range(len(types))]
    builder = Builder("one", out=PTR, **dict.fromkeys(names, PTR))
    operands = []
    for name, type_ in zip(names, types, strict=True):
        if type_.kind is Kind.I1:
            held = builder.load(builder.parameters[name], type=type_.of(Kind.I32))
            operands.append(builder.less(builder.zeros(held.type), held))
        else:
            operands.append(builder.load(builder.parameters[name], type=type_))
    made = builder.write(opcode, *operands, **attributes)
    if made.type.kind is Kind.I1:
        one = builder.write("const", value=1, type=made.type.of(Kind.I32))
        made = builder.select(made, one, builder.zeros(one.type))
    builder.store(made, builder.parameters["out"])
    return builder.finish()


def made_type(opcode, types, attributes):
    """Return the type of what is stored."""
    made = result_type(opcode, types, attributes)
    return made.of(Kind.I32) if made.kind is Kind.I1 else made


@cache
def _compiled(opcode, types, attributes, target):
    return Compiled([kernel(opcode, types, dict(attributes))], target)


def both(opcode, types, arrays, target, **attributes):
    """Return what the interpreter and what machine code for ``target`` make of the operands ``arrays``."""
    made = made_type(opcode, types, attributes)
    results = []
    function = kernel(opcode, types, attributes)
    compiled = _compiled(opcode, tuple(types), tuple(attributes.items()), target)
    for run in (
        lambda out: interpret(function, out, *arrays),
        lambda out: compiled.callable("one")(out.ctypes.data, *(array.ctypes.data for array in arrays)),
    ):
        out = np.zeros(max(1, made.lanes), DTYPES[made.kind])
        run(out)
        results.append(out)
    return results


def vector(kind, lanes):
    """Return a vector type."""
    return Type(kind, lanes)
