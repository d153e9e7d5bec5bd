"""Runtimes with one planted bug each: the suite must find every one, and they name the bugs of real runtimes."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from distilspec.conformance.mutants.mutant import Mutant, MutantRuntime
from distilspec.reference.ops import OPERATORS

__all__ = ["Mutant", "MutantRuntime", "all_mutants"]


def all_mutants() -> tuple[Mutant, ...]:
    """Return every mutant, in the order of the operators' names."""
    names = sorted(module.name for module in iter_modules(__path__) if module.name in OPERATORS)
    return tuple(mutant for name in names for mutant in import_module(f"{__name__}.{name}").MUTANTS)
