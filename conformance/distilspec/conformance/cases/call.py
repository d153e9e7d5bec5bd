"""``Call``: an operator with its operands; ``Case``: a call with a name and the clauses at which it aims."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, get_type_hints

import numpy as np

from distilspec.conformance.cases.draw import Draw
from distilspec.conformance.one_step import one_step
from distilspec.reference import ops
from distilspec.reference.contract.types import Array, Attribute
from distilspec.reference.program import Program


@dataclass(frozen=True, eq=False)
class Call:
    """
    One application of an operator.

    Parameters
    ----------
    operator : str
    operands : mapping of parameter to array or None
        In the order of the operator's parameters; None is an absent operand.
    attributes : mapping of str to attribute
    fed : frozenset of str
        Operands that a runtime gets as inputs although they usually are constants.
    """

    operator: str
    operands: Mapping[str, Array | None]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    fed: frozenset[str] = frozenset()

    @property
    def results(self) -> tuple[str, ...]:
        """Return the names of the outputs: ``y``, or the fields of the operator's named tuple."""
        made = get_type_hints(ops.OPERATORS[self.operator])["return"]
        fields: tuple[str, ...] = getattr(made, "_fields", ("y",))
        return fields

    @property
    def size(self) -> tuple[int, int]:
        """Return how many elements the operands have, and how many of those are not 0."""
        present = [array for array in self.operands.values() if array is not None]
        return sum(array.size for array in present), sum(int((array != 0).sum()) for array in present)

    def program(self) -> tuple[Program, Mapping[str, Array]]:
        """Return the call as a program of one step, and the inputs for it."""
        return one_step(self.operator, self.operands, self.attributes, self.results, fed=self.fed)

    def digest(self) -> bytes:
        """Return a hash of all that the call consists of."""
        content = hashlib.sha256(repr((self, sorted(self.fed))).encode())
        for array in self.operands.values():
            if array is not None:
                content.update(array.tobytes())
        return content.digest()

    def __repr__(self) -> str:
        """Return the call with types and shapes in place of the elements."""
        operands = [f"{name}={_described(array)}" for name, array in self.operands.items()]
        attributes = [f"{name}={value!r}" for name, value in self.attributes.items()]
        return f"{self.operator}({', '.join(operands + attributes)})"


def call(operator: str, *, fed: Collection[str] = (), **given: Any) -> Call:
    """
    Return a call from the operands and attributes by their names; a list of tensors stands for ``*tensors``.

    >>> call("softmax", x=np.float32([[1, 2]]), axis=0)
    softmax(x=float32[1, 2], axis=0)
    """
    operands: dict[str, Array | None] = {}
    attributes: dict[str, Attribute] = {}
    for name, parameter in inspect.signature(ops.OPERATORS[operator]).parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            operands |= {f"{name}{index}": np.asarray(array) for index, array in enumerate(given.pop(name))}
        elif parameter.kind is not parameter.KEYWORD_ONLY:
            operand = given.pop(name, None)
            operands[name] = None if operand is None else np.asarray(operand)
        elif name in given:
            attributes[name] = given.pop(name)
    if given:
        raise TypeError(f"{operator} has no {', '.join(given)}")
    while operands and list(operands.values())[-1] is None:
        operands.popitem()
    return Call(operator, operands, attributes, frozenset(fed))


@dataclass(frozen=True, eq=False)
class Case:
    """A call that is known to tell right from wrong: ``aim`` says what it tells apart, ``clauses`` whose evidence."""

    id: str
    clauses: tuple[str, ...]
    aim: str
    call: Call


class Draft(Draw):
    """A case that has a name and draws its numbers by it."""

    def __init__(self, operator: str, name: str, clauses: str, aim: str) -> None:
        """Begin the case; ``clauses`` are parted by blanks, and a minus in the name becomes an m."""
        self.id = f"{operator}/boundary/{name.replace('--', '-m')}"
        super().__init__(self.id)
        self._operator = operator
        self._clauses = tuple(clauses.split())
        self._aim = aim

    def case(self, **given: Any) -> Case:
        """Return the case with its operands and attributes, as ``call`` takes them."""
        return Case(self.id, self._clauses, self._aim, call(self._operator, **given))


@dataclass(frozen=True)
class Cases:
    """Begins the boundary cases of an operator."""

    operator: str

    def named(self, name: str, clauses: str, aim: str) -> Draft:
        """Begin a case."""
        return Draft(self.operator, name, clauses, aim)


def _described(array: Array | None) -> str:
    return "None" if array is None else f"{array.dtype}[{', '.join(map(str, array.shape))}]"
