"""Quartiles, percentiles and two speeds."""

from __future__ import annotations

import numpy as np
import pytest

from distilspec.conformance.bench.timings import percentile, quartiles, two_speeds


def test_half_of_the_values_lie_within_the_spread():
    """Of 0, 1, ..., 8 the quartiles are 2, 4 and 6."""
    found = quartiles([8.0, 0.0, 3.0, 6.0, 1.0, 5.0, 2.0, 7.0, 4.0])

    assert (found.first, found.median, found.third, found.spread) == (2.0, 4.0, 6.0, 4.0)


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (10, 10), (99, 99), (100, 99), (200, 198), (1000, 990)])
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(count, expected):
    """The nearest rank, with no value in between that nobody has waited for; of few values it is the largest."""
    assert percentile([float(value) for value in range(count, 0, -1)], 99) == expected


def test_a_runtime_that_flips_between_two_speeds_has_both():
    """The two speeds of ONNX Runtime at 1x128, whatever their order and however unevenly they come."""
    rng = np.random.default_rng(0)
    times = np.concatenate([rng.normal(22.3, 0.4, 150), rng.normal(36.5, 0.6, 30)])
    rng.shuffle(times)

    quick, slow = two_speeds(times)

    assert quick == pytest.approx(22.3, abs=0.2)
    assert slow == pytest.approx(36.5, abs=0.4)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("shape", ["normal", "exponential", "uniform"])
def test_wide_noise_is_one_speed(shape, seed):
    """Halves of one distribution differ by more than a fifth here, and are no clusters."""
    rng = np.random.default_rng(seed)
    noise = {
        "normal": rng.normal(0, 3, 300),
        "exponential": rng.exponential(8, 300),
        "uniform": rng.uniform(0, 20, 300),
    }

    assert two_speeds(20 + noise[shape]) is None


def test_speeds_that_differ_by_less_than_a_fifth_are_one():
    """1.15 is not 1.2, however clear the gap; 1.25 is."""
    times = [20 + 0.001 * number for number in range(20)]

    assert two_speeds(times + [1.15 * time for time in times]) is None
    assert two_speeds(times + [1.25 * time for time in times]) == pytest.approx((20.0095, 25.011875))


def test_outliers_are_no_speed():
    """Fewer than a tenth of the times, or fewer than three."""
    assert two_speeds([20.0] * 95 + [40.0] * 5) is None
    assert two_speeds([20.0, 20.1, 40.0, 40.1]) is None
    assert two_speeds([20.0] * 85 + [40.0] * 15) == (20.0, 40.0)


def test_three_speeds_are_not_two():
    """The best cut is between the first two, and what lies above it is no cluster."""
    assert two_speeds([20.0] * 60 + [30.0] * 30 + [41.0] * 10) is None


def test_few_times_have_one_speed():
    """Of less than two clusters' worth nothing can be said."""
    assert two_speeds([]) is None
    assert two_speeds([1.0, 2.0, 3.0]) is None
