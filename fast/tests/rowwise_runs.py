"""Running the kernels that treat tokens one by one, by the interpreter or as machine code, for tests."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from distilspec.fast.codegen.compile import Compiled
from distilspec.fast.codegen.interpret import interpret
from distilspec.fast.codegen.verify import verify
from distilspec.fast.isa import TARGETS, executable_targets
from distilspec.fast.kernels.layout import padded

#: What lanes without a token hold.
GARBAGE = np.float32(-12345.0)

#: Every way to run a kernel at hand: each target's in the interpreter, and machine code where this processor has it.
RUNS = [(target, False) for target in TARGETS.values()] + [(target, True) for target in executable_targets()]
everyhow = pytest.mark.parametrize(
    ("target", "machine"),
    RUNS,
    ids=[f"{target.name}-{'machine' if machine else 'interpreted'}" for target, machine in RUNS],
)


@cache
def _function(function_of, target, variant):
    function = function_of(target, *variant)
    verify(function)
    return function


@cache
def _machine_code(function_of, target, variant):
    function = _function(function_of, target, variant)
    return Compiled([function], target).callable(function.name)


def run(function_of, target, variant, machine, *arguments):
    """Run the kernel ``function_of(target, *variant)`` on contiguous arrays and numbers."""
    if not machine:
        interpret(_function(function_of, target, variant), *arguments)
        return
    code = _machine_code(function_of, target, variant)
    code(*(argument.ctypes.data if isinstance(argument, np.ndarray) else argument for argument in arguments))


def tiled(x, target, fill=GARBAGE):
    """Return [tokens, features] as [tile, features, tile tokens]."""
    held = np.full((padded(len(x), target.tile), x.shape[1]), fill, x.dtype)
    held[: len(x)] = x
    return np.ascontiguousarray(held.reshape(-1, target.tile, x.shape[1]).transpose(0, 2, 1))


def untiled(tiles, tokens, features):
    """Return [tile, features, tile tokens] as [tokens, features]."""
    return tiles.transpose(0, 2, 1).reshape(-1, tiles.shape[1])[:tokens, :features]


def by_token(x, target, fill=0):
    """Return [tokens] as the kernels read it: with what fills the last tile."""
    held = np.full(padded(len(x), target.tile), fill, x.dtype)
    held[: len(x)] = x
    return held


def shifted(target):
    """Return what is taken from codes and zero points of the specification."""
    return 128 if target.signed_codes else 0


def sizes(target):
    """Return numbers of tokens or features at and beside what fits: registers and tiles."""
    return sorted({1, target.lanes - 1, target.lanes, target.lanes + 1, target.tile, target.tile + 1, 37})


def assert_within(found, bounded):
    """Assert that float32 results are within their bound: special values where they must be, and no farther off."""
    value, error = np.broadcast_arrays(bounded.value, bounded.error)
    special = ~np.isfinite(value)
    np.testing.assert_array_equal(found[special], value[special])
    asked = ~special & np.isfinite(error)
    far = np.abs(found[asked].astype(np.float64) - value[asked])
    assert (far <= error[asked]).all(), f"{np.nanmax(far / error[asked]):.2f} times the bound"


def tiles_of(target, batch, sequence):
    """Return ``start``, ``count`` and ``position`` of the tiles of so many sequences of one length, side by side."""
    first = np.arange(0, sequence, target.tile)
    start = (np.arange(batch)[:, np.newaxis] * sequence + first).ravel()
    count = np.tile(np.minimum(sequence - first, target.tile), batch)
    return start, count, np.tile(first, batch)


def in_tiles(x, target, fill=GARBAGE):
    """Return [batch, sequence, features] as [tile, features, tile tokens], each sequence in tiles of its own."""
    return np.concatenate([tiled(sequence, target, fill) for sequence in x])
