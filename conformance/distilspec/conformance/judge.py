"""The verdict on one tensor: exact, allowed set or derived bound, element by element."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distilspec.conformance.distribution import Distribution, suspicion
from distilspec.conformance.result import SHARES, Judgement, State, Unit
from distilspec.reference.contract.types import Array, Float64Array

#: A tensor with fewer elements is too small for its distribution to prove or disprove anything.
SMALLEST_TRUSTED = 16

#: A tensor whose root mean square share of the bound is smaller is not looked at: in sums of up to 40000 terms, that is
#: less than one deviation.
LARGEST_USUAL = 0.005


def judge(
    got: Array, expected: Array, error: Float64Array, likely: Callable[[], Distribution] | None = None
) -> Judgement:
    """
    Judge a runtime's tensor against the expected value and the error that each element may have.

    Integers and booleans: equal where the error is 0, else within the allowed set expected - error to expected + error.
    Floats: |got - expected| <= error, where the error already holds every rounding that a legitimate float32
    implementation makes; an element whose error is 0 must be equal; NaN and infinities must be the same ones.

    Parameters
    ----------
    got : array [...]
        What the runtime returned.
    expected : integer, bool or float64 [...]
    error : float64 [...], not negative
        Infinite where the specification leaves the element open.
    likely : callable, optional
        Gives the distribution of the error of independent roundings; called when floats use much of their bound.

    Returns
    -------
    Judgement
        FAIL names the first worst element; MISTRUSTED says that the values could not have failed; PASS with a
        ``suspicion`` says why no independent roundings explain what was accepted.
    """
    if got.shape != expected.shape:
        return _failed(Unit.EXACT, f"has shape {got.shape}; expected {expected.shape}")
    if expected.dtype.kind in "iub":
        return _judge_codes(got, expected, error)
    if got.dtype.kind != "f":
        return _failed(Unit.BOUND, f"has dtype {got.dtype}; expected floating point")
    return _judge_floats(got.astype(np.float64), expected.astype(np.float64), error, likely)


def _judge_codes(got: Array, expected: Array, error: Float64Array) -> Judgement:
    unit = Unit.SET if np.any(error > 0) else Unit.EXACT
    if got.dtype != expected.dtype:
        return _failed(unit, f"has dtype {got.dtype}; expected {expected.dtype}")
    difference = got.astype(np.int64) - expected.astype(np.int64)
    wrong = np.abs(difference) > error
    largest = float(np.max(np.abs(difference), initial=0))
    share = np.divide(difference, error, out=np.where(wrong, np.inf, 0.0), where=error > 0)
    shares = _counted(share[~np.isposinf(error)])
    if np.any(wrong):
        worst = _first(np.where(wrong, np.abs(difference), 0))
        low, high = int(expected[worst]) - int(error[worst]), int(expected[worst]) + int(error[worst])
        allowed = str(low) if low == high else f"{low} to {high}"
        return Judgement(
            unit, State.FAIL, largest, np.inf,
            f"element {_at(worst)} is {int(got[worst])}; expected {allowed}; "
            f"{np.count_nonzero(wrong)} of {got.size} differ", shares=shares,
        )  # fmt: skip
    used = float(np.max(np.abs(share), initial=0.0))
    state, detail = State.PASS, ""
    if expected.dtype != np.bool_ and got.size >= SMALLEST_TRUSTED and np.unique(expected).size < 2:
        state, detail = State.MISTRUSTED, "every expected code is the same"
    return Judgement(unit, state, largest, used, detail, shares=shares)


def _judge_floats(
    got: Float64Array, expected: Float64Array, error: Float64Array, likely: Callable[[], Distribution] | None
) -> Judgement:
    unit = Unit.BOUND if np.any(error > 0) else Unit.EXACT
    regular = np.isfinite(expected) & np.isfinite(error)
    same = (got == expected) | (np.isnan(got) & np.isnan(expected)) | np.isposinf(error)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where(regular, got - expected, 0.0)
    # a non-finite answer to a finite question differs by infinity, whatever the subtraction gave
    difference = np.where(regular & ~np.isfinite(got), np.inf, difference)
    within = np.where(regular, np.abs(difference) <= error, same)
    largest = float(np.max(np.abs(difference), initial=0.0))
    share = np.divide(
        difference,
        error,
        out=np.where(difference == 0, 0.0, np.inf),
        where=regular & (error > 0) & np.isfinite(difference),
    )
    used = float(np.max(np.abs(share[regular]), initial=0.0))
    rms = float(np.sqrt(np.mean(share[regular] ** 2))) if np.any(regular) else 0.0
    shares = _counted(np.where(regular, share, np.where(same, 0.0, np.inf))[~np.isposinf(error)])
    if not np.all(within):
        worst = _first(np.where(within, 0.0, np.where(regular, np.abs(share), np.inf)))
        return Judgement(
            unit, State.FAIL, largest, used,
            f"element {_at(worst)} is {got[worst]:.9g}; expected {expected[worst]:.9g} +- {error[worst]:.3g}; "
            f"{np.count_nonzero(~within)} of {got.size} outside", shares=shares, rms_used=rms,
        )  # fmt: skip
    bias = float(np.mean(share[regular])) if np.any(regular) else 0.0
    strange = suspicion(difference, expected, likely()) if likely is not None and rms > LARGEST_USUAL else ""
    state, detail = State.PASS, f"statistically suspicious: {strange}" if strange else ""
    if got.size >= SMALLEST_TRUSTED and np.count_nonzero(expected) < 0.05 * got.size:
        state, detail = State.MISTRUSTED, "more than 95 % of the expected values are 0"
    elif got.size >= SMALLEST_TRUSTED and np.median(error) > np.median(np.abs(expected)):
        state, detail = State.MISTRUSTED, "the bound is larger than the signal"
    return Judgement(unit, state, largest, used, detail, bias, shares=shares, rms_used=rms, suspicion=strange)


def _counted(share: Float64Array) -> tuple[int, ...]:
    """Return how many elements used none of their bound, up to each of ``SHARES``, and more than the last."""
    places = np.searchsorted(SHARES, np.abs(share).ravel())
    return tuple(np.bincount(places, minlength=len(SHARES) + 1).tolist())


def _first(badness: Array) -> tuple[int, ...]:
    return tuple(int(index) for index in np.unravel_index(int(np.argmax(badness)), badness.shape))


def _at(index: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(str, index)) + "]"


def _failed(unit: Unit, detail: str) -> Judgement:
    return Judgement(unit, State.FAIL, np.inf, np.inf, detail)
