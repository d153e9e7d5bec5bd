"""``Target``: what a kernel must know of the processor that it is emitted for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence


class Target(ABC):
    """
    One instruction set.

    Attributes
    ----------
    name : str
        What ``DISTILSPEC_ISA`` calls it.
    triple, cpu : str
        LLVM's architecture and processor.
    features : tuple of str
        LLVM's names of what the processor must have.
    lanes : int
        32-bit lanes of a vector register.
    registers : int
        Vector registers.
    dot : {2, 4}
        How many products the quicker one of ``dot2`` and ``dot4`` adds up in a lane; the target has no other ``dot4``.
    signed_codes : bool
        Whether activation codes are signed bytes: then u8 codes are stored less 128, and so are their zero points.
        Where ``dot`` is 2 they are 16 bits wide, and signed in both cases.
    panel : int
        Output features of a unit of work of a dense product; a multiple of ``dot`` and of ``panel_rows``.
    panel_rows : int
        Those that it computes at once: panel_rows * dot sums, dot vectors of codes, and weights fit the registers.
    pair_limit : int or None
        What weights of one sign may add up to in a pair, the first two or the last two of the four of ``dot4``, since
        the target saturates sums of pairs beyond, and in a four of ``dot8``, which it has as well; None where it does
        not saturate. Weights are packed accordingly.
    for_floats : bool
        Whether it is the best of its processor for programs without codes as well.
    matrix : bool
        Whether it has ``matrix_dot``, on unsigned codes.
    """

    name: str
    triple: str
    cpu: str
    features: tuple[str, ...]
    lanes: int
    registers: int
    dot: int
    panel: int
    panel_rows: int
    signed_codes: bool = False
    pair_limit: int | None = None
    for_floats: bool = True
    matrix: bool = False

    @property
    def tile(self) -> int:
        """Return the tokens in a tile: the codes of one feature fill a register."""
        return self.dot * self.lanes

    @abstractmethod
    def emit_dot(self, result: str, acc: str, a: str, b: str) -> Sequence[str]:
        """Return LLVM instructions that set ``result`` to the dot product; the operands are names of values."""

    def emit_dot8(self, result: str, acc: str, a: str, b: str, c: str, d: str) -> Sequence[str]:
        """Return LLVM instructions as ``emit_dot`` does, for ``dot8``; only where there is a ``pair_limit``."""
        raise NotImplementedError

    def emit_dot2(self, result: str, acc: str, a: str, b: str) -> Sequence[str]:
        """Return LLVM instructions as ``emit_dot`` does, for ``dot2`` where ``dot`` is 4: plain ones unless told."""
        return plain_dot2(self.lanes, result, acc, a, b)

    def emit_matrix_open(self) -> str:
        """Return the LLVM instruction of ``matrix_open``; only where there is ``matrix``, as those that follow."""
        raise NotImplementedError

    def emit_matrix_dot(self, *operands: str) -> str:
        """Return that of ``matrix_dot``: operands with types, then row, step, w_move, x_move and fetch likewise."""
        raise NotImplementedError

    def emit_matrix_close(self) -> str:
        """Return that of ``matrix_close``."""
        raise NotImplementedError

    def is_permitted(self) -> bool:
        """Return whether the system lets this process use the features of a processor that has them."""
        return True

    @abstractmethod
    def declarations(self) -> Sequence[str]:
        """Return declarations of LLVM functions that these instructions use, and definitions of the target's own."""

    @property
    def feature_string(self) -> str:
        """Return the features as LLVM takes them."""
        return ",".join(f"+{feature}" for feature in self.features)


def plain_dot2(lanes: int, result: str, acc: str, a: str, b: str) -> tuple[str, ...]:
    """Return two multiplications and two additions, for any processor."""
    lines = []
    for part, first in (("even", 0), ("odd", 1)):
        chosen = ", ".join(f"i32 {lane}" for lane in range(first, 2 * lanes, 2))
        for factor, source in (("a", a), ("b", b)):
            name = f"{result}.{part}.{factor}"
            operands = f"<{2 * lanes} x i16> {source}, <{2 * lanes} x i16> poison, <{lanes} x i32> <{chosen}>"
            lines.append(f"{name} = shufflevector {operands}")
            lines.append(f"{name}.wide = sext <{lanes} x i16> {name} to <{lanes} x i32>")
        wide = f"{result}.{part}"
        lines.append(f"{wide} = mul <{lanes} x i32> {wide}.a.wide, {wide}.b.wide")
    lines.append(f"{result}.pairs = add <{lanes} x i32> {result}.even, {result}.odd")
    lines.append(f"{result} = add <{lanes} x i32> {acc}, {result}.pairs")
    return tuple(lines)
