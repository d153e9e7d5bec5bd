"""The most texts a second under a limit of latency."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from distilspec.conformance.bench import serving
from distilspec.conformance.bench.process import PeerError
from distilspec.conformance.bench.rows import LeftOut
from distilspec.conformance.bench.serving import Served, as_json, best, print_served, serve, served, splits
from distilspec.conformance.bench.verdict import Verdict
from distilspec.conformance.bench.workloads import Workload
from distilspec.conformance.result import State

RIGHT = Verdict(State.PASS, 0.0, 1.0)

WHAT = {"runtime": "fast", "sparsity": 0.0, "seq": 128, "batch": 4, "instances": 2, "threads_each": 1}


def choice(texts, p99, **changes):
    """Return a choice with so many texts a second and this percentile."""
    fields = {**WHAT, "texts_per_second": texts, "p99_ms": p99, "batches": 100, "state": State.PASS, **changes}
    return Served(**fields)


def test_what_all_instances_have_done_counts():
    """Two instances, 100 batches of four texts each in 10 s; one batch took 90 ms, and 1 % may."""
    steady = [(number * 0.1, number * 0.1 + 0.05) for number in range(100)]
    slow_once = [*steady[:-1], (9.9, 9.99)]

    found = served(WHAT, [steady, slow_once], 0.0, 10.0, RIGHT)

    assert found.texts_per_second == pytest.approx(80.0)
    assert found.batches == 200
    assert found.p99_ms == pytest.approx(50.0)


def test_a_batch_that_ends_after_the_window_is_waited_for_and_not_counted():
    """Otherwise a runtime that never answers would have no latency."""
    found = served(WHAT, [[(0.0, 0.5), (0.5, 30.0)]], 0.0, 1.0, RIGHT)

    assert found.texts_per_second == pytest.approx(4.0)
    assert found.p99_ms == pytest.approx(29500.0)


def test_the_best_is_the_most_under_the_limit():
    """Not the quickest, and not the most of all."""
    few, most, too_slow = choice(10, 5), choice(30, 20), choice(90, 21)

    assert best([few, most, too_slow], 20.0) == {("fast", 0.0): most}
    assert best([too_slow], 20.0) == {("fast", 0.0): None}
    assert best([choice(0.0, 0.0, batches=0, state=State.CRASH)], 20.0) == {("fast", 0.0): None}


def test_sparsities_are_apart():
    """Each has a best of its own."""
    dense, sparse = choice(10, 5), choice(30, 5, sparsity=0.8)

    assert best([sparse, dense], 20.0) == {("fast", 0.8): sparse, ("fast", 0.0): dense}


def test_processors_are_shared_out_evenly():
    """One with all, then more and more with fewer; each processor belongs to one."""
    assert [[len(share) for share in shares] for shares in splits(range(6))] == [[6], [3, 3], [2, 2, 2], [1] * 6]
    for shares in splits(range(6)):
        assert [processor for share in shares for processor in share] == list(range(6))


def test_larger_batches_are_tried_while_the_limit_is_kept(monkeypatch):
    """A batch of n takes n ms here, in each number of instances; one that fails ends it too."""
    asked = []

    def tried(peer, workload, shape, shares, seconds):
        asked.append((len(shares), shape.batch))
        if len(shares) == 2 and shape.batch == 2:
            return choice(0.0, 0.0, batches=0, state=State.CRASH)
        return choice(100.0, float(shape.batch), batch=shape.batch, instances=len(shares))

    monkeypatch.setattr(serving, "_try", tried)
    monkeypatch.setattr(serving, "processors_for", lambda threads: (0, 1))

    serve([serving.Peer("fast", "fast", "fp32")], [Workload()], 128, 2, 4.0, 1.0)

    assert asked == [(1, 1), (1, 2), (1, 4), (1, 8), (2, 1), (2, 2)]


def test_a_runtime_that_cannot_be_loaded_has_no_texts(monkeypatch):
    """And says why."""

    def cannot(*_):
        raise PeerError(State.UNSUPPORTED, "no bf16")

    monkeypatch.setattr(serving, "Process", cannot)

    (found,) = serve([serving.Peer("fast", "fast", "fp32")], [Workload()], 128, 1, 4.0, 1.0)

    assert (found.state, found.detail, found.batches, found.texts_per_second) == (State.UNSUPPORTED, "no bf16", 0, 0.0)


def test_the_table_has_a_line_for_everybody():
    """The most first; whoever never keeps the limit stands at the end."""
    tried = [choice(10, 5), choice(30, 5, runtime="openvino-int8"), choice(50, 50, runtime="torch-fp32")]
    output = io.StringIO()

    print_served(tried, [LeftOut("gone", "no package")], 20.0, Console(file=output, width=200))

    lines = output.getvalue().splitlines()
    assert lines[0] == "The most texts a second with p99 of latency at most 20 ms"
    assert [line.split()[0] for line in lines[2:5]] == ["openvino-int8", "fast", "torch-fp32"]
    assert lines[5:] == ["  torch-fp32: not under the limit with any batch", "gone is left out: no package"]


def test_the_json_has_the_best_and_all_that_was_tried():
    """Figures as numbers."""
    made = as_json([choice(10, 5), choice(30, 50)], [LeftOut("gone", "no package")], 20.0)

    assert made["latency_limit_ms"] == 20.0
    assert [one["texts_per_second"] for one in made["best"]] == [10]
    assert len(made["tried"]) == 2
    assert made["left_out"] == [{"runtime": "gone", "reason": "no package"}]
