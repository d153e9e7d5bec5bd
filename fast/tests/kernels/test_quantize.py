"""Codes of floats, in both layouts: those of the reference, at ties, beyond the range, and for infinities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rowwise_runs import by_token, everyhow, run, shifted, sizes, tiled

from distilspec.fast.kernels.codes import Layout, code_bytes
from distilspec.fast.kernels.layout import code_type, padded, tiled_factors, tiled_rows
from distilspec.fast.kernels.quantize import quantize
from distilspec.reference import ops as reference

layouts = pytest.mark.parametrize("layout", Layout)


def quantized(target, layout, x, scale, zero_point, machine, parts=1):
    """Return the codes of x [tokens, features] as the kernel leaves them: [bytes of a tile] for every tile."""
    tiles = padded(len(x), target.tile) // target.tile
    codes = np.full(tiles * code_bytes(target, layout, x.shape[1]), 0x55, np.uint8)
    operands = (
        tiled(x, target), by_token(scale, target, 1),
        by_token(zero_point.astype(np.int32) - np.int32(shifted(target)), target), codes,
    )  # fmt: skip
    for part in range(parts):
        bounds = [tiles * end // parts for end in (part, part + 1)]
        run(quantize, target, (layout,), machine, *operands, x.shape[1], *bounds)
    return codes.view(code_type(target)).reshape(tiles, -1)


def expected(target, layout, x, scale, zero_point):
    """Return the reference's codes in the same order, and which of them belong to tokens and features."""
    codes = reference.quantize(x, scale[:, np.newaxis], zero_point[:, np.newaxis]).astype(np.int64) - shifted(target)
    arranged = {Layout.FACTORS: tiled_factors, Layout.ROWS: tiled_rows}[layout]
    tiles = padded(len(x), target.tile) // target.tile
    used = arranged(np.ones(x.shape, np.int64), target).reshape(tiles, -1) == 1
    return arranged(codes, target).reshape(tiles, -1), used


def assert_as_the_reference(target, layout, x, scale, zero_point, machine, parts=1):
    """Compare what belongs to tokens and features."""
    found = quantized(target, layout, x, scale, zero_point, machine, parts)
    wanted, used = expected(target, layout, x, scale, zero_point)
    assert found.shape == wanted.shape
    np.testing.assert_array_equal(found[used], wanted[used])


@everyhow
@layouts
def test_codes_at_every_size(target, machine, layout):
    """Every number of tokens and of features that is beside a register or a tile; zero points of the full range."""
    seed = np.random.default_rng(0)
    for tokens, features in zip(sizes(target), reversed(sizes(target)), strict=True):
        x = seed.standard_normal((tokens, features), np.float32) * 60
        scale = seed.uniform(0.1, 2, tokens).astype(np.float32)
        zero_point = seed.integers(0, 256, tokens).astype(np.uint8)
        assert_as_the_reference(target, layout, x, scale, zero_point, machine, parts=2)


@everyhow
@layouts
def test_ties_ends_and_infinities(target, machine, layout):
    """Ties go to even before the zero point is added, odd zero points too; what is outside saturates."""
    x = np.float32([-np.inf, -3e38, -300, -2.5, -1.5, -0.5, -0.0, 0.5, 1.5, 2.5, 126.5, 127.5, 255.5, 1e30, np.inf])
    zero_point = np.array([0, 1, 127, 128, 254, 255], np.uint8)
    scale = np.float32([1, 1, 0.5, 2, 1e-40, 3e38])

    assert_as_the_reference(target, layout, np.tile(x, (len(scale), 1)), scale, zero_point, machine)


@everyhow
@layouts
def test_nan_changes_no_other_code(target, machine, layout):
    """Q-S5."""
    x = np.float32([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]])
    hurt = x.copy()
    hurt[1, 2] = np.nan
    ones, zeros = np.ones(2, np.float32), np.zeros(2, np.uint8)

    found = quantized(target, layout, hurt, ones, zeros, machine)
    wanted, used = expected(target, layout, x, ones, zeros)

    assert np.sum(found[used] != wanted[used]) <= 1


@everyhow
@layouts
@settings(max_examples=10)
@given(data=st.data())
def test_codes_beside_ties(target, machine, layout, data):
    """Every x is a half-integer times the scale, or a neighbour of it: a reciprocal in place of the division shows."""
    seed = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    tokens, features = data.draw(st.integers(1, target.tile)), data.draw(st.integers(1, 9))
    scale = np.exp(seed.uniform(-20, 20, tokens)).astype(np.float32)
    zero_point = seed.integers(0, 256, tokens).astype(np.uint8)
    half = (seed.integers(-256, 256, (tokens, features)) + 0.5).astype(np.float32)
    x = half * scale[:, np.newaxis]
    x = np.nextafter(x, np.float32(np.inf) * seed.choice([-1, 1], x.shape)).astype(np.float32)

    assert_as_the_reference(target, layout, x, scale, zero_point, machine)
