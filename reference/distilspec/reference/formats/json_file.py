"""Reading JSON from a file that may be hostile."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from distilspec.reference.contract.errors import FormatError

T = TypeVar("T", dict[str, Any], list[Any])

LARGEST_JSON = 16_000_000


def read_json(path: Path, top: type[T]) -> T:
    """
    Return the JSON value in ``path``; ``top`` is dict for an object and list for an array.

    Raises
    ------
    FormatError
        The file is missing, larger than 16 MB, not strict JSON, or of another kind; or an object in it has a key twice.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_JSON + 1)
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}; expected a readable JSON file") from None
    if len(data) > LARGEST_JSON:
        raise FormatError(f"{path}: the file is larger than {LARGEST_JSON:,} bytes; expected at most that")
    return parse_json(data, top, str(path))


def parse_json(data: bytes, top: type[T], source: str) -> T:
    """
    Return the JSON value in ``data``; ``source`` is how errors name it, which are those of ``read_json``.

    >>> parse_json(b'{"a": 1, "a": 2}', dict, "config.json")
    Traceback (most recent call last):
        ...
    distilspec.reference.contract.errors.FormatError: config.json: key 'a' occurs twice; expected strict JSON
    """
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except ValueError as error:
        raise FormatError(f"{source}: {error}; expected strict JSON") from None
    except RecursionError:
        raise FormatError(f"{source}: nested too deep; expected strict JSON") from None
    if not isinstance(value, top):
        raise FormatError(f"{source}: the top is a {type(value).__name__}; expected a {top.__name__}")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"key {twice!r:.60} occurs twice")
    return seen


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"number {name} is not in JSON")
