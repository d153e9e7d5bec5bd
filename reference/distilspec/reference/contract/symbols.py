"""Symbolic dimensions: names that stand for a size which is known only when a program runs."""

from __future__ import annotations

from functools import cache
from typing import NoReturn

from distilspec.reference.contract.errors import SymbolError

BATCH = "batch"
SEQUENCE = "sequence"


class Symbol:
    """A dimension without a size. It can be passed on; branching or calculating on it is an error."""

    def __init__(self, name: str) -> None:
        """Name the dimension, for example ``batch``."""
        self.name = name

    def __repr__(self) -> str:
        """Return the bare name."""
        return self.name

    def _refuse(self, *_: object) -> NoReturn:
        raise SymbolError(
            f"symbol {self.name}: a model branched or calculated on it; expected it to be passed on unchanged "
            "because a program must be the same for every size"
        )

    __bool__ = __int__ = __index__ = __len__ = __float__ = _refuse
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __pow__ = __rpow__ = __neg__ = __abs__ = _refuse
    __floordiv__ = __rfloordiv__ = __truediv__ = __rtruediv__ = __mod__ = __rmod__ = _refuse
    __hash__ = object.__hash__


@cache
def symbol(name: str) -> Symbol:
    """Return the one symbol of that name, so that equal dimensions are the same object."""
    return Symbol(name)
