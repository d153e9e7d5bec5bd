"""``Mutant``: the reference with one operator that has one bug."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from distilspec.conformance.runtimes.adapter import Executable, Runtime
from distilspec.conformance.runtimes.reference import ReferenceExecutable
from distilspec.reference import ops
from distilspec.reference.contract.spec import SPEC_VERSION
from distilspec.reference.program import Program


@dataclass(frozen=True)
class Mutant:
    """
    One wrong way to carry out one operator.

    Parameters
    ----------
    name : str
        What is wrong, in the words of a bug report.
    replaces : str
        The operator that is wrong.
    clauses : tuple of str
        The clauses that it breaks.
    operator : callable
        Takes what the reference operator ``replaces`` takes.
    seen_in : str
        Where it was met, if it was: a runtime, an instruction, an issue.
    """

    name: str
    replaces: str
    clauses: tuple[str, ...]
    operator: Callable[..., Any]
    seen_in: str = ""

    @property
    def namespace(self) -> Any:
        """Return the reference's operators with this one replaced, to run programs on."""
        operators = {**ops.OPERATORS, self.replaces: np.errstate(all="ignore")(self.operator)}
        return SimpleNamespace(**operators, constant=ops.constant)

    def runtime(self) -> Runtime:
        """Return a fresh runtime with this bug."""
        return MutantRuntime(self)


class MutantRuntime(Runtime):
    """A runtime with exactly one bug; the suite must not find it conformant."""

    version = SPEC_VERSION
    options: Mapping[str, str] = {}

    def __init__(self, mutant: Mutant) -> None:
        """Run programs on the mutant's operators."""
        self.name = f"mutant: {mutant.name}"
        self._mutant = mutant

    def supports(self, op: str) -> bool:
        """Return whether the operator exists."""
        return op in ops.OPERATORS

    def load(self, program: Program) -> Executable:
        """Return the program on the mutant's operators."""
        return ReferenceExecutable(program, self._mutant.namespace)
