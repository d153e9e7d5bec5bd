"""Units of work that end in every way a unit can end; processes import them from here."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

from distilspec.conformance.result import CaseResult, Judgement, State
from distilspec.conformance.result import Unit as Rule
from distilspec.conformance.unit import Outcome, Unit


def case(name, state=State.PASS, evidence=None):
    """Return one case in a state."""
    return CaseResult(name, "ADD-S1", "any", "add", Judgement(Rule.EXACT, state, 0.0, 0.0), ("add",), evidence)


def _passes(name, runtime, progress):
    progress(name)
    return Outcome((case(name),), frozenset({"ADD-S1"}))


def _dies(name, runtime, progress):
    os.kill(os.getpid(), 9)


def _exits(name, runtime, progress):
    os._exit(3)


def _hangs(name, runtime, progress):
    time.sleep(600)


def _once(name, folder, runtime, progress):
    """Write down that the unit ran, and die the first time."""
    path = Path(folder) / f"{name}.runs"
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")
    if len(path.read_text().splitlines()) == 1:
        os.kill(os.getpid(), 9)
    return Outcome((case(name),))


def _says_farewell(name, path, runtime, progress):
    """Have the runtime write a line when it is closed, although its process is told to end in the meantime."""

    def close():
        os.kill(os.getpid(), signal.SIGTERM)
        with path.open("a") as file:
            file.write("closed\n")

    runtime.close = close
    return Outcome((case(name),))


def passes(name):
    """Return a unit that passes."""
    return Unit(name, partial(_passes, name))


def dies(name):
    """Return a unit that kills its process."""
    return Unit(name, partial(_dies, name))


def exits(name):
    """Return a unit that ends its process with status 3."""
    return Unit(name, partial(_exits, name))


def hangs(name):
    """Return a unit that never ends."""
    return Unit(name, partial(_hangs, name))


def dies_once(name, folder):
    """Return a unit that kills its process when it is run for the first time."""
    return Unit(name, partial(_once, name, str(folder)))


def says_farewell(name, path):
    """Return a unit whose runtime writes a line to a file when it is closed."""
    return Unit(name, partial(_says_farewell, name, path))
