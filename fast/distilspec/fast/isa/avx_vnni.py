"""AVX-VNNI: vpdpbusd on 8 lanes (Alder Lake, Zen 5 and later)."""

from __future__ import annotations

from distilspec.fast.isa.target import Target

_DOT = "@llvm.x86.avx512.vpdpbusd.256"
_PAIRS = "@llvm.x86.avx2.pmadd.wd"


class AvxVnni(Target):
    """u8 by s8, four products a lane, summed without saturation in 32 bits."""

    name = "avx-vnni"
    triple = "x86_64-unknown-linux-gnu"
    cpu = "x86-64-v3"
    features = ("avx2", "fma", "avxvnni")
    lanes = 8
    registers = 16
    dot = 4
    panel = 4
    panel_rows = 2

    def emit_dot(self, result: str, acc: str, a: str, b: str) -> tuple[str, ...]:
        """Emit one vpdpbusd."""
        return (f"{result} = call <8 x i32> {_DOT}(<8 x i32> {acc}, <32 x i8> {a}, <32 x i8> {b})",)

    def emit_dot2(self, result: str, acc: str, a: str, b: str) -> tuple[str, ...]:
        """Emit vpmaddwd and vpaddd."""
        return (
            f"{result}.pairs = call <8 x i32> {_PAIRS}(<16 x i16> {a}, <16 x i16> {b})",
            f"{result} = add <8 x i32> {acc}, {result}.pairs",
        )

    def declarations(self) -> tuple[str, ...]:
        """Declare vpdpbusd and vpmaddwd."""
        return (
            f"declare <8 x i32> {_DOT}(<8 x i32>, <32 x i8>, <32 x i8>)",
            f"declare <8 x i32> {_PAIRS}(<16 x i16>, <16 x i16>)",
        )
