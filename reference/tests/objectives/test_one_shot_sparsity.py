"""``one_shot_sparsity``."""

from __future__ import annotations

import pytest
from refusal import violates

from distilspec.reference.contract.errors import RangeError
from distilspec.reference.objectives import one_shot_sparsity


def test_nothing_is_pruned_before_the_step_and_everything_from_it_on():
    """ONE-S1: at 0, too."""
    assert [one_shot_sparsity(step, final=0.8, at=2) for step in range(4)] == [0.0, 0.0, 0.8, 0.8]
    assert one_shot_sparsity(0, final=1, at=0) == 1


@pytest.mark.parametrize(("final", "at", "clause"), [(1.5, 0, "ONE-C1"), (0.5, -1, "ONE-C2")])
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(final, at, clause):
    """ONE-C1, ONE-C2."""
    with violates(RangeError, clause):
        one_shot_sparsity(0, final=final, at=at)
