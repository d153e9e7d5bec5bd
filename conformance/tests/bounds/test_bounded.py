"""``Bounded`` and the namespace: constants, subnormal operands, and one bound for every operator."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded
from distilspec.conformance.bounds.bounded import lift, read
from distilspec.conformance.bounds.model import TINY, UNIT, gamma
from distilspec.reference import ops


@pytest.mark.parametrize("name", sorted(ops.OPERATORS))
def test_every_operator_has_a_bound_with_the_same_operands(name):
    """A program that runs on the reference runs on the bounds."""
    bound = getattr(bounds, name)

    assert inspect.isfunction(bound)
    if name not in ("unpack_block_sparse",) and "attributes" not in inspect.signature(bound).parameters:
        assert list(inspect.signature(bound).parameters) == list(inspect.signature(ops.OPERATORS[name]).parameters)


@given(hnp.arrays(np.float64, 5))
def test_a_float64_constant_has_the_error_of_its_float32_rounding(x):
    """What a runtime holds lies inside; NaN and infinities are held as they are."""
    lifted = bounds.constant(x)

    with np.errstate(over="ignore"):
        assert lifted.contains(x.astype(np.float32)).all()


@given(hnp.arrays(np.float32, 5))
def test_a_float32_constant_is_exact(x):
    """It is held as it is, and read as it is unless it is subnormal, when zero may be read."""
    assert not bounds.constant(x).error.any()
    assert lift(bounds.constant(x)).error.tolist() == [0] * 5
    subnormal = (np.abs(x) < TINY) & (x != 0)
    assert ((read(x).error > 0) == subnormal).all()
    assert read(x).contains(np.where(subnormal, 0, x)).all()


def test_contains_counts_both_ends_and_special_values():
    """An end is inside; NaN equals NaN only; an infinite error contains anything."""
    bounded = Bounded(np.array([1.0, 1.0, np.nan, np.inf, 1.0]), np.array([0.5, 0.5, 0, 0, np.inf]))

    assert bounded.contains(np.array([1.5, 1.6, np.nan, np.inf, np.nan])).tolist() == [True, False, True, True, True]
    assert bounded.contains(np.array([0.5, np.nan, 1.0, -np.inf, 7.0])).tolist() == [True, False, False, False, True]


def test_gamma_is_the_bound_of_a_chain_of_roundings():
    """It is n u / (1 - n u), and infinite when the chain is so long that nothing is left."""
    assert gamma(1) == UNIT / (1 - UNIT)
    assert gamma(np.array([0, 2**23])).tolist() == [0, 1]
    assert gamma(2**24) == np.inf


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("cls_pool", {}),
        ("expand", {"shape": (2, 3, 4)}),
        ("reshape", {"shape": (4, 6)}),
        ("slice", {"axis": 1, "start": 1, "stop": 3}),
        ("transpose", {"axes": (2, 0, 1)}),
        ("unsqueeze", {"axes": (0,)}),
    ],
)
def test_errors_move_with_their_elements(name, attributes):
    """An operator that only moves elements moves value and error alike."""
    x = Bounded(np.arange(24.0).reshape(2, 3, 4), np.arange(24.0).reshape(2, 3, 4))

    moved = getattr(bounds, name)(x, **attributes)

    assert (moved.value == moved.error).all()
    assert (moved.value == ops.OPERATORS[name](x.value, **attributes)).all()


def test_look_ups_and_joins_move_errors_too():
    """``embedding``, ``gather``, ``concat`` and ``squeeze``."""
    table = Bounded(np.arange(6.0).reshape(3, 2), np.arange(6.0).reshape(3, 2))
    ids = np.array([[2, 0]])

    for looked_up in (bounds.embedding(ids, table), bounds.gather(table, ids)):
        assert (looked_up.value == looked_up.error).all()
    joined = bounds.squeeze(bounds.unsqueeze(bounds.concat(table, table, axis=1), axes=(0,)), axes=(0,))
    assert (joined.value == joined.error).all()
