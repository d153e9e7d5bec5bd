"""Operators that treat every element alone, in any layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import I64, PTR, Function, Kind, Type, Value
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.activations import ACTIVATIONS

#: By the name of the operator.
OF_TWO: Mapping[str, Callable[[Builder, Value, Value], Value]] = {
    "add": lambda builder, x, y: builder.add(x, y),
    "multiply": lambda builder, x, y: builder.mul(x, y),
}


def elementwise(target: Target, name: str) -> Function:
    """
    Return the kernel ``elementwise.<name>``: an operator of ``ACTIVATIONS`` or ``OF_TWO``, for some vectors.

    Its parameters are the pointers ``x``, for operators of two operands ``y``, and ``out``, all float32 and of one
    shape, and the integers ``first`` and ``last`` (vectors of ``lanes`` elements).
    """
    operands = ("x", "y") if name in OF_TWO else ("x",)
    builder = Builder(
        f"elementwise.{name}", **dict.fromkeys((*operands, "out"), PTR), **dict.fromkeys(("first", "last"), I64)
    )
    p = builder.parameters
    operator: Callable[..., Value] = OF_TWO[name] if name in OF_TWO else ACTIVATIONS[name]
    vector = Type(Kind.F32, target.lanes)
    with builder.loop(p["first"], p["last"]) as loop:
        place = builder.mul(loop.index, vector.size)
        values = [builder.load(builder.offset(p[operand], place), type=vector) for operand in operands]
        builder.store(operator(builder, *values), builder.offset(p["out"], place))
    return builder.finish()
