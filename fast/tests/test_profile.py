"""A profile holds every operation of a forward once, with the least of its times."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from small_models import inputs, small_program

from distilspec.fast import Engine
from distilspec.fast.backends import bound, native
from distilspec.fast.execute.pool import Pool
from distilspec.fast.inputs import Inputs
from distilspec.reference.contract.errors import RangeError, ShapeError, UnsupportedError


@pytest.fixture
def clock(monkeypatch):
    """Let the n-th list of calls take what the test says of n, without a run, and nothing else take any time."""

    def takes(seconds):
        numbers, now = count(), [0.0]

        def run(pool, calls):
            taken = seconds(next(numbers), calls.count)
            now[0] += taken
            return taken

        monkeypatch.setattr(bound, "_seconds", run)
        monkeypatch.setattr(native.time, "perf_counter", lambda: now[0])
        return now

    return takes


def test_operations_are_run_in_order_all_at_once_and_one_by_one(monkeypatch):
    """As many lists as there are operations, after the list of all, and behind them that of a call."""
    ran = []
    run = Pool.run
    monkeypatch.setattr(Pool, "run", lambda self, calls: (ran.append(calls), run(self, calls))[1])
    with Engine(small_program("w8a8-static")) as engine:
        profile = engine.profile(inputs(small_program(), 2, 9), seconds=0)
        operations = len(profile.operations)
    assert [calls.count for calls in ran] == [operations, *[1] * operations, operations]
    assert ran[0] is ran[-1]
    assert len({calls.address for calls in ran}) == operations + 1
    kinds = [operation.kind for operation in profile.operations]
    assert kinds[0] == "embed"
    assert kinds.count("dense") == 4 * kinds.count("attention") > 0
    assert profile.call_seconds > 0
    assert 0 < profile.dispatch < 1
    assert profile.seconds > 0
    assert min(operation.seconds for operation in profile.operations) > 0


def test_the_operations_one_by_one_compute_the_forward(monkeypatch):
    """With the list of all cut short, they alone have filled the rows that a caller gets."""
    arrays = inputs(small_program(), 2, 9)
    with Engine(small_program("w8a8-static", sparsity=0.5)) as engine:
        expected = engine.run(arrays)["last_hidden_state"]
        (one,) = engine._backend._bound.values()
        rows = one._new_rows()
        (held,) = rows.values()
        held[...] = np.nan
        monkeypatch.setattr(one, "_new_rows", lambda: rows)
        monkeypatch.setattr(one, "_calls", one._alone[0])
        engine.profile(arrays, seconds=0)
    assert held.tobytes() == expected.tobytes()


def test_the_least_of_the_rounds_counts(clock):
    """The second round takes half the time but for its first operation, which was disturbed, and for its call."""
    with Engine(small_program("w8a8-static")) as engine:
        arrays = inputs(small_program(), 1, 5)
        clock(lambda *_: 1.0)
        operations = len(engine.profile(arrays, seconds=0).operations)
        first = [8.0, *[4.0] * operations, 6.0]
        times = [*first, 7.0, 9.0, *[2.0] * (operations - 1), 10.0]
        clock(lambda number, _: times[number])
        profile = engine.profile(arrays, seconds=sum(first) + 1)
    assert (profile.seconds, profile.call_seconds) == (7.0, 6.0)
    assert [operation.seconds for operation in profile.operations] == [4.0, *[2.0] * (operations - 1)]


def test_what_is_not_the_native_call_is_compared_with_it(clock, monkeypatch):
    """In the same call, whose check takes 1, 3 and 12 s of 4, 6 and 15: half in the middle."""
    with Engine(small_program("w8a8-static")) as engine:
        arrays = inputs(small_program(), 1, 5)
        now = clock(lambda *_: 3.0)
        check, taken = Inputs.checked, iter([0.0, 0.0, 1.0, 3.0, 12.0])

        def slow(self, given):
            now[0] += next(taken)
            return check(self, given)

        monkeypatch.setattr(Inputs, "checked", slow)
        rounds = (len(engine.profile(arrays, seconds=0).operations) + 2) * 3.0
        taken = iter([0.0, 0.0, 1.0, 3.0, 12.0])
        profile = engine.profile(arrays, seconds=2 * rounds + 5)
    assert next(taken, None) is None
    assert (profile.call_seconds, profile.dispatch) == (4.0, 0.5)


def test_a_large_batch_has_the_operations_of_all_its_parts(clock, monkeypatch):
    """Seven sequences, two of them together at a time: four parts, and the time of all is the sum of theirs."""
    clock(lambda *_: 1.0)
    with Engine(small_program("w8a8-static")) as engine:
        each = len(engine.profile(inputs(small_program(), 1, 20), seconds=0).operations)
        monkeypatch.setattr(native, "TOKENS_TOGETHER", 40)
        profile = engine.profile(inputs(small_program(), 7, 20), seconds=0)
    assert len(profile.operations) == 4 * each
    assert (profile.seconds, profile.call_seconds, profile.dispatch) == (4.0, 4.0, 0.0)


def test_what_cannot_be_timed_is_refused():
    """Nothing to run, a backend without operations, and a closed engine."""
    arrays = inputs(small_program(), 1, 5)
    engine = Engine(small_program("w8a8-static"))
    with engine, pytest.raises(ShapeError, match="input_ids: no sequences; expected at least one"):
        engine.profile({name: array[:0] for name, array in arrays.items()})
    with pytest.raises(RangeError, match="the engine was closed"):
        engine.profile(arrays)
    with pytest.raises(UnsupportedError, match="profile: the numpy backend has no operations; expected the native"):
        Engine(small_program(), backend="numpy").profile(arrays)
