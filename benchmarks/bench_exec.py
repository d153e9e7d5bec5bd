"""
How long a small request over the subprocess protocol takes, with the examples in C, Node and Python.

Run ``pytest benchmarks/bench_exec.py``. Every request is a new one, since answers are remembered.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from distilspec.conformance.runtimes import find_runtime
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.tracer import Builder

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "runtimes"


def one_addition():
    """Return a program of one small step."""
    builder = Builder("add", {"a": TensorSpec("float", (3, 4)), "b": TensorSpec("float", (4,))}, {"recipe": "fp32"})
    return builder.finish({"y": builder.emit("add", "add", ["a", "b"])[0]})


def command_of(language, folder):
    """Return the command that starts an example, which is compiled if it has to be."""
    if language == "python":
        return [sys.executable, EXAMPLES / "python" / "numpy_runtime.py"]
    tool = shutil.which("cc" if language == "c" else "node")
    if tool is None:
        pytest.skip(f"there is no compiler or interpreter for {language}")
    if language == "node":
        return [tool, EXAMPLES / "node" / "runtime.mjs"]
    subprocess.run([tool, "-std=c99", "-O2", "-o", folder / "runtime", EXAMPLES / "c" / "runtime.c", "-lm"], check=True)
    return [folder / "runtime"]


@pytest.mark.parametrize("language", ["c", "node", "python"])
def test_small_requests(language, tmp_path, benchmark):
    """One addition of 12 numbers, there and back."""
    runtime = find_runtime("exec:" + " ".join(map(str, command_of(language, tmp_path))))
    executable = runtime.load(one_addition())
    numbers = count()

    def ask():
        a = np.full((3, 4), next(numbers), np.float32)
        return a, executable.run({"a": a, "b": np.ones(4, np.float32)})["y"]

    a, y = ask()
    assert y.tobytes() == (a + 1).tobytes()
    benchmark(ask)
    runtime.close()
