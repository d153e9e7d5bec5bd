"""Any processor that LLVM knows: plain multiplications of 16-bit factors in 4 lanes."""

from __future__ import annotations

import llvmlite.binding as llvm

from distilspec.fast.isa.target import Target

_EVEN = "<4 x i32> <i32 0, i32 2, i32 4, i32 6>"
_ODD = "<4 x i32> <i32 1, i32 3, i32 5, i32 7>"


class Portable(Target):
    """s16 by s16, two products a lane, in instructions that every processor has."""

    name = "portable"
    triple = llvm.get_default_triple()
    cpu = ""
    features = ()
    lanes = 4
    registers = 16
    dot = 2
    panel = 4
    panel_rows = 4

    def emit_dot(self, result: str, acc: str, a: str, b: str) -> tuple[str, ...]:
        """Emit two multiplications and two additions."""
        lines = []
        for part, lanes in (("even", _EVEN), ("odd", _ODD)):
            for factor, source in (("a", a), ("b", b)):
                name = f"{result}.{part}.{factor}"
                lines.append(f"{name} = shufflevector <8 x i16> {source}, <8 x i16> poison, {lanes}")
                lines.append(f"{name}.wide = sext <4 x i16> {name} to <4 x i32>")
            wide = f"{result}.{part}"
            lines.append(f"{wide} = mul <4 x i32> {wide}.a.wide, {wide}.b.wide")
        lines.append(f"{result}.pairs = add <4 x i32> {result}.even, {result}.odd")
        lines.append(f"{result} = add <4 x i32> {acc}, {result}.pairs")
        return tuple(lines)

    def declarations(self) -> tuple[str, ...]:
        """Declare nothing."""
        return ()
