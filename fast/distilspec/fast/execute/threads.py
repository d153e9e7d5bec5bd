"""How many threads a process may compute with."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from distilspec.reference.contract.errors import RangeError


def expect_threads(threads: Any, *, oversubscribe: bool) -> None:
    """
    Raise unless so many threads can be had.

    Raises
    ------
    RangeError
        ``threads`` is no integer, less than 1, or more than the processors of this process without ``oversubscribe``.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not isinstance(threads, int | np.integer) or threads < 1 or (threads > allowed and not oversubscribe):
        raise RangeError(f"threads: got {threads!r:.60}; expected 1 to {allowed}, the processors this process may use")
