"""
Every operator that a runtime can be asked for at inference time, one file each.

Each file has ``cases()``, the boundary corpus, and ``strategy()``, from which the fuzzer draws calls that satisfy the
operator's preconditions.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from hypothesis.strategies import SearchStrategy

from distilspec.conformance.cases.call import Call, Case

#: The operators that have cases.
OPERATORS = tuple(sorted(module.name for module in iter_modules(__path__)))


def boundary_cases(operator: str) -> Iterator[Case]:
    """Iterate over the boundary corpus of an operator; the arrays are made on the way."""
    cases: Iterator[Case] = import_module(f"{__name__}.{operator}").cases()
    return cases


def call_strategy(operator: str) -> SearchStrategy[Call]:
    """Return the strategy that draws calls of an operator."""
    strategy: SearchStrategy[Call] = import_module(f"{__name__}.{operator}").strategy()
    return strategy
