"""Sizes that are known as formulas: polynomials with integer coefficients in the symbols and in coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

#: An integer, or a formula for one.
Dim: TypeAlias = "int | Size"

#: Sizes of real models have a few terms of a few factors; a hostile file could make them grow without end.
MOST_TERMS = 16


class Undecided(Exception):
    """A result depends on sizes in a way that no formula here says."""


@dataclass(frozen=True)
class Size:
    """
    A polynomial that is no constant.

    A variable is a symbol, which is at least 1, or a coordinate ``@k``, which is at least 0: the index along the k-th
    axis from the end of the tensor that holds the formula. ``terms`` has each monomial once, in order, with its
    coefficient, so that equal polynomials are equal objects.

    >>> batch, sequence = variable("batch"), variable("sequence")
    >>> str(4 * batch * sequence - batch + 1)
    '1 - batch + 4*batch*sequence'
    >>> batch - batch
    0
    """

    terms: tuple[tuple[tuple[str, ...], int], ...]

    def __add__(self, other: Dim) -> Dim:
        total = dict(self.terms)
        for monomial, factor in _terms(other).items():
            total[monomial] = total.get(monomial, 0) + factor
        return _dim(total)

    def __mul__(self, other: Dim) -> Dim:
        product: dict[tuple[str, ...], int] = {}
        for monomial, factor in self.terms:
            for another, other_factor in _terms(other).items():
                joined = tuple(sorted(monomial + another))
                product[joined] = product.get(joined, 0) + factor * other_factor
        return _dim(product)

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        return self + other * -1

    def __rsub__(self, other: int) -> Dim:
        return -self + other

    __radd__ = __add__
    __rmul__ = __mul__

    def __str__(self) -> str:
        text = ""
        for monomial, factor in self.terms:
            size = "*".join([str(abs(factor))] * (abs(factor) != 1 or not monomial) + list(monomial))
            text += (" - " if factor < 0 else " + ") + size
        return text[3:] if text.startswith(" + ") else f"-{text[3:]}"


def variable(name: str) -> Size:
    """Return the polynomial that is one variable."""
    return Size((((name,), 1),))


def symbol_of(size: Dim) -> int | str:
    """
    Return a size as a program writes it: an integer or one symbol.

    Raises
    ------
    Undecided
        It is another formula.
    """
    if not isinstance(size, Size):
        return int(size)
    if len(size.terms) == 1 and size.terms[0][1] == 1 and len(size.terms[0][0]) == 1 and not coordinates(size):
        return size.terms[0][0][0]
    raise Undecided(f"a size is {size}; expected an integer or one symbol")


def coordinates(size: Dim) -> set[str]:
    """Return the coordinates that occur in a formula."""
    return {name for monomial in _terms(size) for name in monomial if name.startswith("@")}


def renamed(size: Dim, names: Mapping[str, str]) -> Dim:
    """Return the formula with other names for some variables."""
    terms = {tuple(sorted(names.get(name, name) for name in monomial)): f for monomial, f in _terms(size).items()}
    return _dim(terms)


def placed(size: Dim, name: str, value: int) -> Dim:
    """Return the formula with a number in place of a variable."""
    total: Dim = 0
    for monomial, factor in _terms(size).items():
        rest = tuple(part for part in monomial if part != name)
        total = total + _dim({rest: factor * value ** (len(monomial) - len(rest))})
    return total


def coefficient(size: Dim, name: str) -> Dim:
    """Return what a variable is multiplied by in a formula in which it occurs to the first power only."""
    found: dict[tuple[str, ...], int] = {}
    for monomial, factor in _terms(size).items():
        if monomial.count(name) > 1:
            raise Undecided(f"an index is {size}; expected it to be linear in its coordinates")
        if name in monomial:
            found[tuple(part for part in monomial if part != name)] = factor
    return _dim(found)


def divided(size: Dim, by: Dim) -> Dim:
    """Return the exact quotient by a product of symbols and a factor; ``Undecided`` if there is none."""
    divisor = _terms(by)
    if len(divisor) != 1:
        raise Undecided(f"{size} is divided by {by}; expected a product")
    ((parts, number),) = divisor.items()
    quotient = {}
    for monomial, factor in _terms(size).items():
        rest = list(monomial)
        for part in parts:
            if part not in rest:
                raise Undecided(f"{size} is divided by {by}; expected a factor of it")
            rest.remove(part)
        if factor % number:
            raise Undecided(f"{size} is divided by {by}; expected a factor of it")
        quotient[tuple(rest)] = factor // number
    return _dim(quotient)


def is_positive(size: Dim) -> bool:
    """Return whether a formula is above 0 for all values of its variables, or not above 0 for all of them."""
    low, high = _range(size)
    if low is not None and low > 0:
        return True
    if high is not None and high <= 0:
        return False
    raise Undecided(f"whether {size} is above 0 depends on the input; expected one answer")


def is_zero(size: Dim) -> bool:
    """Return whether a formula is 0 for all values of its variables, or differs from 0 for all of them."""
    if not isinstance(size, Size):
        return size == 0
    low, high = _range(size)
    if (low is not None and low > 0) or (high is not None and high < 0):
        return False
    raise Undecided(f"whether {size} is 0 depends on the input; expected one answer")


def _range(size: Dim) -> tuple[int | None, int | None]:
    """Return the smallest and the largest value where the signs of the coefficients say so."""
    terms = _terms(size)
    at_least = sum(factor for monomial, factor in terms.items() if not any(name[0] == "@" for name in monomial))
    signs = {factor > 0 for monomial, factor in terms.items() if monomial}
    return at_least if signs <= {True} else None, at_least if signs <= {False} else None


def _terms(size: Dim | Undecided) -> dict[tuple[str, ...], int]:
    if isinstance(size, Undecided):
        raise Undecided(*size.args)
    return dict(size.terms) if isinstance(size, Size) else {(): int(size)} if size else {}


def _dim(terms: Mapping[tuple[str, ...], int]) -> Dim:
    kept = {monomial: factor for monomial, factor in terms.items() if factor}
    if set(kept) <= {()}:
        return kept.get((), 0)
    if len(kept) > MOST_TERMS or any(len(monomial) > MOST_TERMS for monomial in kept):
        raise Undecided(f"a formula has more than {MOST_TERMS} terms or factors; expected a size")
    if any(abs(factor) >= 2**63 for factor in kept.values()):
        raise Undecided("a formula leaves 64 bits; expected a size")
    return Size(tuple(sorted(kept.items())))
