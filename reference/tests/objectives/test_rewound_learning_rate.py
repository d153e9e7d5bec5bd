"""``rewound_learning_rate`` against exact fractions, and against Transformers where nothing is rewound."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from refusal import violates
from transformers import get_linear_schedule_with_warmup

from distilspec.reference.contract.errors import RangeError
from distilspec.reference.objectives import rewound_learning_rate


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 9), st.integers(1, 9), st.integers(1, 12))
def test_the_fall_stands_still_on_the_whole_while_it_is_rewound(warmup, wait, length, rest, rewind):
    """LRR-S1 to LRR-S5: a walk that falls by one a step and is set back at each interval of pruning."""
    begin, end = warmup + wait, warmup + wait + length
    steps = end + rest
    whole = steps - length - warmup
    expected = []
    for step in range(steps + 1):
        if step < warmup:
            expected.append(Fraction(step, warmup))
            continue
        fallen = min(step, begin) - warmup
        if begin <= step < end:
            fallen += (step - begin) % rewind
        elif step >= end:
            fallen += step - end
        expected.append(Fraction(max(0, whole - fallen), whole))

    run = [
        rewound_learning_rate(t, steps=steps, warmup=warmup, begin=begin, end=end, rewind=rewind)
        for t in range(steps + 1)
    ]

    assert run == [float(factor) for factor in expected]


def test_without_pruning_it_is_the_linear_schedule_of_transformers():
    """LRR-S1, LRR-S4: with begin = end, the factor that its optimizers use."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    schedule = get_linear_schedule_with_warmup(optimizer, 3, 10)
    for step in range(11):
        ours = rewound_learning_rate(step, steps=10, warmup=3, begin=5, end=5, rewind=1)
        assert schedule.get_last_lr() == [ours]
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize(
    ("options", "clause"),
    [
        ({"warmup": -1}, "LRR-C1"),
        ({"begin": 1}, "LRR-C1"),
        ({"end": 3}, "LRR-C1"),
        ({"end": 13}, "LRR-C1"),
        ({"rewind": 0}, "LRR-C2"),
        ({"warmup": 4, "end": 12}, "LRR-C3"),
    ],
)
def test_bad_operands_are_refused_in_one_line_that_names_the_clause(options, clause):
    """LRR-C1 to LRR-C3."""
    with violates(RangeError, clause):
        rewound_learning_rate(0, **{"steps": 12, "warmup": 2, "begin": 4, "end": 8, "rewind": 2, **options})
