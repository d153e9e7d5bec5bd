"""Memory for what native code reads and writes."""

from __future__ import annotations

import mmap


def private_memory(size: int) -> mmap.mmap:
    """
    Return so many bytes of zeros, at the start of a page; a forked process has a copy of its own.

    The default of ``mmap`` is memory that parent and child share.
    """
    return mmap.mmap(-1, max(1, size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
