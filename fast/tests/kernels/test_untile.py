"""Rows from tiles: every token and feature at its place, and nothing else written."""

from __future__ import annotations

import numpy as np
import pytest
from rowwise_runs import GARBAGE, everyhow, in_tiles, run, sizes, tiles_of

from distilspec.fast.isa import executable_targets
from distilspec.fast.kernels.untile import untile


def untiled(target, machine, x):
    """Return what the kernel makes of x [batch, sequence, features] in tiles."""
    start, count, _ = tiles_of(target, *x.shape[:2])
    out = np.full(x.shape, GARBAGE)
    operands = [in_tiles(x, target, fill=np.float32(np.nan)), start, count, out, x.shape[2]]
    for first, last in ((len(start) // 2, len(start)), (0, len(start) // 2)):
        run(untile, target, (), machine, *operands, first, last)
    return out


@everyhow
def test_every_size_arrives_at_its_place(target, machine):
    """Beside registers and tiles."""
    seed = np.random.default_rng(0)
    lengths = sizes(target) if machine else (1, target.lanes, target.lanes + 1)
    for sequence in lengths:
        for features in lengths:
            x = seed.standard_normal((2, sequence, features), np.float32)

            np.testing.assert_array_equal(untiled(target, machine, x), x)


@pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)
def test_a_real_size(target):
    """384 features of 37 tokens."""
    x = np.random.default_rng(1).standard_normal((2, 37, 384), np.float32)

    np.testing.assert_array_equal(untiled(target, True, x), x)


@everyhow
def test_tokens_that_are_not_counted_are_not_written(target, machine):
    """A tile with fewer tokens than it holds, between rows that belong to others."""
    x = np.ones((1, 2, target.tile), np.float32)
    out = np.full((5, 2), GARBAGE)
    starts, counts = np.array([1]), np.array([3])

    run(untile, target, (), machine, x, starts, counts, out, 2, 0, 1)

    assert (out[[0, 4]] == GARBAGE).all()
    assert (out[1:4] == 1).all()
