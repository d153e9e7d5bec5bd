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
        How many products ``dot2`` or ``dot4``, the one of them that the target has, adds up in a lane.
    signed_codes : bool
        Whether activation codes are signed bytes: then u8 codes are stored less 128, and so are their zero points.
        Where ``dot`` is 2 they are 16 bits wide, and signed in both cases.
    panel : int
        Output features of a unit of work of a dense product; a multiple of ``dot`` and of ``panel_rows``.
    panel_rows : int
        Those that it computes at once: panel_rows * dot sums, dot vectors of codes, and weights fit the registers.
    pair_limit : int or None
        What weights of one sign may add up to in a pair, the first two or the last two of the four of ``dot4``, since
        the target saturates sums of pairs beyond; None where it does not saturate. Weights are packed accordingly.
    for_floats : bool
        Whether it is the best of its processor for programs without codes as well.
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

    @property
    def tile(self) -> int:
        """Return the tokens in a tile: the codes of one feature fill a register."""
        return self.dot * self.lanes

    @abstractmethod
    def emit_dot(self, result: str, acc: str, a: str, b: str) -> Sequence[str]:
        """Return LLVM instructions that set ``result`` to the dot product; the operands are names of values."""

    @abstractmethod
    def declarations(self) -> Sequence[str]:
        """Return the declarations of LLVM functions that ``emit_dot`` uses."""

    @property
    def feature_string(self) -> str:
        """Return the features as LLVM takes them."""
        return ",".join(f"+{feature}" for feature in self.features)
