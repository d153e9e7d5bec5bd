"""By how much an engine makes a fresh process larger."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: Prints what a process holds because of an engine, after one sequence of 128 tokens, and how much of it are
#: activations, in bytes. A small engine goes before it, so that what any engine loads and maps does not count.
PROBE = """
import gc, os, sys
from pathlib import Path
import numpy as np
import tokenizers
from small_models import inputs, small_program
from distilspec.fast import Engine, compile
from distilspec.reference.formats import load_program

def resident():
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

small = small_program("w8a8-static")
Engine(small).run(inputs(small, 1, 8))
before = resident()
engine = eval(sys.argv[1])
engine(np.ones((1, 128), int))
(bound,) = engine._backend._bound.values()
print(resident() - before, bound._arena.size)
"""


def held_by(engine):
    """Return the bytes that an engine, an expression with public names, holds, and those of its activations."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", PROBE, engine], env=environment, stdout=subprocess.PIPE, check=True)
    held, activations = map(int, done.stdout.split())
    return held, activations


def made(folder):
    """Return the expression of an engine that is made from a saved program."""
    return f"Engine(load_program(Path({str(folder)!r})))"


def loaded(folder):
    """Return the expression of an engine from a folder."""
    return f"Engine.load({str(folder)!r})"
