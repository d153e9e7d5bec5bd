"""The adapter of the fast engine, as far as single operators go."""

from __future__ import annotations

import os
import sys
from functools import cache

import numpy as np
import pytest
from refusal import refused

from distilspec.conformance.cases.models import model_subject
from distilspec.conformance.check import check_operators
from distilspec.conformance.goldens import load_goldens
from distilspec.conformance.one_step import one_step
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.runtimes.adapter import Granularity, RuntimeMissingError
from distilspec.fast import Engine, operators
from distilspec.fast.isa import TARGETS, UnsupportedTargetError, executable_targets
from distilspec.reference.contract.errors import RangeError


@cache
def goldens():
    """Return the goldens of each operator."""
    cases = list(load_goldens())
    return {name: [case for case in cases if case.operator == name] for name in operators.OPERATORS}


@pytest.mark.parametrize("name", operators.OPERATORS)
def test_goldens_pass(name):
    """All but those of integers, which no kernel adds or multiplies."""
    results = check_operators(find_runtime("fast"), goldens()[name])

    assert results
    declined = [result.id for result in results if result.state is State.UNSUPPORTED]
    assert [result.id for result in results if result.state not in (State.PASS, State.UNSUPPORTED)] == []
    assert all("int64" in case_id for case_id in declined), declined


def test_only_kernels_are_operators():
    """By NumPy there are whole programs alone, and what neither has is not declared."""
    native, numpy = find_runtime("fast"), find_runtime("fast", {"backend": "numpy"})

    assert Granularity.OPERATORS in native.granularity
    assert numpy.granularity == (Granularity.PROGRAMS,)
    assert [runtime.supports("matmul_integer") for runtime in (native, numpy)] == [True, False]
    assert not native.supports("softmax")


def test_without_a_compiler_of_kernels(monkeypatch):
    """One line that says what is missing and what would do without it."""
    for module in list(sys.modules):
        if module.startswith("distilspec.fast.operators"):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.delattr("distilspec.fast.operators")
    monkeypatch.setitem(sys.modules, "distilspec.fast.codegen.compile", None)

    with refused(RuntimeMissingError, r"runtime fast: package .* is not installed; .* or option backend=numpy"):
        find_runtime("fast")
    assert find_runtime("fast", {"backend": "numpy"}).supports("linear")


def test_a_single_step_shows_its_results():
    """All of them, under their names in the program, besides the outputs."""
    x = np.float32([[1, -254], [3, 0]])
    labels = ["codes", "scale", "zero_point"]
    program, inputs = one_step("dynamic_quantize_token", {"x": x}, {}, labels)
    executable = find_runtime("fast").load(program)

    outputs = executable.run(inputs)
    shown = executable.run_exposed(inputs, executable.survivors())

    assert executable.survivors() == tuple(program.tensors)
    assert outputs["codes"].tolist() == [[0, -127], [127, 0]]
    for label, tensor in program.outputs.items():
        np.testing.assert_array_equal(shown[tensor], outputs[label])


def test_instructions_that_cannot_be_forced_are_refused_at_once(monkeypatch):
    """One line, and not an error of every case."""
    able = {target.name for target in executable_targets()}
    monkeypatch.setenv("DISTILSPEC_ISA", next(name for name in TARGETS if name not in able))
    with refused(UnsupportedTargetError, "this processor cannot execute"):
        find_runtime("fast")
    monkeypatch.setenv("DISTILSPEC_ISA", "vax")
    with refused(UnsupportedTargetError, "'vax' is no target"):
        find_runtime("fast")


def test_no_threads_are_refused_at_once():
    """Before a model is loaded."""
    with refused(RangeError, "option threads is 0; expected at least 1"):
        find_runtime("fast", {"threads": "0"})


def test_more_threads_than_processors_give_the_same_bits():
    """A user's engine refuses them for being slow; the suite asks for several on any machine."""
    subject = model_subject("random-bert-0", "w8a8-static")
    threads = len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else os.cpu_count() + 1

    one, many = (find_runtime("fast", {"threads": str(n)}).load(subject.program) for n in (1, threads))

    for inputs in subject.batches.values():
        expected = one.run(inputs)
        assert all(array.tobytes() == expected[label].tobytes() for label, array in many.run(inputs).items())
    with refused(RangeError, f"threads: got {threads}; expected"):
        Engine(subject.program, threads=threads)


@pytest.mark.parametrize("backend", ["native", "numpy"])
def test_operators_of_quantised_attention_are_held_inside_programs_only(backend):
    """Neither is a softmax by itself declared, nor is a program under the recipe refused for one."""
    runtime = find_runtime("fast", {"backend": backend})
    alone, _ = one_step("softmax", {"x": np.ones((2, 3))}, {"axis": -1}, ["y"])

    assert runtime.missing(alone) == ["softmax"]
    assert runtime.missing(model_subject("random-bert-0", "w8a8-static-attn").program) == []
