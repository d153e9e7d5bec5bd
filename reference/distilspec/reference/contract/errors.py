"""Named errors; each message is one line that says what was seen, what was expected, and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class ContractError(ValueError):
    """Input that the specification does not accept."""


class ShapeError(ContractError):
    """An array has the wrong rank or a dimension of the wrong size."""


class DTypeError(ContractError):
    """An array holds elements of the wrong type."""


class RangeError(ContractError):
    """A value lies outside the range that the specification accepts."""


class UnsupportedError(ContractError):
    """A model, operator or option that this project does not implement."""


class FormatError(ContractError):
    """A file is missing, truncated, inconsistent or hostile."""


class SymbolError(ContractError):
    """A model tried to branch or calculate on a dimension whose size is not known yet."""


@contextmanager
def errors_about(subject: str) -> Iterator[None]:
    """
    Put ``subject`` in front of the message of an error raised inside.

    >>> with errors_about("step pooler"):
    ...     raise RangeError("scale holds 0.0; expected positive values")
    Traceback (most recent call last):
        ...
    distilspec.reference.contract.errors.RangeError: step pooler: scale holds 0.0; expected positive values
    """
    try:
        yield
    except ContractError as error:
        raise type(error)(f"{subject}: {error}") from None
