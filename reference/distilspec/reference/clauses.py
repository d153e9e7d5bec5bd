"""
The clauses of the specification, read from the docstrings in which they stand.

A clause is a line ``PREFIX-C1  text`` (a precondition: violating it raises) or ``PREFIX-S1  text`` (semantics), before
the first section of an operator's docstring; indented lines below it continue it.

>>> from distilspec.reference.ops import negate
>>> for clause in clauses(negate):
...     print(clause)
NEG-C1  x is float32 or float64
NEG-S1  y = -x   (real numbers; 0 gives -0)
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from distilspec.reference.contract.errors import ContractError
from distilspec.reference.ops import OPERATORS

_CLAUSE = re.compile(r"^(?P<id>[A-Z][A-Z0-9]*-[CS][1-9][0-9]*)  (?P<text>\S.*(?:\n +\S.*)*)", re.MULTILINE)
_RESEMBLES_A_CLAUSE = re.compile(r"\s*\w+\s?[-_]\s?[A-Za-z]\s?[0-9]+[:.]?(?!\S)")
_SECTION = re.compile(r"^.+\n-+$", re.MULTILINE)


class ClauseError(ContractError):
    """A docstring has a malformed clause, or one id has two meanings."""


@dataclass(frozen=True)
class Clause:
    """One numbered sentence of the specification."""

    id: str
    text: str

    @property
    def prefix(self) -> str:
        """Return the part of the id that names the operator."""
        return self.id.partition("-")[0]

    @property
    def kind(self) -> str:
        """Return C for a precondition, S for semantics."""
        return self.id.partition("-")[2][0]

    @property
    def number(self) -> int:
        """Return the number among the operator's clauses of this kind."""
        return int(self.id.partition("-")[2][1:])

    def __str__(self) -> str:
        return f"{self.id}  {self.text}"


def clauses(operator: Callable[..., Any]) -> tuple[Clause, ...]:
    """
    Return the clauses of an operator in the order of its docstring.

    Raises
    ------
    ClauseError
        A line resembles a clause and is none, an id stands twice, or there are two prefixes.
    """
    name = operator.__name__
    head = _SECTION.split(inspect.getdoc(operator) or "")[0]
    for line in head.splitlines():
        if _RESEMBLES_A_CLAUSE.match(line) and not _CLAUSE.match(line):
            raise ClauseError(f"{name}: line {line!r}; expected 'PREFIX-S1  text' because its form makes it a clause")
    found = tuple(Clause(match["id"], re.sub(r"\n +", " ", match["text"])) for match in _CLAUSE.finditer(head))
    ids = [clause.id for clause in found]
    twice = sorted({clause for clause in ids if ids.count(clause) > 1})
    if twice:
        raise ClauseError(f"{name}: clause {twice[0]} stands twice; expected one meaning an id")
    prefixes = sorted({clause.prefix for clause in found})
    if len(prefixes) > 1:
        raise ClauseError(f"{name}: clauses have the prefixes {', '.join(prefixes)}; expected one")
    return found


def all_clauses(operators: Mapping[str, Callable[..., Any]] = OPERATORS) -> dict[str, tuple[Clause, ...]]:
    """
    Return the clauses of every operator by the operator's name.

    Raises
    ------
    ClauseError
        As for ``clauses``, or two operators share a prefix.
    """
    specification = {name: clauses(operator) for name, operator in operators.items()}
    owners: dict[str, str] = {}
    for name, found in specification.items():
        for prefix in {clause.prefix for clause in found}:
            owner = owners.setdefault(prefix, name)
            if owner != name:
                raise ClauseError(f"{name}: prefix {prefix} is that of {owner}; expected a prefix of its own")
    return specification
