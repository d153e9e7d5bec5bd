"""Answers that need not be asked for again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from distilspec.reference.contract.types import Array

Tensors = Mapping[str, Array]


class Memo:
    """
    Answers by question, within a limit of memory; what was not needed for longest is forgotten first.

    The second of two equal questions is always asked, and an answer is given from memory only after two calls agreed
    bit for bit. So whoever asks twice sees a runtime that changes its mind.
    """

    def __init__(self, limit: int) -> None:
        """Keep at most ``limit`` bytes of tensors."""
        self._limit = limit
        self._size = 0
        self._known: OrderedDict[bytes, tuple[Tensors, bool]] = OrderedDict()

    def answer(self, question: bytes, ask: Callable[[], Tensors]) -> Tensors:
        """Return the answer to a question, which ``question`` identifies; ``ask`` is called unless it is certain."""
        before, certain = self._known.get(question, (None, False))
        if before is not None and certain:
            self._known.move_to_end(question)
            return before
        answer = ask()
        self._forget(question)
        self._known[question] = answer, before is not None and _equal_bits(before, answer)
        self._size += _size(answer)
        while self._size > self._limit:
            self._forget(next(iter(self._known)))
        return answer

    def _forget(self, question: bytes) -> None:
        known = self._known.pop(question, None)
        if known is not None:
            self._size -= _size(known[0])


def _size(tensors: Tensors) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())


def _equal_bits(first: Tensors, second: Tensors) -> bool:
    return all(
        (first[name].dtype, first[name].shape, first[name].tobytes())
        == (second[name].dtype, second[name].shape, second[name].tobytes())
        for name in first
    )
