"""Runtimes in processes of their own, spoken to as those of other environments are."""

from __future__ import annotations

import os
import sys
import time

import numpy as np
import pytest

from distilspec.conformance.bench import peers, process
from distilspec.conformance.bench.conversation import pack, unpack
from distilspec.conformance.bench.peers import Environment, Peer
from distilspec.conformance.bench.process import PeerError, Process
from distilspec.conformance.result import State
from distilspec.reference.contract.recipes import Recipe

PEER = Peer("planted", "planted", Recipe.FP32, {"form": "qdq"})

#: A worker in the form of those in examples/runtimes, whose models are the names of what it does.
WORKER = """
import os
import time

class Unsupported(Exception): pass

def survivors(*_): raise RuntimeError("nobody asks what can be shown")

class Planted:
    def load(self, path):
        if path == "unknown": raise Unsupported("no such model")
        if path == "broken": raise ValueError("broken\\nin two lines")
        if path == "crash":
            print("about to crash", flush=True)
            os._exit(7)
        if path == "hang": time.sleep(60)
        self.survivors = survivors(path)
        self.runs = 0

    def run(self, inputs, outputs):
        self.runs += 1
        time.sleep(0.001)
        told = {"sum": inputs["x"].sum(axis=1), "runs": self.runs, "mask": inputs["mask"].dtype.itemsize,
                "threads": int(os.environ["OMP_NUM_THREADS"]), "processors": len(os.sched_getaffinity(0))}
        return {name: told[name] for name in outputs}

def main():
    planted = Planted()
    serve({"name": "planted", "version": 3, "program": "onnx"}, load=planted.load, run=planted.run)
"""

INPUTS = {"x": np.arange(6).reshape(2, 3), "mask": np.ones((2, 3), np.bool_)}


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """Yield the process of the worker above, which may use one processor and is told of five threads."""
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted" / "runtime.py").write_text(WORKER)
    monkeypatch.setattr(peers, "EXAMPLES", tmp_path)
    monkeypatch.setitem(peers.ENVIRONMENTS, "planted", Environment("none", "PLANTED"))
    monkeypatch.setenv("PLANTED", sys.executable)
    with Process(PEER, 5, sorted(os.sched_getaffinity(0))[:1]) as started:
        yield started


def test_arrays_survive_the_way_to_another_numpy():
    """As dtype, shape and bytes, whatever their strides."""
    arrays = {"a": np.arange(12).reshape(3, 4)[:, ::2], "b": np.array(True), "c": np.zeros((0, 2), np.float32)}

    again = unpack(pack(arrays))

    for name, array in arrays.items():
        assert (again[name].dtype, again[name].tolist()) == (array.dtype, array.tolist())
    assert {type(part) for part in pack(arrays)["a"]} == {str, tuple, bytes}


def test_a_model_is_loaded_and_asked(runtime):
    """A mask is handed over as our ONNX files declare it, and loading runs the model once."""
    runtime.load("model\nsum\nruns\nmask", INPUTS)

    outputs = runtime.outputs()

    assert outputs["sum"].tolist() == [3, 12]
    assert outputs["runs"] == 2
    assert outputs["mask"] == 8
    assert runtime.version == "3"


def test_threads_and_processors_are_set_before_anything_is_imported(runtime):
    """By the variables that libraries read, and by affinity."""
    runtime.load("model\nthreads\nprocessors", INPUTS)

    outputs = runtime.outputs()

    assert (outputs["threads"], outputs["processors"]) == (5, 1)


def test_a_turn_times_every_forward_but_those_that_warm_up(runtime):
    """Two that warm up and five that count, each of a millisecond at least, after the one of loading."""
    runtime.load("model\nruns", INPUTS)

    times = runtime.turn(2, 5)

    assert len(times) == 5
    assert min(times) >= 0.001
    assert runtime.outputs()["runs"] == 9


def test_a_window_holds_the_forwards_that_began_within_it(runtime):
    """One after the other; the first begins when the window does, or a forward later."""
    runtime.load("model\nruns", INPUTS)
    start = time.monotonic() + 0.05

    runtime.begin_window(start, start + 0.05)
    times = runtime.end_window()

    assert times
    assert times[0][0] >= start
    assert all(began < start + 0.05 for began, _ in times)
    assert [ended for _, ended in times[:-1]] == [began for began, _ in times[1:]]


@pytest.mark.parametrize(
    ("model", "state", "detail"),
    [
        ("unknown", State.UNSUPPORTED, "Unsupported: no such model"),
        ("broken", State.ERROR, "ValueError: broken in two lines"),
        ("crash", State.CRASH, "exit status 7: about to crash"),
    ],
)
def test_a_runtime_that_cannot_load_a_model_says_so(runtime, model, state, detail):
    """In the words of a report, in one line."""
    with pytest.raises(PeerError) as failure:
        runtime.load(model, INPUTS)

    assert (failure.value.state, str(failure.value)) == (state, detail)


def test_after_an_error_there_is_another_chance(runtime):
    """After a crash as well, where a model is loaded."""
    with pytest.raises(PeerError):
        runtime.load("broken", INPUTS)
    runtime.load("model\nruns", INPUTS)
    with pytest.raises(PeerError):
        runtime.load("crash", INPUTS)
    with pytest.raises(PeerError) as failure:
        runtime.turn(1, 1)
    assert failure.value.state is State.CRASH

    runtime.load("model\nruns", INPUTS)
    assert len(runtime.turn(0, 2)) == 2


def test_a_runtime_that_does_not_answer_is_ended(runtime, monkeypatch):
    """And nothing waits for it at the end."""
    runtime.load("model\nruns", INPUTS)
    monkeypatch.setattr(process, "LONGEST_WAIT", 0.2)

    with pytest.raises(PeerError) as failure:
        runtime.load("hang", INPUTS)

    assert (failure.value.state, str(failure.value)) == (State.TIMEOUT, "no answer in 0.2 s")


def test_a_runtime_whose_package_is_broken_is_a_crash(tmp_path, monkeypatch, runtime):
    """Its last line says why."""
    (tmp_path / "planted" / "runtime.py").write_text("raise ImportError('libthing.so.1 is missing')")
    with Process(PEER, 1, [0]) as broken, pytest.raises(PeerError) as failure:
        broken.load("model", INPUTS)

    assert (failure.value.state, str(failure.value)) == (
        State.CRASH, "exit status 1: ImportError: libthing.so.1 is missing"
    )  # fmt: skip
