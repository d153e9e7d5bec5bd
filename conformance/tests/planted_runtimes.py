"""Runtimes for tests: the reference with one operator replaced by a function, which may also crash, hang or count."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants import Mutant, MutantRuntime, all_mutants
from distilspec.conformance.runtimes.adapter import RuntimeCrashError, RuntimeHangError
from distilspec.reference import ops


def planted(operator, function, name="planted"):
    """Return a runtime whose ``operator`` is ``function``."""
    return MutantRuntime(Mutant(name, operator, (), function))


def mutant(operator, name):
    """Return the runtime of a mutant of the suite."""
    (found,) = (each for each in all_mutants() if (each.replaces, each.name) == (operator, name))
    return MutantRuntime(found)


def crashing_relu(x):
    """End the process for a number above 2."""
    if np.any(x > 2):
        raise RuntimeCrashError("the process ended with signal 11")
    return ops.relu(x)


def hanging_relu(x):
    """Answer nothing for a number above 2."""
    if np.any(x > 2):
        raise RuntimeHangError("no answer in 10 s")
    return ops.relu(x)


class Counting:
    """A function that counts how often it is called and keeps what it was called with."""

    def __init__(self, function):
        """Count the calls of ``function``."""
        self.calls = []
        self._function = function

    def __call__(self, *operands, **attributes):
        """Count, and call."""
        self.calls.append([None if operand is None else np.array(operand) for operand in operands])
        return self._function(*operands, **attributes)
