"""What holds in every test session of every room: the settings of Hypothesis, and ``np`` in doctests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Where CI is set, Hypothesis would choose a profile with derandomize=True, and --hypothesis-seed would change nothing.
# A health check that measures time fails or passes with the load of the machine.
settings.register_profile(
    "distilspec",
    max_examples=50,
    derandomize=False,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("distilspec")


@pytest.fixture(autouse=True, scope="session")
def numpy_in_doctests(doctest_namespace: dict[str, Any]) -> None:
    """Let the examples in docstrings say ``np``, as NumPy's own do."""
    doctest_namespace["np"] = np
