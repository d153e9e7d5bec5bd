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
        Output features that an INT8 kernel computes at once; a multiple of ``dot``.
    dense_vectors : int
        Vectors of tokens that it computes at once: panel * dense_vectors accumulators, dense_vectors vectors of codes
        and one of weights fit the registers.
    """

    name: str
    triple: str
    cpu: str
    features: tuple[str, ...]
    lanes: int
    registers: int
    dot: int
    panel: int
    dense_vectors: int
    signed_codes: bool = False

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
