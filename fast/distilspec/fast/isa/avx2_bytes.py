"""AVX2 without VNNI: vpmaddubsw, whose saturation is avoided by how weights are packed."""

from __future__ import annotations

from distilspec.fast.isa.target import Target

_BYTES = "@llvm.x86.avx2.pmadd.ub.sw"
_PAIRS = "@llvm.x86.avx2.pmadd.wd"


class Avx2Bytes(Target):
    """
    u8 by s8, four products a lane: vpmaddubsw adds pairs in 16 bits, vpmaddwd adds two pairs in 32.

    A pair is at most 255 * 128 = 32640 < 2^15 where its weights of one sign add up to 128 at most. So is a four, two
    pairs that vpaddw adds up before vpmaddwd: three multiplications instead of four.
    """

    name = "avx2-bytes"
    triple = "x86_64-unknown-linux-gnu"
    cpu = "x86-64-v3"
    features = ("avx2", "fma")
    lanes = 8
    registers = 16
    dot = 4
    panel = 4
    panel_rows = 4
    pair_limit = 128
    for_floats = False

    def emit_dot(self, result: str, acc: str, a: str, b: str) -> tuple[str, ...]:
        """Emit vpmaddubsw, vpmaddwd by ones, and vpaddd."""
        return (
            f"{result}.pairs = call <16 x i16> {_BYTES}(<32 x i8> {a}, <32 x i8> {b})",
            f"{result}.fours = call <8 x i32> {_PAIRS}(<16 x i16> {result}.pairs, <16 x i16> splat (i16 1))",
            f"{result} = add <8 x i32> {acc}, {result}.fours",
        )

    def emit_dot8(self, result: str, acc: str, a: str, b: str, c: str, d: str) -> tuple[str, ...]:
        """Emit vpmaddubsw twice, vpaddw, vpmaddwd by ones, and vpaddd."""
        return (
            f"{result}.first = call <16 x i16> {_BYTES}(<32 x i8> {a}, <32 x i8> {b})",
            f"{result}.second = call <16 x i16> {_BYTES}(<32 x i8> {c}, <32 x i8> {d})",
            f"{result}.fours = add <16 x i16> {result}.first, {result}.second",
            f"{result}.eights = call <8 x i32> {_PAIRS}(<16 x i16> {result}.fours, <16 x i16> splat (i16 1))",
            f"{result} = add <8 x i32> {acc}, {result}.eights",
        )

    def emit_dot2(self, result: str, acc: str, a: str, b: str) -> tuple[str, ...]:
        """Emit vpmaddwd and vpaddd."""
        return (
            f"{result}.pairs = call <8 x i32> {_PAIRS}(<16 x i16> {a}, <16 x i16> {b})",
            f"{result} = add <8 x i32> {acc}, {result}.pairs",
        )

    def declarations(self) -> tuple[str, ...]:
        """Declare vpmaddubsw and vpmaddwd."""
        return (
            f"declare <16 x i16> {_BYTES}(<32 x i8>, <32 x i8>)",
            f"declare <8 x i32> {_PAIRS}(<16 x i16>, <16 x i16>)",
        )
