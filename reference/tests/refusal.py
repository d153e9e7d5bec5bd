"""What a refusal must look like: the named error, and one line that says what was seen and what was expected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from distilspec.reference.contract.errors import ContractError


@contextmanager
def refused(error: type[ContractError], match: str) -> Iterator[None]:
    """Check that the block raises exactly ``error``, in one line with ``expected`` in it that matches ``match``."""
    with pytest.raises(error, match=match) as caught:
        yield
    assert caught.type is error
    assert "\n" not in str(caught.value)
    assert "expected" in str(caught.value)


@contextmanager
def violates(error: type[ContractError], clause: str) -> Iterator[None]:
    """Check that the block is refused with a reason, and with the id of the precondition at the end of the line."""
    with refused(error, rf" because .* \[{clause}\]$"):
        yield
