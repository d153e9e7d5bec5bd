"""An adversary climbs towards the bound of every operator, one element at a time, and must not get over it."""

from __future__ import annotations

import float32_forms
import numpy as np
import pytest
from float32_arithmetic import KINDS, make, share_used
from problems import PROBLEMS

from distilspec.conformance import bounds


def climb(operator, seed, steps):
    """Return the largest share of the bound that some form used, on inputs that were changed wherever that helped."""
    shapes, others, attributes = PROBLEMS[operator]
    random = np.random.default_rng(seed)
    operands = [make(random.choice(KINDS), random, shape, int(random.integers(-3, 4))) for shape in shapes]
    best = 0.0
    for _ in range(steps):
        proposed = [operand.copy() for operand in operands]
        _change(proposed[random.integers(len(proposed))].reshape(-1), random)
        bounded = getattr(bounds, operator)(*proposed, *others, **attributes)
        used = share_used(bounded, getattr(float32_forms, operator), *proposed, *others, **attributes)
        if used >= best:
            best, operands = used, proposed
    return best


def _change(flat, random):
    """Change one element: to a near or far neighbour, to another element, or to what is just lost beside another."""
    index, other = random.integers(flat.size, size=2)
    half_ulp = np.spacing(np.abs(flat[other])) * np.float32(random.choice([0.499, 0.5, 0.501]))
    proposals = (
        np.nextafter(flat[index], np.float32(random.choice([-9e9, 9e9]))),
        flat[index] * np.float32(2.0 ** random.integers(-8, 9)),
        flat[other] * np.float32(random.choice([-1, 1])),
        half_ulp * np.float32(random.choice([-1, 1])),
        np.float32(random.standard_normal() * 2.0 ** random.integers(-12, 13)),
        np.float32(0),
    )
    flat[index] = proposals[random.integers(len(proposals))]


@pytest.mark.parametrize("operator", PROBLEMS)
def test_a_short_climb_stays_inside(operator):
    """Fifty changes, each kept when it brings some form nearer to the bound."""
    assert climb(operator, 0, 50) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("operator", PROBLEMS)
def test_a_long_climb_stays_inside(operator, seed):
    """A thousand changes, from two starts."""
    assert climb(operator, 100 + seed, 1000) <= 1


def test_a_climb_finds_a_bound_that_is_too_small(monkeypatch):
    """With a tenth of the bound of a sum, the adversary is over it at once."""
    honest = bounds.reduce_sum
    monkeypatch.setattr(bounds, "reduce_sum", lambda x, **attributes: _tenth(honest(x, **attributes)))

    assert climb("reduce_sum", 0, 100) > 1


def _tenth(bounded):
    return bounds.Bounded(bounded.value, bounded.error / 10)
