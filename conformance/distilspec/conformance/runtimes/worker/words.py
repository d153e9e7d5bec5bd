"""A worker's words: read, refused, and made fit to print."""

from __future__ import annotations

from typing import Any

from distilspec.reference.contract.errors import ContractError, FormatError
from distilspec.reference.formats.json_file import parse_json

#: Of what a worker said, so many characters are shown.
LONGEST_QUOTE = 200


class ProtocolError(ContractError):
    """A worker said something that the protocol does not allow, or named a file that is not what it said."""


class WorkerError(ContractError):
    """A worker answered that it failed."""


def printable(said: bytes | str) -> str:
    r"""
    Return what a worker said as one short line without control characters.

    >>> printable(b"\x1b[31mno\tmemory\n")
    '[31mno memory'
    """
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    line = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return line if len(line) <= LONGEST_QUOTE else line[:LONGEST_QUOTE] + "..."


def parse_line(line: bytes, what: str) -> dict[str, Any]:
    """Return the JSON object in a line; ``ProtocolError`` says ``what`` the line is when it holds none."""
    try:
        return parse_json(line, dict, "")
    except FormatError:
        raise ProtocolError(f"worker: {what} is {printable(line)!r}; expected a JSON object") from None
