"""The arena: buffers that are used together never overlap, and others do."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distilspec.fast.execute.arena import ALIGNED, Arena, Buffer


@st.composite
def buffers(draw):
    """Draw buffers with the operations that use them."""
    made = []
    for _ in range(draw(st.integers(0, 12))):
        buffer = Buffer(draw(st.integers(0, 500)), kept=draw(st.booleans()))
        for operation in sorted(draw(st.lists(st.integers(0, 9), min_size=1, max_size=3))):
            buffer.use(operation)
        made.append(buffer)
    return made


@given(buffers())
def test_what_is_needed_at_one_time_has_places_apart(made):
    """Byte by byte, operation by operation."""
    arena = Arena(made)
    for operation in range(10):
        owners = np.zeros(arena.size, int)
        for buffer in made:
            if buffer.kept or buffer.first <= operation <= buffer.last:
                owners[buffer.offset : buffer.offset + buffer.size] += 1
        assert owners.max(initial=0) <= 1


def test_memory_is_used_again():
    """A chain of tensors, of which two live at a time, takes two places."""
    made = [Buffer(1000) for _ in range(10)]
    for number, buffer in enumerate(made):
        buffer.use(number)
        buffer.use(number + 1)
    assert Arena(made).size <= 2 * (1000 + ALIGNED)


def test_views_are_the_memory_at_the_address():
    """What is written through one is read through the other."""
    buffers = [Buffer(64, kept=True), Buffer(64, kept=True)]
    arena = Arena(buffers)
    arena.view(buffers[0], np.int64)[:] = 7
    arena.view(buffers[1], np.int64)[:] = 9
    assert arena.view(buffers[0], np.int64).tolist() == [7] * 8
    assert arena.view(buffers[1], np.int64).ctypes.data == arena.address(buffers[1])
    assert arena.address(buffers[1]) % 64 == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_process_writes_to_a_copy():
    """It finds what was there at the fork, and changes nothing in its parent."""
    buffer = Buffer(64, kept=True)
    view = Arena([buffer]).view(buffer, np.uint8)
    view[:] = 7
    child = os.fork()
    if child == 0:
        found = bool((view == 7).all())
        view[:] = 9
        os._exit(0 if found else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (view == 7).all()
