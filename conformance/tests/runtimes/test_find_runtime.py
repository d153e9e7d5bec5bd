"""Finding runtimes by name, their options, and the reference as a runtime."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from refusal import refused

from distilspec.conformance.runtimes import RUNTIMES, find_runtime
from distilspec.conformance.runtimes.adapter import RuntimeMissingError
from distilspec.reference import ops
from distilspec.reference.contract.errors import RangeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.tracer import trace


def thirds(ops, weights, x, mask):
    """Return thirds of ``x`` where the mask keeps them."""
    return {"y": ops.where(mask, ops.divide(x, weights["three"]), weights["zero"])}


INPUTS = {"x": TensorSpec("float", ("batch", 4)), "mask": TensorSpec("bool", ("batch", 4))}
PROGRAM = trace("thirds", thirds, INPUTS, {"three": np.float32(3), "zero": np.float32(0)})
BATCH = {"x": np.float32([[1, 2, 3, 4]]), "mask": np.int64([[1, 0, 1, 1]])}


#: ctranslate2 takes whole models only, and the fast engine programs of the steps that encoders have.
TAKING_PROGRAMS = [name for name in RUNTIMES if name not in ("ctranslate2", "fast")]


def find_or_skip(name):
    """Return a runtime, or skip the test where its package is not installed."""
    try:
        return find_runtime(name)
    except RuntimeMissingError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", TAKING_PROGRAMS)
def test_every_runtime_runs_a_program_and_shows_its_tensors(name):
    """Outputs come by their labels, tensors by their names, real numbers in float32, and masks may be 0/1 integers."""
    executable = find_or_skip(name).load(PROGRAM)

    expected = np.where(BATCH["mask"], BATCH["x"] / np.float32(3), np.float32(0))
    shown = executable.run_exposed(BATCH, executable.survivors())
    assert executable.run(BATCH)["y"].tobytes() == expected.tobytes()
    assert set(shown) == {"y", *executable.survivors()}
    assert shown["y"].tobytes() == shown["where"].tobytes() == expected.tobytes()
    assert {str(value.dtype) for value in shown.values()} == {"float32"}


@pytest.mark.parametrize("name", RUNTIMES)
def test_every_runtime_says_what_it_is(name):
    """Name, version and options identify it in a report; an operator that nobody has is not supported."""
    runtime = find_or_skip(name)

    assert (runtime.name, bool(runtime.version)) == (name, True)
    assert all(isinstance(value, str) for value in runtime.options.values())
    assert runtime.supports("softmax") is (name in TAKING_PROGRAMS)
    assert set(runtime.recipes) <= set(Recipe)
    assert not runtime.supports("fourier_transform")


@pytest.mark.parametrize("name", TAKING_PROGRAMS)
def test_an_input_that_is_missing_is_named(name):
    """The program checks the inputs of every runtime alike."""
    with pytest.raises(ValueError, match="input mask is missing"):
        find_or_skip(name).load(PROGRAM).run({"x": BATCH["x"]})


def test_the_reference_shows_what_each_step_made_of_what_it_shows():
    """Every value is the specification's for the shown operands, rounded to float32 once."""
    executable = find_runtime("reference").load(PROGRAM)

    assert executable.survivors() == tuple(PROGRAM.tensors)
    shown = executable.run_exposed(BATCH, executable.survivors())
    for name in executable.survivors():
        given = [*PROGRAM.inputs, *(other for other in executable.survivors() if other != name)]
        step = PROGRAM.extract([name], given)
        value = step.run(ops, {operand: {**BATCH, **shown}[operand] for operand in step.inputs})[name]
        assert shown[name].tobytes() == np.asarray(value, np.float32).tobytes()


def test_unknown_names_and_options_are_refused():
    """One line that names what exists."""
    with refused(UnsupportedError, "runtime tensorflow: no adapter"):
        find_runtime("tensorflow")
    with refused(RangeError, "option level does not exist"):
        find_runtime("reference", {"level": "all"})
    with refused(RangeError, "option dtype is 'float16'"):
        find_runtime("torch", {"dtype": "float16"})
    with refused(RangeError, "option level is 'best'"):
        find_runtime("onnxruntime", {"level": "best"})
    with refused(RangeError, "option threads is 'many'"):
        find_runtime("onnxruntime", {"threads": "many"})


def test_a_runtime_that_is_not_installed_names_the_command_that_installs_it(monkeypatch):
    """The package is looked for when the runtime is asked for, and its absence is one line."""
    monkeypatch.delitem(sys.modules, "distilspec.conformance.runtimes.onnxruntime", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    with refused(RuntimeMissingError, r"package onnxruntime is not installed.*pip install 'distilspec\[onnxruntime\]'"):
        find_runtime("onnxruntime")
