"""Cutting of texts that are too long, in the words that Transformers' tokenizers have for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distilspec.reference.contract.errors import DTypeError, RangeError, UnsupportedError


@dataclass(frozen=True, kw_only=True)
class Truncation:
    """
    Whether a text is cut, and to how many tokens.

    Parameters
    ----------
    truncation : bool, optional
        False means that a text that is too long is an error. Unless said: whether ``max_length`` is given.
    max_length : int, optional
        Tokens with the special ones; the model's positions unless said.

    Raises
    ------
    RangeError
        ``max_length`` is below 1.
    UnsupportedError
        ``truncation`` is not a bool.
    """

    truncation: bool | None = None
    max_length: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        if self.truncation not in (None, True, False):
            raise UnsupportedError(f"truncation is {self.truncation!r:.60}; expected True or False")
        if self.max_length is not None and (not isinstance(self.max_length, int) or self.max_length < 1):
            raise RangeError(f"max_length is {self.max_length!r:.60}; expected an integer of at least 1")

    @property
    def arguments(self) -> dict[str, Any]:
        """Return the arguments of ``Tokenizer.encodings``."""
        asked = self.max_length is not None if self.truncation is None else self.truncation
        return {"truncate": asked, "max_length": self.max_length}


def read_truncation(option: str, given: Mapping[str, Any] | None) -> Truncation:
    """
    Return what the tokenizer's arguments in ``option`` say.

    Raises
    ------
    DTypeError
        They are no mapping.
    RangeError, UnsupportedError
        Those of ``Truncation``, or an argument is not known.
    """
    known = ("truncation", "max_length")
    if given is not None and not isinstance(given, Mapping):
        raise DTypeError(f"{option} is {given!r:.60}; expected a mapping of {' and '.join(known)}")
    for name in given or ():
        if name not in known:
            raise UnsupportedError(f"{option}: there is no argument {name!r:.60}; expected one of {', '.join(known)}")
    return Truncation(**(given or {}))
