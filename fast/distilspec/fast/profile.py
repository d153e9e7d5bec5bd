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
    """
    Where the time of a call of an engine goes.

    Attributes
    ----------
    seconds : float
        The forward's native calls, the least of the rounds.
    operations : tuple of OperationTime
        In their order, each the least of the rounds.
    call_seconds : float
        A whole call from Python, which checks and copies inputs besides, the least of the rounds.
    dispatch : float
        The share of a call that is not its own native calls', the median of the rounds.
    """

    seconds: float
    operations: tuple[OperationTime, ...]
    call_seconds: float
    dispatch: float
