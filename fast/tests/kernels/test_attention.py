"""Attention: within the derived bound, the same bits everywhere, and untouched by what is masked."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from attention_runs import UNTOUCHED, Case, attended, case
from hypothesis import given, settings
from hypothesis import strategies as st
from rowwise_runs import RUNS, assert_within, everyhow

from distilspec.conformance import bounds
from distilspec.fast.codegen.compile import assembly
from distilspec.fast.isa import TARGETS, executable_targets
from distilspec.fast.kernels.attention import attention
from distilspec.fast.kernels.codes import Layout
from distilspec.reference import ops as reference

targets = pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)

SIZES = (1, 7, 8, 9, 16, 17, 31)


def assert_legitimate(found, given_case):
    """Assert that a result is within the bound of docs/derivations/scaled_dot_product_attention.md."""
    assert_within(found, bounds.scaled_dot_product_attention(*given_case.operands, scale=float(given_case.scale)))


@targets
@pytest.mark.parametrize("tokens", SIZES)
@pytest.mark.parametrize("head_dim", [1, 8, 13, 32, 64])
def test_results_are_within_the_bound_at_every_size(target, tokens, head_dim):
    """SDPA-S1 to S3: sizes beside registers, tiles and blocks of accumulators, a mask and none."""
    for density in (1.0, 0.6):
        drawn = case(tokens, 2, 3, tokens, head_dim, density, magnitude=3)
        assert_legitimate(attended(target, drawn), drawn)


@everyhow
@pytest.mark.parametrize("head_dim", [1, 2, 7])
def test_every_target_computes_the_same_bits(target, machine, head_dim):
    """Interpreted, for targets that are not at hand as well: no access outside a buffer, the same bits as the first."""
    drawn = case(head_dim, 2, 1, 9, head_dim, density=0.8)
    first, how = RUNS[0]

    found = attended(target, drawn, machine)

    assert_legitimate(found, drawn)
    np.testing.assert_array_equal(found, attended(first, drawn, how))


def test_machine_code_of_all_targets_has_the_same_bits_at_a_real_size():
    """Blocks of every size, in scores and in means."""
    drawn = case(5, 1, 2, 55, 45, density=0.9, magnitude=4)
    first, *others = (attended(target, drawn) for target in executable_targets())

    for other in others:
        np.testing.assert_array_equal(other, first)


@targets
@settings(max_examples=40)
@given(data=st.data())
def test_any_case_is_within_the_bound(target, data):
    """Magnitudes far apart, values that cancel, repeated keys, negative scales."""
    batch, heads, tokens, head_dim = (data.draw(st.integers(1, top)) for top in (2, 3, 40, 70))
    drawn = case(data.draw(st.integers(0, 2**32 - 1)), batch, heads, tokens, head_dim, data.draw(st.floats(0, 1)))
    query, key, value = (
        np.ldexp(operand, data.draw(st.integers(-12, 12))) for operand in (drawn.query, drawn.key, drawn.value)
    )
    if data.draw(st.booleans()):
        key[:] = key[:, :, :1]
    if data.draw(st.booleans()):
        value += np.float32(1000)
    scale = np.float32(data.draw(st.sampled_from([1, -1, 0, 2, 0.1])))
    drawn = Case(query, key, value, drawn.mask, scale)

    assert_legitimate(attended(target, drawn), drawn)


@targets
@pytest.mark.parametrize("spread", [10, 86, 87, 104, 1e3, 1e30])
@pytest.mark.parametrize("size", [1.0, 1e30])
def test_scores_far_apart_are_within_the_bound(target, spread, size):
    """
    Below the reach of exp a weight is 1.2e-38 here and smaller in truth: what the bound allows for flushing holds it.

    The one value that counts is 0 or 1 and 299 others are huge, so that nothing hides what they add.
    """
    query, key = np.ones((2, 1, 1, 300, 1), np.float32)
    key[..., 1:, :] = -np.float32(spread)
    for counting in (0, 1):
        value = np.full_like(key, size)
        value[..., 0, :] = counting
        drawn = Case(query, key, value, np.ones((1, 300), np.bool_), np.float32(1))
        assert_legitimate(attended(target, drawn), drawn)


@everyhow
@pytest.mark.parametrize("mask", [[1] * 9, [1] * 4 + [0] * 5, [0, 1, 0, 0, 1, 1, 0, 0, 1], [0] * 8 + [1], [0] * 9])
def test_what_masked_keys_hold_changes_nothing(target, machine, mask):
    """SDPA-S4 and S5: NaN at masked keys and values, whole sequences without a key, beside one that keeps all."""
    drawn = replace(case(3, 2, 1, 9, 3), mask=np.array([mask, [1] * 9], np.bool_))
    key, value = drawn.key.copy(), drawn.value.copy()
    masked = ~drawn.mask[:, np.newaxis]
    key[masked], value[masked] = np.nan, np.inf

    found = attended(target, replace(drawn, key=key, value=value), machine)

    np.testing.assert_array_equal(found, attended(target, drawn, machine))
    assert_legitimate(found, drawn)
    if not any(mask):
        assert not found[0].any()


@everyhow
def test_special_values_at_kept_keys_stay_in_their_queries(target, machine):
    """NaN and infinite scores as softmax says; a query that is NaN leaves the others alone."""
    drawn = case(4, 1, 1, 9, 2)
    query, key, value = np.abs(drawn.query), np.abs(drawn.key), drawn.value.copy()
    for at, special in ((key, np.inf), (key, -np.inf), (key, np.nan), (query, np.nan), (query, -np.inf)):
        hurt = at.copy()
        hurt[0, 0, 4, 1] = special
        given_case = replace(drawn, query=hurt if at is query else query, key=hurt if at is key else key, value=value)
        assert_legitimate(attended(target, given_case, machine), given_case)
    value[0, 0, 4, 1] = np.nan
    given_case = replace(drawn, query=query, key=key, value=value)
    assert_legitimate(attended(target, given_case, machine), given_case)


@targets
@settings(max_examples=20)
@given(data=st.data())
def test_any_split_of_units_gives_the_same_bits(target, data):
    """Any order, any number of calls, each with a worker's own scratch memory."""
    drawn = case(7, 2, 2, 2 * target.tile + 1, 5, density=0.7)
    units = 2 * 2 * 3
    order = data.draw(st.permutations(range(units)))

    found = attended(target, drawn, order=order, calls=data.draw(st.integers(1, units + 1)))

    np.testing.assert_array_equal(found, attended(target, drawn))


@everyhow
def test_a_unit_writes_its_own_part_only(target, machine):
    """One unit of four: a head of a tile of queries."""
    drawn = case(8, 1, 2, target.tile + 1, 2)
    whole = attended(target, drawn, machine)
    for unit in range(4):
        head, tile = divmod(unit, 2)
        own = np.zeros(whole.shape, np.bool_)
        own[0, head, tile * target.tile : (tile + 1) * target.tile] = True

        found = attended(target, drawn, machine, order=[unit])

        np.testing.assert_array_equal(found, np.where(own, whole, UNTOUCHED))


@everyhow
@pytest.mark.parametrize("layout", Layout)
def test_codes_are_those_of_the_floats(target, machine, layout):
    """Q-S2 to S4 of the floats that the same kernel writes, whose bound is tested above."""
    head_dim = 2 * target.dot if layout is Layout.FACTORS else 5
    drawn = case(9, 2, 2, 9, head_dim, density=0.8)
    random = np.random.default_rng(0)
    scale, zero_point = np.float32(np.exp(random.uniform(-6, -2))), random.integers(0, 256, dtype=np.uint8)
    given_codes = {"layout": layout, "out_scale": scale, "zero_point": zero_point}

    found = attended(target, drawn, machine, calls=2, **given_codes)

    floats = attended(target, drawn, machine)
    np.testing.assert_array_equal(found, reference.quantize(floats, scale, zero_point))


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "portable"])
def test_no_inner_loop_spills(name):
    """The largest blocks of sums fit the registers, in scores and in means; portable code calls fmaf."""
    target = TARGETS[name]
    add, stack = ("fmla", "[sp") if name == "neon-dot" else ("vfmadd", "rsp")
    largest = min(8, (target.registers - 1) // target.dot - 1)

    blocks = re.split(r"^\.L\w+:", assembly([attention(target, None)], target), flags=re.MULTILINE)
    inner = [block for block in blocks if block.count(add) == largest * target.dot]

    assert len(inner) == 2
    assert not any(stack in block for block in inner)
