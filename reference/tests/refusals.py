"""What every refusal has in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from distilspec.reference.contract.errors import ContractError


@contextmanager
def refused(error: type[ContractError], clause: str) -> Iterator[None]:
    """Expect exactly ``error`` with one line that says what was expected and why, and ends with the clause."""
    with pytest.raises(error) as caught:
        yield
    message = str(caught.value)
    assert type(caught.value) is error
    assert message.endswith(f" [{clause}]"), message
    assert "; expected " in message, message
    assert " because " in message, message
    assert "\n" not in message, message
