"""How far apart two answers to one question are, and how far apart they may be: docs/derivations/decisions.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from distilspec.conformance.adjoints.first_order import FirstOrder
from distilspec.conformance.adjoints.turned_codes import deviations_of_vectors
from distilspec.conformance.dimensions import tokens
from distilspec.conformance.result import Judgement, State, Unit
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array, Float64Array


@dataclass(frozen=True)
class Compared:
    """
    Which two answers are compared.

    Parameters
    ----------
    runs : int
        How many of the two come from a runtime: 1 if the other is the reference's, which makes no error.
    codes_equal : bool
        Whether every code of both is known to be the same.
    unit : Unit
        The rule by which they are judged.
    """

    runs: int
    codes_equal: bool
    unit: Unit


def judge_distance(limits: FirstOrder, label: str, first: Array, second: Array, compared: Compared) -> Judgement:
    """
    Judge the output ``label`` of two runs by the vector that differs most, in the direction in which it does.

    A vector is a row along the last axis; positions that are padding do not count. Let d be the difference of two
    vectors and w = d / |d|. Then |d| = <w, d>, and that quantity may move in each run by its first-order bound, and by
    what codes that nobody has seen may do, a limit that holds for all directions at once.

    Parameters
    ----------
    limits : FirstOrder
        Of the question that was asked.
    label : str
    first, second : float arrays of the shape of the output
    compared : Compared

    Returns
    -------
    Judgement
        FAIL: beyond what float errors at their worst can do. UNDECIDED, of two runs: not beyond, but beyond what float
        errors at random do. MISTRUSTED: the limit is larger than the vector. ``max_error`` is |d|.
    """
    counted = tokens(limits.program, limits.inputs, limits.program.outputs[label], first.shape)
    a, b = (np.where(counted, array.astype(np.float64), 0.0) for array in (first, second))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return _not_finite(label, a, b, compared.unit)
    difference = b - a
    lengths = np.linalg.norm(difference, axis=-1)
    if not np.any(lengths):
        return Judgement(compared.unit, *_of_equals(a, label))
    place = tuple(map(int, np.unravel_index(int(np.argmax(lengths)), lengths.shape)))
    distance = float(lengths[place])
    try:
        moves = limits.movement(label, place, difference[place] / distance, codes_equal=compared.codes_equal)
    except UnsupportedError as error:
        return Judgement(compared.unit, State.UNDECIDED, distance, 0.0, f"{label} moved by {distance:.3g}; {error}")
    vectors = int(np.count_nonzero(counted.any(axis=-1)))
    deviations = deviations_of_vectors(int(np.count_nonzero(counted[place])), vectors)
    by_codes = deviations * moves.by_codes
    worst = compared.runs * moves.worst + by_codes
    at_random = deviations * math.sqrt(compared.runs) * moves.at_random + by_codes
    state = _state(distance, worst, at_random if compared.runs > 1 else worst, float(np.linalg.norm(a[place])))
    detail = f"{label}{_at(place)} moved by {distance:.3g}; float errors and turned codes explain at most {worst:.3g}"
    if state is State.UNDECIDED:
        detail += f", errors at random {at_random:.3g}"
    if state is State.MISTRUSTED:
        detail = f"{label}{_at(place)} may move by {worst:.3g}, more than its length"
    return Judgement(compared.unit, state, distance, distance / worst if worst else math.inf, detail)


def _state(distance: float, worst: float, at_random: float, length: float) -> State:
    if distance > worst:
        return State.FAIL
    if worst > length:
        return State.MISTRUSTED
    return State.UNDECIDED if distance > at_random else State.PASS


def _of_equals(array: Float64Array, label: str) -> tuple[State, float, float, str]:
    if np.any(array):
        return State.PASS, 0.0, 0.0, ""
    return State.MISTRUSTED, 0.0, 0.0, f"{label} is 0 everywhere"


def _not_finite(label: str, first: Float64Array, second: Float64Array, unit: Unit) -> Judgement:
    count = np.count_nonzero(~(np.isfinite(first) & np.isfinite(second)))
    return Judgement(unit, State.FAIL, math.inf, math.inf, f"{count} elements of {label} are not finite")


def _at(place: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, place))}]" if place else ""
