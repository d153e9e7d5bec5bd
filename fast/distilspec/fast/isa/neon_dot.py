"""AArch64 with the dot product extension: sdot on 4 lanes (some of Armv8.2, all of Armv8.4; Graviton 2 and later)."""

from __future__ import annotations

from distilspec.fast.isa.target import Target

_DOT = "@llvm.aarch64.neon.sdot.v4i32.v16i8"


class NeonDot(Target):
    """s8 by s8, four products a lane; so u8 codes are stored less 128."""

    name = "neon-dot"
    triple = "aarch64-unknown-linux-gnu"
    cpu = "generic"
    features = ("neon", "dotprod")
    lanes = 4
    registers = 32
    dot = 4
    panel = 4
    panel_rows = 4
    signed_codes = True

    def emit_dot(self, result: str, acc: str, a: str, b: str) -> tuple[str, ...]:
        """Emit one sdot."""
        return (f"{result} = call <4 x i32> {_DOT}(<4 x i32> {acc}, <16 x i8> {a}, <16 x i8> {b})",)

    def declarations(self) -> tuple[str, ...]:
        """Declare sdot."""
        return (f"declare <4 x i32> {_DOT}(<4 x i32>, <16 x i8>, <16 x i8>)",)
