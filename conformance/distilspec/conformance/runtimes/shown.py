"""Which tensors can be shown: those whose showing leaves the graph that a runtime made as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from itertools import chain, groupby

from distilspec.reference.program import Program


def harmless_to_show(
    program: Program, candidates: Collection[str], unchanged: Callable[[Sequence[str]], bool]
) -> tuple[str, ...]:
    """
    Return the candidates that can be shown together, in the order of the program.

    ``unchanged`` says whether a runtime makes the same graph when these tensors are shown as when none is. Tensors
    whose names differ in numbers only, the same one of every layer, stand or fall together, so that a runtime is asked
    for few graphs.
    """
    by_role = sorted(candidates, key=_role)
    kept = set(_harmless([], [list(group) for _, group in groupby(by_role, key=_role)], unchanged))
    return tuple(name for name in program.tensors if name in kept)


def _role(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _harmless(
    kept: list[str],
    groups: Sequence[list[str]],
    unchanged: Callable[[Sequence[str]], bool],
    *,
    is_known_to_change: bool = False,
) -> list[str]:
    """Return ``kept`` and the groups without those that change the graph."""
    everything = [*kept, *chain.from_iterable(groups)]
    if not is_known_to_change and unchanged(everything):
        return everything
    if len(groups) <= 1:
        return kept
    middle = len(groups) // 2
    with_first = _harmless(kept, groups[:middle], unchanged)
    lost_nothing = len(with_first) == len(kept) + sum(map(len, groups[:middle]))
    return _harmless(with_first, groups[middle:], unchanged, is_known_to_change=lost_nothing)
