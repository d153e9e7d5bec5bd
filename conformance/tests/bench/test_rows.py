"""The rows of a report, and the report as JSON."""

from __future__ import annotations

import json

import pytest

from distilspec.conformance.bench.process import PeerError
from distilspec.conformance.bench.rounds import Times
from distilspec.conformance.bench.rows import LeftOut, Report, Row, document, least_seconds, timed
from distilspec.conformance.bench.verdict import Verdict
from distilspec.conformance.bench.work import Limits, Work
from distilspec.conformance.report.environment import this_environment
from distilspec.conformance.result import State

WHAT = {
    "runtime": "fast", "version": "1.0", "recipe": "w8a8-static", "sparsity": 0.8, "block_shape": (4, 1), "batch": 8,
    "seq": 128, "threads": 2, "model": "minilm", "base": "openvino-int8",
}  # fmt: skip

RIGHT, WRONG = Verdict(State.PASS, 0.01, 0.02), Verdict(State.FAIL, 0.03, 0.02)

LIMITS = Limits(2, "avx2", 1e9, 1e9, 1e9)


def test_a_row_has_milliseconds_and_ratios():
    """Rounds of 10, 20 and 30 ms, a base that takes twice, twice and four times as long, and 5 ms at least."""
    times = Times({0: [0.010], 1: [0.020], 2: [0.030]})
    base = Times({0: [0.020], 1: [0.040], 2: [0.120]})

    row = timed(WHAT, RIGHT, times, base, 0.005)

    assert row.median_ms == pytest.approx(20.0)
    assert row.spread == pytest.approx(10.0)
    assert row.ratio == pytest.approx(2.0)
    assert row.ratio_quartiles == pytest.approx((2.0, 3.0))
    assert row.roofline == pytest.approx(0.25)
    assert (row.rounds, row.speeds_ms, row.state) == (3, None, State.PASS)
    assert row.round_ms == pytest.approx((10.0, 20.0, 30.0))


def test_wrong_results_stand_beside_their_time():
    """Nothing is hidden: neither the verdict nor the time."""
    row = timed(WHAT, WRONG, Times({0: [0.010]}), None, None)

    assert (row.state, row.median_ms, row.error, row.error_limit) == (State.FAIL, pytest.approx(10.0), 0.03, 0.02)
    assert (row.ratio, row.roofline) == (None, None)


def test_a_runtime_that_stopped_keeps_the_time_it_had():
    """Its state is how it stopped."""
    stopped = PeerError(State.CRASH, "signal 11: nothing printed")

    assert timed(WHAT, RIGHT, Times({0: [0.010]}, stopped), None, None).median_ms == pytest.approx(10.0)
    row = timed(WHAT, RIGHT, Times({}, stopped), None, None)
    assert (row.state, row.detail, row.median_ms) == (State.CRASH, "signal 11: nothing printed", None)


def test_both_speeds_are_in_the_row():
    """In milliseconds."""
    times = Times({number: [0.02 + 0.02 * (number % 2)] * 3 for number in range(6)})

    assert timed(WHAT, RIGHT, times, None, None).speeds_ms == pytest.approx((20.0, 40.0))


def test_there_is_no_least_time_without_a_limit():
    """No llvmlite has measured one, or the instructions are others."""
    assert least_seconds(LIMITS, Work(10**9, 0, 0)) == 1.0
    assert least_seconds(LIMITS, Work(10**9, 0, 0), is_bf16=True) is None
    assert least_seconds(None, Work(10**9, 0, 0)) is None


def test_the_json_has_the_fields_that_scripts_read():
    """Those of the documentation, and more."""
    rows = [Row(**WHAT, median_ms=1.23456789, spread=0.1, ratio=1.5, roofline=0.9), Row(**WHAT, state=State.CRASH)]
    report = Report(this_environment(), [LIMITS], rows, [LeftOut("deepsparse-qdq", "no environment")])

    read = json.loads(json.dumps(document(report), allow_nan=False))

    fields = {
        "runtime", "version", "recipe", "sparsity", "block_shape", "batch", "seq", "threads", "median_ms", "spread",
        "ratio", "roofline",
    }  # fmt: skip
    assert all(fields <= row.keys() for row in read["rows"])
    assert read["rows"][0]["median_ms"] == 1.23457
    assert read["rows"][0]["block_shape"] == [4, 1]
    assert (read["rows"][1]["median_ms"], read["rows"][1]["state"]) == (None, "CRASH")
    assert read["machine"]["cpu"]
    assert read["machine"]["limits"][0]["int8_products"] == 1e9
    assert read["left_out"] == [{"runtime": "deepsparse-qdq", "reason": "no environment"}]


def test_an_infinite_error_is_null():
    """JSON has no infinity."""
    report = Report(this_environment(), rows=[Row(**WHAT, error=float("inf"))])

    assert json.loads(json.dumps(document(report), allow_nan=False))["rows"][0]["error"] is None
