"""AVX-512 with AMX: tdpbsud on squares of 16 by 16 sums beside VNNI (Sapphire Rapids and later)."""

from __future__ import annotations

import ctypes
import struct
from functools import cache
from importlib.resources import files

from distilspec.fast.isa.avx512_vnni import Avx512Vnni

#: Linux' number of arch_prctl on x86-64, its request for state that a process must ask for, and AMX' part of it.
_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XFEATURE_XTILEDATA = 158, 0x1023, 18

#: Registers, each of so many rows of so many bytes.
_REGISTERS, _ROWS, _ROW_BYTES = 8, 16, 64

#: Bytes of a block of weights, and how far ahead of their use they are fetched: farther than the processor does itself.
_BLOCK, _AHEAD = 2 * _ROWS * _ROW_BYTES, 12 * 2 * _ROWS * _ROW_BYTES

_DECLARED = (
    "declare void @llvm.x86.ldtilecfg(ptr)",
    "declare void @llvm.x86.tilerelease()",
    "declare void @llvm.x86.tilezero(i8 immarg)",
    "declare void @llvm.x86.tileloadd64(i8 immarg, ptr, i64)",
    "declare void @llvm.x86.tilestored64(i8 immarg, ptr, i64)",
    "declare void @llvm.x86.tdpbsud(i8 immarg, i8 immarg, i8 immarg)",
    "declare void @llvm.prefetch.p0(ptr, i32 immarg, i32 immarg, i32 immarg)",
)


class Avx512Amx(Avx512Vnni):
    """``Avx512Vnni`` with s8 by u8 in registers of 16 rows of 64 bytes, summed without saturation in 32 bits."""

    name = "avx512-amx"
    features = (*Avx512Vnni.features, "amx-tile", "amx-int8")
    for_floats = False
    matrix = True

    def emit_matrix_open(self) -> str:
        """Emit the shape of all registers."""
        return "call void @llvm.x86.ldtilecfg(ptr @matrix.shapes)"

    def emit_matrix_dot(self, *operands: str) -> str:
        """Emit what becomes ``matrix_dot.ll``."""
        return f"call void @matrix.dot({', '.join(operands)})"

    def emit_matrix_close(self) -> str:
        """Emit that the registers hold nothing more, so that no switch of threads saves them."""
        return "call void @llvm.x86.tilerelease()"

    def declarations(self) -> tuple[str, ...]:
        """Declare VNNI's, and define the product with what it uses."""
        text = (files(__package__) / "matrix_dot.ll").read_text("utf-8")
        shapes = "".join(f"\\{byte:02x}" for byte in _shapes())
        for name, value in {"features": self.feature_string, "shapes": shapes, "fetches": _fetches()}.items():
            text = text.replace(f"{{{name}}}", value)
        return (*super().declarations(), *_DECLARED, text)

    def is_permitted(self) -> bool:
        """Ask Linux for the registers: once a process, for all of its threads and children."""
        return _is_permitted()


@cache
def _is_permitted() -> bool:
    asked: int = ctypes.CDLL(None).syscall(_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XFEATURE_XTILEDATA)
    return asked == 0


def _shapes() -> bytes:
    """Return the 64 bytes that ldtilecfg reads: palette 1, and of each register the bytes of a row and the rows."""
    rows = struct.pack("<8H", *[_ROW_BYTES] * _REGISTERS)
    return struct.pack("<2B14x16s16x8B8x", 1, 0, rows, *[_ROWS] * _REGISTERS)


def _fetches() -> str:
    """Return instructions that fetch the weights of a block that comes later."""
    lines = []
    for number in range(_BLOCK // _ROW_BYTES):
        lines.append(f"  %later.{number} = getelementptr i8, ptr %upper_w, i64 {_AHEAD + number * _ROW_BYTES}")
        lines.append(f"  call void @llvm.prefetch.p0(ptr %later.{number}, i32 0, i32 3, i32 1)")
    return "\n".join(lines)
