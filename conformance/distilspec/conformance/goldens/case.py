"""``GoldenCase``: one question to a runtime and the answer that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from distilspec.reference.contract.types import Array, Attribute, BoolArray

Origin: TypeAlias = Literal["hand", "exact", "reference"]
Judgement: TypeAlias = Literal["exact", "set", "bound"]

ORIGINS: tuple[Origin, ...] = ("hand", "exact", "reference")

#: The operator of a case that runs a whole program.
PROGRAM = "program"


@dataclass(frozen=True, eq=False)
class Expected:
    """
    The answer for one output.

    Parameters
    ----------
    name : str
        ``y``, or the field of the operator's named tuple.
    value : array
        float64 stands for a real number, as in the reference.
    judgement : {"exact", "set", "bound"}
        ``exact``: every legitimate float32 implementation gives this value, and no other one is accepted.
        ``bound``: a real number rounded once, or a scale, around which the operator's derived bound lies.
        ``set``: codes that the declared freedoms of the operator may move.
    judged : bool array of the same shape, optional
        False where the specification leaves the element open; without it every element is judged.
    """

    name: str
    value: Array
    judgement: Judgement
    judged: BoolArray | None = None


@dataclass(frozen=True, eq=False)
class GoldenCase:
    """
    One application of an operator to given inputs, and the answer.

    Parameters
    ----------
    id : str
        Begins with the operator's name; never reused.
    operator : str
    clauses : tuple of str
        The clauses that the case is evidence for.
    origin : {"hand", "exact", "reference"}
        Who found the answer: a person's arithmetic, exact arithmetic that shares no code with the reference, or the
        reference itself (which then proves no more than that nothing has changed).
    inputs : mapping of name to array or None
        In the order of the operator's parameters; None is an absent operand.
    expected : tuple of Expected
    notes : str
        Why the case exists, and which wrong implementation it tells apart.
    attributes : mapping of str to attribute
    allowed : tuple of tuples of Expected
        Other complete answers that the specification sanctions.
    recipe : str, optional
        The recipe whose numerics the case belongs to, when it is not every recipe.
    program : str, optional
        With the operator ``program``: the folder of the program, in our saved form, inside the golden folder.
    superseded_by : str, optional
        The case that corrects this one, which is then no longer used.
    """

    id: str
    operator: str
    clauses: tuple[str, ...]
    origin: Origin
    inputs: Mapping[str, Array | None]
    expected: tuple[Expected, ...]
    notes: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    allowed: tuple[tuple[Expected, ...], ...] = ()
    recipe: str | None = None
    program: str | None = None
    superseded_by: str | None = None

    @property
    def arguments(self) -> tuple[Array | None, ...]:
        """Return the operands in the order of the operator's parameters."""
        return tuple(self.inputs.values())
