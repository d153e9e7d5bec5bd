"""Embeddings: exact rows, sums in the order that is asked for, squares of registers transposed."""

from __future__ import annotations

import numpy as np
import pytest
from rowwise_runs import GARBAGE, everyhow, in_tiles, run, sizes, tiles_of

from distilspec.fast.isa import executable_targets
from distilspec.fast.kernels.embed import embed
from distilspec.reference import ops as reference

ORDERS = [("word",), ("word", "position"), ("word", "position", "type"), ("word", "type", "position")]


def embedded(target, machine, order, ids, type_ids, tables):
    """Return what the kernel makes of ids [batch, sequence]: [tile, features, tile tokens]."""
    start, count, position = tiles_of(target, *ids.shape)
    features = tables["word"].shape[1]
    out = np.full((len(start), features, target.tile), GARBAGE)
    operands = [{"word": ids, "type": type_ids}[name] for name in order if name != "position"]
    operands += [start, count, *([position] if "position" in order else []), out, *(tables[name] for name in order)]
    for first, last in ((0, len(start) // 2), (len(start) // 2, len(start))):
        run(embed, target, (order,), machine, *operands, features, first, last)
    return out


def expected(target, order, ids, type_ids, tables):
    """Return float32 sums of the reference's rows, one rounding after the other."""
    places = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
    indices = {"word": ids, "type": type_ids, "position": places}
    total, *rest = (reference.embedding(indices[name], tables[name]).astype(np.float32) for name in order)
    for rows in rest:
        total = total + rows
    # lanes behind the last token repeat it
    wanted = in_tiles(total, target, fill=np.float32(np.nan))
    last = in_tiles(np.broadcast_to(total[:, -1:], total.shape), target, fill=np.float32(np.nan))
    ends = np.broadcast_to(np.nanmax(last, axis=2, keepdims=True), wanted.shape)
    return np.where(np.isnan(wanted), ends, wanted)


def drawn(seed, batch, sequence, features):
    """Return ids, type ids and tables."""
    tables = {
        name: seed.standard_normal((rows, features), np.float32)
        for name, rows in (("word", 50), ("position", sequence), ("type", 2))
    }
    return seed.integers(0, 50, (batch, sequence)), seed.integers(0, 2, (batch, sequence)), tables


@everyhow
@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_rows_and_sums_are_exact(target, machine, order):
    """Every length of a sequence and every number of features beside a register or a tile."""
    seed = np.random.default_rng(0)
    lengths = sizes(target) if machine else (1, target.tile + 1)
    for sequence in lengths:
        for features in sizes(target) if machine else (1, target.lanes - 1, 2 * target.lanes + 1):
            operands = drawn(seed, 3, sequence, features)
            np.testing.assert_array_equal(
                embedded(target, machine, order, *operands), expected(target, order, *operands)
            )


@pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)
def test_a_real_size(target):
    """The last rows of tables of 768 features."""
    ids, types, tables = drawn(np.random.default_rng(1), 2, 37, 768)
    ids[:] = 49 - ids % 3

    found = embedded(target, True, ORDERS[2], ids, types, tables)

    np.testing.assert_array_equal(found, expected(target, ORDERS[2], ids, types, tables))


def test_the_order_of_the_sum_shows():
    """With rows that lose digits, so that the tests above could fail."""
    ids, types, tables = drawn(np.random.default_rng(2), 1, 5, 40)
    (target, *_) = executable_targets()

    one, other = (embedded(target, True, order, ids, types, tables) for order in ORDERS[2:])

    assert (one != other).any()


@everyhow
def test_nan_is_copied_and_stays_in_its_token(target, machine):
    """A row that holds NaN and infinity."""
    ids, types, tables = drawn(np.random.default_rng(3), 1, 3, 5)
    ids[0], tables["word"][7, 2:4] = (1, 7, 2), (np.nan, np.inf)

    found = embedded(target, machine, ("word",), ids, types, tables)

    np.testing.assert_array_equal(found[0, :, :3].T, tables["word"][ids[0]])
