"""How long an engine lives: beside calls in other threads, in forked processes, and until the end of a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from small_models import inputs, small_program

from distilspec.fast import Engine
from distilspec.fast.codegen.compile import MachineCode
from distilspec.reference.contract.errors import FormatError, RangeError

MAPS = Path("/proc/self/maps")

#: Seconds after which a process counts as hanging; what the tests do takes less than one.
PATIENCE = 20

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")

#: A thread is inside of a forward, which takes some 100 ms, when the main thread comes to its end.
LEFT_RUNNING = """
import threading, time
from small_models import inputs, small_program
from distilspec.fast import Engine

program = small_program(positions=400)
engine, arrays = Engine(program, threads=2, oversubscribe=True), inputs(program, 64, 300)
engine.run(arrays)

def forever():
    while True:
        engine.run(arrays)

threading.Thread(target=forever, daemon=True).start()
time.sleep(0.05)
"""


def engine(threads=1, *, backend="native"):
    """Return an engine of a small model."""
    return Engine(small_program("w8a8-static"), threads=threads, oversubscribe=threads > 1, backend=backend)


def arrays(seed=0):
    """Return what a forward takes."""
    return inputs(small_program(), 4, 39, seed=seed)


def bits(outputs):
    """Return outputs in a form in which equal means the same bits."""
    return {label: array.tobytes() for label, array in outputs.items()}


def forked(right):
    """Return a child, which exits with 0 if a function returns true there, and by a signal if it hangs."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(PATIENCE)
            code = 0 if right() else 1
        except BaseException:  # noqa: BLE001 - a child must not go on with the parent's tests
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def exit_code(child):
    """Wait for a child."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@forks
@pytest.mark.parametrize("threads", [1, 2])
def test_forked_processes_use_an_engine_at_once(threads):
    """Each with inputs of its own."""
    with engine(threads) as made:
        expected = [bits(made.run(arrays(seed))) for seed in range(3)]

        def right(seed):
            return all(bits(made.run(arrays(seed))) == expected[seed] for _ in range(200))

        children = [forked(lambda seed=seed: right(seed)) for seed in range(3)]
        assert [exit_code(child) for child in children] == [0, 0, 0]
        assert right(0)


@forks
@pytest.mark.parametrize("threads", [1, 2])
def test_a_fork_comes_while_another_thread_is_inside_of_a_forward(threads):
    """In the child that thread does not exist, so the child waits for nobody."""
    over = threading.Event()
    with engine(threads) as made:
        expected = bits(made.run(arrays()))

        def run():
            while not over.is_set():
                made.run(arrays())

        other = threading.Thread(target=run)
        other.start()
        try:
            for _ in range(5):
                while other.is_alive() and not made._backend._lock.locked():
                    pass
                assert exit_code(forked(lambda: bits(made.run(arrays())) == expected)) == 0
        finally:
            over.set()
            other.join()
        assert bits(made.run(arrays())) == expected


@forks
def test_a_forward_asks_nothing_of_llvm(monkeypatch):
    """At a new shape or in a forked process: another thread that was compiling at the fork holds LLVM's lock."""

    def refuse(*_):
        raise AssertionError("asked LLVM")

    with engine(2) as made:
        expected = bits(made.run(arrays()))
        monkeypatch.setattr(MachineCode, "address", refuse)
        made.run(inputs(small_program(), 2, 3))
        assert exit_code(forked(lambda: bits(made.run(arrays())) == expected)) == 0


@forks
def test_a_forked_process_closes_what_is_its_own():
    """The parent's threads and weights stay."""
    with engine(2) as made:
        expected = bits(made.run(arrays()))

        def right():
            made.run(arrays())
            made.close()
            return threading.active_count() == 1

        assert exit_code(forked(right)) == 0
        assert threading.active_count() > 1
        assert bits(made.run(arrays())) == expected


def test_calls_in_other_threads_end_when_the_engine_is_closed():
    """Whoever is inside has a result; whoever waits is told."""

    def run_forever(made, expected):
        while True:
            assert bits(made.run(arrays())) == expected

    for _ in range(5):
        made = engine(2)
        expected = bits(made.run(arrays()))
        with ThreadPoolExecutor(3) as others:
            calls = [others.submit(run_forever, made, expected) for _ in range(3)]
            time.sleep(0.01)
            made.close()
        for call in calls:
            with pytest.raises(RangeError, match="the engine was closed"):
                call.result()


@pytest.mark.parametrize("call", [
    lambda backend, folder: backend.run(arrays()),
    lambda backend, folder: backend.profile(arrays(), 0.0),
    lambda backend, folder: backend.save(folder, "w8a8-static"),
])  # fmt: skip
def test_a_call_that_waited_for_another_finds_the_engine_closed(call, tmp_path):
    """It had found the engine open before it waited."""
    made = engine()
    backend = made._backend
    made.close()
    with pytest.raises(RangeError, match="closed while this call waited for another; expected it open") as raised:
        call(backend, tmp_path / "engine")
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("backend", ["native", "numpy"])
@pytest.mark.parametrize("call", [
    lambda made: made.run(arrays()),
    lambda made: made.profile(arrays()),
    lambda made: made.save("engine"),
    lambda made: made.survivors(),
])  # fmt: skip
def test_a_closed_engine_refuses_every_call(call, backend):
    """In one line."""
    made = engine(backend=backend)
    made.close()
    with pytest.raises(RangeError, match="the engine was closed, which freed its weights; expected an open one"):
        call(made)


@pytest.mark.parametrize("backend", ["native", "numpy"])
def test_close_frees_the_weights(backend, monkeypatch):
    """Before memory is given back to the system, while the engine itself is still there."""
    with engine(backend=backend) as made:
        made.run(arrays())
        if backend == "native":
            weights = [packed.operands["weights"] for packed in made._backend._packed.values()]
        else:
            weights = list(made._backend._columns.values())
        alive = [weakref.ref(array) for array in weights]
        del weights
        given_back = []
        monkeypatch.setattr("distilspec.fast.engine._give_back", lambda: given_back.append([*map(_dead, alive)]))
    assert given_back == [[True] * len(alive)]
    assert len(alive) > 2


def _dead(reference):
    return reference() is None


@pytest.mark.skipif(not MAPS.exists(), reason="this system does not tell what is mapped")
def test_close_lets_go_of_the_file(tmp_path):
    """Of which an engine from a folder has its weights."""
    with engine() as made:
        made.save(tmp_path / "engine")
    with Engine.load(tmp_path / "engine") as loaded:
        loaded.run(arrays())
        assert str(tmp_path / "engine" / "weights.bin") in MAPS.read_text("utf-8")
    assert str(tmp_path / "engine" / "weights.bin") not in MAPS.read_text("utf-8")


def test_weights_that_changed_are_not_saved_again(tmp_path):
    """As a call refuses them."""
    with engine() as made:
        made.save(tmp_path / "engine")
    with Engine.load(tmp_path / "engine") as loaded:
        os.utime(tmp_path / "engine" / "weights.bin", (0, 0))
        with pytest.raises(FormatError, match="changed after it was loaded"):
            loaded.save(tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_process_ends_while_a_thread_is_inside_of_a_forward():
    """The pool's workers end first, and its memory stays until nobody reads it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", LEFT_RUNNING], env=environment, check=False, timeout=60)
    assert done.returncode == 0


def test_an_engine_is_forgotten_while_another_thread_is_inside_of_a_forward():
    """The call holds what it needs."""
    made = engine(2)
    expected, results = bits(made.run(arrays())), []
    other = threading.Thread(target=lambda run: results.extend(run(arrays()) for _ in range(50)), args=(made.run,))
    alive = weakref.ref(made._backend)
    other.start()
    del made
    other.join()
    del other
    assert all(bits(outputs) == expected for outputs in results)
    assert len(results) == 50
    assert alive() is None
