"""Any processor that LLVM knows: plain multiplications of 16-bit factors in 4 lanes."""

from __future__ import annotations

import llvmlite.binding as llvm

from distilspec.fast.isa.target import Target, plain_dot2


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
        return plain_dot2(self.lanes, result, acc, a, b)

    def declarations(self) -> tuple[str, ...]:
        """Declare nothing."""
        return ()
