"""AVX-512 with VNNI: vpdpbusd on 16 lanes (Cascade Lake, Ice Lake, Zen 4 and later)."""

from __future__ import annotations

from distilspec.fast.isa.target import Target

_DOT = "@llvm.x86.avx512.vpdpbusd.512"
_PAIRS = "@llvm.x86.avx512.pmaddw.d.512"


class Avx512Vnni(Target):
    """u8 by s8, four products a lane, summed without saturation in 32 bits."""

    name = "avx512-vnni"
    triple = "x86_64-unknown-linux-gnu"
    cpu = "x86-64-v4"
    features: tuple[str, ...] = ("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni", "fma")
    lanes = 16
    registers = 32
    dot = 4
    panel = 4
    panel_rows = 4

    def emit_dot(self, result: str, acc: str, a: str, b: str) -> tuple[str, ...]:
        """Emit one vpdpbusd."""
        return (f"{result} = call <16 x i32> {_DOT}(<16 x i32> {acc}, <64 x i8> {a}, <64 x i8> {b})",)

    def emit_dot2(self, result: str, acc: str, a: str, b: str) -> tuple[str, ...]:
        """Emit vpmaddwd and vpaddd."""
        return (
            f"{result}.pairs = call <16 x i32> {_PAIRS}(<32 x i16> {a}, <32 x i16> {b})",
            f"{result} = add <16 x i32> {acc}, {result}.pairs",
        )

    def declarations(self) -> tuple[str, ...]:
        """Declare vpdpbusd and vpmaddwd."""
        return (
            f"declare <16 x i32> {_DOT}(<16 x i32>, <64 x i8>, <64 x i8>)",
            f"declare <16 x i32> {_PAIRS}(<32 x i16>, <32 x i16>)",
        )
