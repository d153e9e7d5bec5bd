"""The most texts a second under a limit of latency."""

from __future__ import annotations

import io
import json
from collections import Counter

import pytest
from rich.console import Console

from distilspec.conformance.bench import serving
from distilspec.conformance.bench.peers import Peer
from distilspec.conformance.bench.process import PeerError
from distilspec.conformance.bench.rows import LeftOut
from distilspec.conformance.bench.serving import Served, Serving, as_json, best, print_served, serve, served, splits
from distilspec.conformance.bench.verdict import Verdict
from distilspec.conformance.bench.workloads import Workload
from distilspec.conformance.report.environment import this_environment
from distilspec.conformance.result import State
from distilspec.reference.contract.recipes import Recipe

RIGHT, WRONG = Verdict(State.PASS, 0.0, 1.0), Verdict(State.FAIL, 2.0, 1.0)

FAST = Peer("fast", "fast", Recipe.FP32)


def choice(texts=0.0, p99=0.0, **changes):
    """Return a choice with so many texts a second and this percentile, in a window that decides."""
    fields = {
        "runtime": "fast", "version": "1", "recipe": "fp32", "model": "minilm", "sparsity": 0.0, "block_shape": None,
        "pruned": "all", "seq": 128, "batch": 4, "instances": 2, "threads_each": 1, "is_look": False,
        "texts_per_second": texts, "p50_ms": p99, "p99_ms": p99, "batches": 100, **changes,
    }  # fmt: skip
    return Served(**fields)


def asked(tried, left_out=(), limit=20.0):
    """Return the whole answer."""
    return Serving(this_environment(), limit, list(tried), list(left_out))


def test_what_all_instances_have_done_counts():
    """Two instances, 100 batches of four texts each; one batch took 90 ms, and 1 % may."""
    steady = [(number * 0.05, number * 0.05 + 0.05) for number in range(100)]
    slow_once = [*steady[:-1], (4.95, 5.04)]

    found = served(choice(), [steady, slow_once], RIGHT)

    assert found.texts_per_second == pytest.approx(400 / 5.0 + 400 / 5.04)
    assert found.batches == 200
    assert found.p50_ms == pytest.approx(50.0)
    assert found.p99_ms == pytest.approx(50.0)


def test_a_batch_that_ends_after_the_window_counts_as_long_as_it_took():
    """Otherwise a runtime that never answers would serve much, and quickly."""
    found = served(choice(), [[(0.0, 0.5), (0.5, 30.0)]], RIGHT)

    assert found.texts_per_second == pytest.approx(8 / 30)
    assert found.p99_ms == pytest.approx(29500.0)


def test_the_best_is_the_most_under_the_limit():
    """Not the quickest, not the most of all, and not what a short look has seen."""
    few, most, too_slow, seen = choice(10, 5), choice(30, 20), choice(90, 21), choice(50, 5, is_look=True)

    assert list(best([few, most, too_slow, seen], 20.0).values()) == [most]
    assert list(best([too_slow], 20.0).values()) == [None]
    assert list(best([choice(batches=0, state=State.CRASH)], 20.0).values()) == [None]


def test_workloads_are_apart():
    """Each has a best of its own: another sparsity, other blocks, another model."""
    choices = [
        choice(10, 5), choice(20, 5, sparsity=0.8, block_shape=(4, 1)), choice(30, 5, sparsity=0.8, block_shape=(4, 4)),
        choice(40, 5, model="distilbert-base"),
    ]  # fmt: skip

    assert list(best(choices, 20.0).values()) == choices


def test_processors_are_shared_out_evenly():
    """One with all, then more and more with fewer; each processor belongs to one."""
    assert [[len(share) for share in shares] for shares in splits(range(6))] == [[6], [3, 3], [2, 2, 2], [1] * 6]
    for shares in splits(range(6)):
        assert [processor for share in shares for processor in share] == list(range(6))


@pytest.fixture
def team(monkeypatch):
    """
    Yield what planted instances did and how they behave.

    A batch of n takes ``milliseconds(instances, n)``; a number of instances in ``fails`` fails with that error.
    """

    class Behaviour:
        milliseconds = staticmethod(lambda instances, batch: float(batch))
        slow_at_last = ()
        fails = {}
        closed = 0
        waited = Counter()

    class Instance:
        version = "1.2"

        def __init__(self, peer, threads, processors):
            self.peer, self.threads, self.instances = peer, threads, 2 // threads

        def __enter__(self):
            return self

        def __exit__(self, *_):
            Behaviour.closed += 1

        def begin_window(self, start, stop):
            self.start, self.stop = start, stop

        def end_window(self):
            Behaviour.waited[self.instances] += 1
            if self.instances in Behaviour.fails:
                raise Behaviour.fails[self.instances]
            took = Behaviour.milliseconds(self.instances, self.batch) / 1e3
            count = int((self.stop - self.start) / took)
            windows = [(self.start + number * took, self.start + (number + 1) * took) for number in range(count)]
            if self.stop - self.start > 9.0 and (self.instances, self.batch) in Behaviour.slow_at_last:
                windows[-50:] = [(began, began + 1.0) for began, _ in windows[-50:]]
            return windows

    def load(instance, workload, shape, source):
        instance.batch = shape.batch
        return RIGHT

    monkeypatch.setattr(serving, "Process", Instance)
    monkeypatch.setattr(serving, "load", load)
    monkeypatch.setattr(serving, "processors_for", lambda threads: (0, 1))
    return Behaviour


def tried_by(limit, seconds=10.0):
    """Return what is tried with two threads."""
    return list(serve([FAST], [Workload()], 128, 2, limit, seconds))


def test_larger_batches_are_looked_at_while_the_median_keeps_the_limit(team):
    """A batch of n takes n ms with one instance, and twice as long where two share the machine."""
    team.milliseconds = staticmethod(lambda instances, batch: float(batch * instances))

    looks = [one for one in tried_by(4.5) if one.is_look]

    assert [(one.instances, one.batch) for one in looks] == [(1, 1), (2, 1), (1, 2), (2, 2), (1, 4), (2, 4), (1, 8)]


def test_the_most_promising_choice_gets_a_window_and_the_next_one_where_it_fails(team):
    """Larger batches serve more here; the largest has a tail that a look was too short to see."""
    team.milliseconds = staticmethod(lambda instances, batch: 1.0 + batch * instances**1.1)
    team.slow_at_last = [(1, 8)]

    windows = [one for one in tried_by(9.5, seconds=10.0) if not one.is_look]

    assert (windows[0].instances, windows[0].batch) == (1, 8)
    assert windows[0].p99_ms > 9.5
    assert windows[-1].p99_ms <= 9.5
    assert [one.p99_ms <= 9.5 for one in windows].count(True) == 1
    assert best(windows, 9.5)[windows[0].workload, "fast"] == windows[-1]


def test_every_instance_is_ended_and_has_its_share_of_the_threads(team):
    """One with two threads, and two with one."""
    tried = tried_by(4.5)

    assert {(one.instances, one.threads_each) for one in tried} == {(1, 2), (2, 1)}
    assert {one.version for one in tried} == {"1.2"}
    assert team.closed == 3


def test_a_runtime_that_fails_with_some_instances_is_tried_with_others(team):
    """And says why; two instances are both waited for."""
    team.fails = {2: PeerError(State.CRASH, "signal 9")}

    tried = tried_by(4.5)

    (failed,) = [one for one in tried if one.state is State.CRASH]
    assert (failed.instances, failed.detail, failed.batches, failed.texts_per_second) == (2, "signal 9", 0, 0.0)
    assert team.waited[2] == 2
    assert best(tried, 4.5)[failed.workload, "fast"].instances == 1


def test_a_runtime_that_cannot_be_loaded_has_no_texts(team, monkeypatch):
    """And says why."""

    def cannot(*_):
        raise PeerError(State.UNSUPPORTED, "no bf16")

    monkeypatch.setattr(serving, "load", cannot)

    tried = tried_by(4.5)

    assert [(one.state, one.detail, one.batches) for one in tried] == [(State.UNSUPPORTED, "no bf16", 0)] * 2


def test_a_look_is_shorter_than_a_window_and_longer_than_the_limit(team, monkeypatch):
    """A second, or three times the limit."""
    asked_for = []
    run = serving._run
    monkeypatch.setattr(serving, "_run", lambda *given: (asked_for.append(given[-1]), run(*given))[1])

    tried_by(4.5, seconds=20.0)
    assert set(asked_for) == {1.0, 20.0}
    asked_for.clear()
    tried_by(500.0, seconds=20.0)
    assert set(asked_for) == {1.5, 20.0}


def test_wrong_results_are_served_and_said(team, monkeypatch):
    """The verdict of the worst instance stands beside the figures."""
    verdicts = iter([RIGHT, RIGHT, WRONG] * 100)

    def load(instance, workload, shape, source):
        instance.batch = shape.batch
        return next(verdicts)

    monkeypatch.setattr(serving, "load", load)
    monkeypatch.setattr(serving, "BATCHES", (1,))

    assert [one.state for one in tried_by(4.5) if one.is_look] == [State.PASS, State.FAIL]


def test_the_table_has_a_line_for_everybody():
    """The most first, and whoever never keeps the limit at the end, for each workload."""
    tried = [
        choice(10, 5), choice(30, 5, runtime="openvino-int8"), choice(50, 50, runtime="torch-fp32"),
        choice(70, 5, sparsity=0.8, block_shape=(4, 1)),
    ]  # fmt: skip
    output = io.StringIO()

    print_served(asked(tried, [LeftOut("gone", "no package")]), Console(file=output, width=200))

    lines = output.getvalue().splitlines()
    assert lines[0] == "The most texts a second with p99 of latency at most 20 ms"
    assert lines[2] == "minilm at 128 tokens, dense"
    assert [line.split()[0] for line in lines[4:7]] == ["openvino-int8", "fast", "torch-fp32"]
    assert lines[7] == "  torch-fp32: not under the limit with any batch"
    assert lines[9] == "minilm at 128 tokens, 80% sparse in blocks of (4, 1)"
    assert lines[-1] == "gone is left out: no package"


def test_the_json_has_the_best_and_all_that_was_tried():
    """Figures as numbers, and the machine."""
    made = as_json(asked([choice(10, 5), choice(30, 50), choice(40, 5, is_look=True)], [LeftOut("gone", "no package")]))

    assert json.loads(json.dumps(made, allow_nan=False)) == json.loads(json.dumps(made))
    assert made["latency_limit_ms"] == 20.0
    assert [one["texts_per_second"] for one in made["best"]] == [10]
    assert len(made["tried"]) == 3
    assert made["machine"]["cpu"]
    assert made["left_out"] == [{"runtime": "gone", "reason": "no package"}]
