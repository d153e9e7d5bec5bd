"""``logical_not``: the opposite mask."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect_dtype
from distilspec.reference.contract.types import BoolArray


def logical_not(x: BoolArray) -> BoolArray:
    """
    Turn every truth value into the other one.

    NOT-C1  x is bool
    NOT-S1  y = False where x is True, else True

    Parameters
    ----------
    x : bool [...]

    Returns
    -------
    bool [...]
        Fresh memory.

    Raises
    ------
    DTypeError
        NOT-C1: integers are refused because their bitwise not is another operator.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    None.

    Source
    ------
    ONNX Not; numpy.logical_not.

    Examples
    --------
    >>> logical_not(np.array([[True, False]]))
    array([[False,  True]])
    """
    expect_dtype("logical_not", "x", x, ("bool",), why="logic is defined on truth values", clause="NOT-C1")
    return ~x  # NOT-S1
