"""AVX2 without VNNI: vpmaddwd on 16-bit factors, because vpmaddubsw saturates its sums of pairs."""

from __future__ import annotations

from distilspec.fast.isa.target import Target

_PAIRS = "@llvm.x86.avx2.pmadd.wd"


class Avx2(Target):
    """
    s16 by s16, two products a lane.

    A product of a code and a weight is at most 255 * 128, and vpmaddwd adds two of them in 32 bits.
    """

    name = "avx2"
    triple = "x86_64-unknown-linux-gnu"
    cpu = "x86-64-v3"
    features = ("avx2", "fma")
    lanes = 8
    registers = 16
    dot = 2
    panel = 6
    panel_rows = 6

    def emit_dot(self, result: str, acc: str, a: str, b: str) -> tuple[str, ...]:
        """Emit vpmaddwd and vpaddd."""
        return (
            f"{result}.pairs = call <8 x i32> {_PAIRS}(<16 x i16> {a}, <16 x i16> {b})",
            f"{result} = add <8 x i32> {acc}, {result}.pairs",
        )

    def declarations(self) -> tuple[str, ...]:
        """Declare vpmaddwd."""
        return (f"declare <8 x i32> {_PAIRS}(<16 x i16>, <16 x i16>)",)
