"""Attention of codes: exact integers, weights within the allowed set, the same bits on every target."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rowwise_runs import RUNS, everyhow, run, shifted

from distilspec.fast.codegen.compile import assembly
from distilspec.fast.isa import TARGETS, executable_targets
from distilspec.fast.kernels.attention_codes import Pairs, attention_codes, key_bias, words_bytes
from distilspec.fast.kernels.codes import Layout, code_bytes
from distilspec.fast.kernels.layout import code_type, padded
from distilspec.fast.kernels.quantized_attention import quantized_attention, scratch_bytes

targets = pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)

#: What a float holds where nothing may be written.
UNTOUCHED = np.float32(-12345.0)

QUERY_SCALE, QUERY_ZERO, KEY_SCALE, VALUE_SCALE = np.float32(0.02), 120, np.float32(0.03), np.float32(0.05)


def drawn(seed, batch, heads, tokens, head_dim, density=1.0):
    """Return query, key and value [batch, heads, tokens, head_dim] that fill their ranges, and a mask."""
    random = np.random.default_rng(seed)
    spread = np.array([3, 4, 6], np.float32)[:, None, None, None, None]
    operands = random.standard_normal((3, batch, heads, tokens, head_dim)).astype(np.float32) * spread
    return operands, random.random((batch, tokens)) < density


def in_rows(operands, target):
    """Return [3, batch, heads, tokens, head_dim] as one tensor of floats in tiles; other lanes hold NaN."""
    _, batch, heads, tokens, head_dim = operands.shape
    tiles = padded(tokens, target.tile) // target.tile
    held = np.full((batch, tiles * target.tile, 3, heads, head_dim), np.nan, np.float32)
    held[:, :tokens] = operands.transpose(1, 3, 0, 2, 4)
    return held.reshape(batch * tiles, target.tile, -1).transpose(0, 2, 1).copy(), tiles


def codes(target, machine, x, which, pairs, heads, head_dim, scale, low, high):
    """Return the words of a part of ``x``."""
    tiles, features, _ = x.shape
    size = words_bytes(target, pairs, head_dim)
    unit = np.arange(tiles * heads)
    starts = ((unit // heads) * features + (which * heads + unit % heads) * head_dim) * target.tile * 4
    out = np.full(tiles * heads * size, 0x55, np.uint8)
    arguments = x, starts.astype(np.int64), out, scale, np.float32(low), np.float32(high), head_dim, size
    run(attention_codes, target, (pairs,), machine, *arguments, 0, len(unit))
    return out


def attended(target, operands, mask, machine=True, *, score_scale, layout=None, calls=1):
    """Return what the kernels make: float32 [batch, heads, tokens, head_dim], or the codes as they are held."""
    _, batch, heads, tokens, head_dim = operands.shape
    x, tiles = in_rows(operands, target)
    coded = [
        codes(target, machine, x, 0, Pairs.FEATURES, heads, head_dim, QUERY_SCALE, -QUERY_ZERO, 255 - QUERY_ZERO),
        codes(target, machine, x, 1, Pairs.FEATURES, heads, head_dim, KEY_SCALE, -128, 127),
        codes(target, machine, x, 2, Pairs.TOKENS, heads, head_dim, VALUE_SCALE, -128, 127),
    ]
    bias, counts = np.full((batch, tiles * target.tile), np.nan, np.float32), np.full(batch, -1, np.int64)
    run(key_bias, target, (), machine, mask.astype(np.uint8), bias, counts, tokens, tiles * target.tile, 0, batch)

    features, size = heads * head_dim, {pairs: words_bytes(target, pairs, head_dim) for pairs in Pairs}
    feature = target.tile * 4
    out = np.full((batch * tiles, features, target.tile), UNTOUCHED)
    out_tile, out_head = features * feature, head_dim * feature
    of_codes = ()
    if layout is not None:
        out_tile, out_head = (code_bytes(target, layout, wide) for wide in (features, head_dim))
        out = np.zeros(batch * tiles * out_tile, np.uint8)
        of_codes = (0.1, 128 - shifted(target))
    places = np.array(
        [
            [
                ((b * tiles + t) * heads + h) * size[Pairs.FEATURES],
                (b * tiles * heads + h) * size[Pairs.FEATURES],
                (b * tiles * heads + h) * size[Pairs.TOKENS],
                b * tiles * feature, b * 8, (b * tiles + t) * out_tile + h * out_head,
            ]
            for b in range(batch) for h in range(heads) for t in range(tiles)
        ],
        np.int64,
    )  # fmt: skip
    scratch_size = scratch_bytes(target, tokens, head_dim, layout)
    scratch = np.full((calls, scratch_size), 0xFF, np.uint8)
    strides = heads * size[Pairs.FEATURES], heads * size[Pairs.TOKENS]
    arguments = (
        *coded,
        bias,
        counts,
        places,
        out,
        scratch,
        score_scale,
        VALUE_SCALE,
        *of_codes,
        head_dim,
        tiles * target.tile,
        *strides,
    )
    for worker, (first, last) in enumerate(pairwise(len(places) * part // calls for part in range(calls + 1))):
        run(quantized_attention, target, (layout,), machine, *arguments, scratch_size, first, last, worker)
    if layout is not None:
        return out
    by_row = out.transpose(0, 2, 1).reshape(batch, tiles * target.tile, heads, head_dim)
    return by_row[:, :tokens].transpose(0, 2, 1, 3)


def assert_right(found, operands, mask, score_scale):
    """
    Assert that a result is legitimate, by integers of any length and exponentials in float64.

    A code of a weight may be one off where its share lies within 2e-6 * 255 of a tie: exp has 2 ulp, its argument 3
    roundings of scores up to 40 apart. The result has 4 roundings.
    """
    quotients = [operands[place] / scale for place, scale in enumerate((QUERY_SCALE, KEY_SCALE, VALUE_SCALE))]
    ends = (-QUERY_ZERO, 255 - QUERY_ZERO), (-128, 127), (-128, 127)
    query, key, value = (
        np.clip(np.rint(x), *limits).astype(np.int64) for x, limits in zip(quotients, ends, strict=True)
    )
    scores = (query @ key.swapaxes(-1, -2)).astype(np.float64) * np.float64(score_scale)
    scores = np.where(mask[:, None, None, :], scores, -np.inf)
    shares = np.exp(scores - np.maximum(scores.max(axis=-1, keepdims=True), -1e300)) * 255
    slack = 255 * 2e-6 * (1 + np.abs(np.where(np.isfinite(scores), scores, 0)).max())
    low, high = np.rint(shares - slack), np.rint(np.minimum(shares + slack, 255))
    # with one of all codes of a row free, sum and total move by that code
    weights = np.rint(shares)
    free = (high - low)[..., None]
    total = np.maximum(weights.sum(axis=-1, keepdims=True), 1)
    exact = np.float64(VALUE_SCALE) * (weights @ value) / total
    moved = (
        np.float64(VALUE_SCALE)
        * (free * (np.abs(value)[:, :, None] + np.abs(exact / VALUE_SCALE)[..., None, :])).sum(-2)
        / total
    )
    assert (np.abs(found - exact) <= moved * 1.01 + 4 * 2.0**-24 * np.abs(exact) + 2.0**-140).all()


SCORE_SCALE = np.float32(0.0006 / 4)


@targets
@pytest.mark.parametrize("tokens", [1, 7, 8, 17, 33])
@pytest.mark.parametrize("head_dim", [1, 13, 32])
def test_results_are_right_at_every_size(target, tokens, head_dim):
    """Sizes beside registers, tiles and blocks of sums, odd widths, a mask and none."""
    for density in (1.0, 0.6):
        operands, mask = drawn(tokens, 2, 3, tokens, head_dim, density)
        found = attended(target, operands, mask, score_scale=SCORE_SCALE)
        assert_right(found, operands, mask, SCORE_SCALE)


@everyhow
@pytest.mark.parametrize("head_dim", [1, 2, 7])
def test_every_target_computes_the_same_bits(target, machine, head_dim):
    """Interpreted, for targets that are not at hand as well: no access outside a buffer, the same bits as the first."""
    operands, mask = drawn(head_dim, 2, 2, 9, head_dim, density=0.8)
    first, how = RUNS[0]

    found = attended(target, operands, mask, machine, score_scale=SCORE_SCALE)

    assert_right(found, operands, mask, SCORE_SCALE)
    np.testing.assert_array_equal(found, attended(first, operands, mask, how, score_scale=SCORE_SCALE))


@everyhow
def test_sums_of_the_largest_codes_are_exact(target, machine):
    """Every code at an end of its range: pairs of products leave 16 bits, and with one key the result is its value."""
    operands = np.empty((3, 1, 1, 5, 6), np.float32)
    operands[0], operands[1], operands[2] = 1e9, -1e9, -1e9

    found = attended(target, operands, np.ones((1, 5), bool), machine, score_scale=np.float32(1e-6))

    np.testing.assert_array_equal(found, np.float32(-128 * VALUE_SCALE))


@everyhow
@pytest.mark.parametrize("mask", [[1] * 9, [1] * 4 + [0] * 5, [0, 1, 0, 0, 1, 1, 0, 0, 1], [0] * 8 + [1], [0] * 9])
def test_what_masked_keys_hold_changes_nothing(target, machine, mask):
    """NaN at masked keys and values, whole sequences without a key, beside one that keeps all."""
    operands, _ = drawn(3, 2, 1, 9, 3)
    kept = np.array([mask, [1] * 9], bool)
    hurt = operands.copy()
    hurt[1:, ~np.broadcast_to(kept[:, None], (2, 1, 9))] = np.nan

    found = attended(target, hurt, kept, machine, score_scale=SCORE_SCALE)

    np.testing.assert_array_equal(found, attended(target, operands, kept, machine, score_scale=SCORE_SCALE))
    assert_right(found, operands, kept, SCORE_SCALE)
    if not any(mask):
        assert not found[0].any()


@targets
@settings(max_examples=15)
@given(data=st.data())
def test_any_case_is_right(target, data):
    """Sharp and flat weights, repeated keys, any mask."""
    batch, heads, tokens, head_dim = (data.draw(st.integers(1, top)) for top in (2, 3, 40, 40))
    operands, mask = drawn(
        data.draw(st.integers(0, 2**32 - 1)), batch, heads, tokens, head_dim, data.draw(st.floats(0, 1))
    )
    if data.draw(st.booleans()):
        operands[1] = operands[1][:, :, :1]
    score_scale = np.float32(data.draw(st.sampled_from([1e-7, 1e-5, 1e-4, 1e-3])))

    assert_right(attended(target, operands, mask, score_scale=score_scale), operands, mask, score_scale)


@targets
@pytest.mark.parametrize("layout", [None, *Layout])
def test_any_split_of_units_gives_the_same_bits(target, layout):
    """Each call with a worker's own scratch memory."""
    operands, mask = drawn(7, 2, 2, target.tile + 1, 8, 0.7)

    whole, parts = (
        attended(target, operands, mask, score_scale=SCORE_SCALE, layout=layout, calls=calls) for calls in (1, 3)
    )

    np.testing.assert_array_equal(whole, parts)


@everyhow
def test_codes_are_those_of_the_floats(target, machine):
    """Q-S2 to S4: what is written in a layout is the floats that would have been, quantised."""
    operands, mask = drawn(8, 1, 2, 5, 8)
    floats = attended(target, operands, mask, machine, score_scale=SCORE_SCALE)
    held = attended(target, operands, mask, machine, score_scale=SCORE_SCALE, layout=Layout.FACTORS)

    steps = 16 // target.dot
    found = held.view(code_type(target)).astype(int).reshape(-1, steps, target.tile, target.dot) + shifted(target)
    expected = np.clip(np.rint(floats / np.float32(0.1)) + 128, 0, 255)
    np.testing.assert_array_equal(
        found.transpose(0, 2, 1, 3).reshape(target.tile, 2, 8)[:5], expected[0].transpose(1, 0, 2)
    )


def test_processors_multiply_pairs_in_one_instruction():
    """Not in several that LLVM makes of a plain product."""
    expected = {
        "avx2": "vpmaddwd",
        "avx2-bytes": "vpmaddwd",
        "avx512-vnni": "vpdpwssd|vpmaddwd",
        "avx-vnni": "vpmaddwd|vpdpwssd",
    }
    for name, instruction in expected.items():
        text = assembly([quantized_attention(TARGETS[name], None)], TARGETS[name])
        assert re.search(instruction, text)
        assert "vpmulld" not in text
