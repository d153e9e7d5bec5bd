"""``FirstOrder``: how far the outputs of a program may move when nothing is known but what its steps may be off by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from distilspec.conformance.adjoints import Tape, root_sum_square, worst_movement
from distilspec.conformance.adjoints.local_errors import local_errors
from distilspec.conformance.adjoints.turned_codes import unseen_codes
from distilspec.conformance.dimensions import MASK, dimensions, parts, takes_one_scale
from distilspec.reference.contract.types import Array, Float64Array
from distilspec.reference.program import Program


@dataclass(frozen=True)
class Movement:
    """
    How far one quantity may move in one run, in its own unit.

    Parameters
    ----------
    worst : float
        By float errors that all have their worst sign and size: docs/derivations/decisions.md, equation (2).
    at_random : float
        The scale of the same errors with signs at random, equation (8).
    by_codes : float
        The scale of what codes that nobody has seen may do, equation (5).
    """

    worst: float
    at_random: float
    by_codes: float


class FirstOrder:
    """
    Movements of a program's outputs around the reference's own run; what they need is calculated when first asked for.

    Where texts do not move each other, a movement is calculated on the one text that it is about.

    Parameters
    ----------
    program : Program
    inputs : mapping of name to array
    """

    def __init__(self, program: Program, inputs: Mapping[str, Array]) -> None:
        """Keep the program and its inputs."""
        self.program = program
        self.inputs = program.checked(inputs)
        self._texts: dict[int, FirstOrder] = {}

    def movement(
        self, label: str, place: tuple[int, ...], direction: Float64Array, *, codes_equal: bool = False
    ) -> Movement:
        """
        Return how far <direction, output[place]> may move.

        Parameters
        ----------
        label : str
            The output.
        place : tuple of int
            Which vector of it, along the last axis.
        direction : float64 [last axis]
        codes_equal : bool
            Whether every code is known to be that of the run with which this one is compared. Then no movement passes
            through a code.

        Raises
        ------
        UnsupportedError
            The output depends on an operator that has no reverse rule.
        """
        if self._has_texts_apart(label):
            return self._text(place[0]).movement(label, (0, *place[1:]), direction, codes_equal=codes_equal)
        shape = self._tape.value(self.program.outputs[label]).shape
        cotangent = np.zeros(shape)
        cotangent[place] = direction
        moves = self._tape.sensitivities({label: cotangent}, codes_fixed=codes_equal)
        return Movement(
            worst_movement(moves, self._errors),
            root_sum_square(moves, self._errors),
            0.0 if codes_equal else unseen_codes(self.program, moves),
        )

    def _has_texts_apart(self, label: str) -> bool:
        if MASK not in self.inputs or len(self.inputs[MASK]) < 2 or takes_one_scale(self.program):
            return False
        batch = self.program.inputs[MASK].shape[0]
        return isinstance(batch, str) and self.program.spec(self.program.outputs[label]).shape[:1] == (batch,)

    def _text(self, index: int) -> FirstOrder:
        if index not in self._texts:
            batch = dimensions(self.program).batch
            alone = parts(self.program, self.inputs, batch, slice(index, index + 1))
            self._texts[index] = FirstOrder(self.program, alone)
        return self._texts[index]

    @cached_property
    def _tape(self) -> Tape:
        return Tape(self.program, self.inputs)

    @cached_property
    def _errors(self) -> dict[str, Float64Array]:
        return local_errors(self.program, self.inputs)
