"""What the operations of a forward take, one by one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OperationTime:
    """The kernel of an operation, as the engine names it, and the seconds of a call of its own."""

    kernel: str
    seconds: float

    @property
    def kind(self) -> str:
        """The kernel without its variant, such as ``block_sparse``."""
        return self.kernel.split(".")[0]


@dataclass(frozen=True)
class Profile:
    """The seconds of a forward's native calls, and of its operations in their order, each in a call of its own."""

    seconds: float
    operations: tuple[OperationTime, ...]
