"""Where in a model the code is: names and tags that the tracer gives to the steps recorded inside a ``with scope``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_scope: ContextVar[tuple[tuple[str, ...], tuple[str, ...]]] = ContextVar("scope", default=((), ()))


@contextmanager
def scope(name: str = "", tag: str = "") -> Iterator[None]:
    """Prefix the steps recorded inside with ``name`` and mark them with ``tag``; the other namespaces ignore both."""
    names, tags = _scope.get()
    token = _scope.set((names + ((name,) if name else ()), tags + ((tag,) if tag else ())))
    try:
        yield
    finally:
        _scope.reset(token)


def current_names() -> tuple[str, ...]:
    """Return the names of the scopes around the caller, outermost first."""
    return _scope.get()[0]


def current_tags() -> tuple[str, ...]:
    """Return the tags of the scopes around the caller, outermost first."""
    return _scope.get()[1]
