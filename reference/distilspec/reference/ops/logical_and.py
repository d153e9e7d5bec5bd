"""``logical_and``: conjunction of two masks."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect_broadcastable, expect_dtype
from distilspec.reference.contract.types import BoolArray


def logical_and(a: BoolArray, b: BoolArray) -> BoolArray:
    """
    Say for every element whether both tensors hold True.

    AND-C1  a and b are bool
    AND-C2  the shapes of a and b broadcast: aligned from the last axis, sizes are equal or one of them is 1
    AND-S1  y = True where a and b are both True, else False

    Parameters
    ----------
    a : bool [...]
    b : bool [...]

    Returns
    -------
    bool [...]
        Has the broadcast shape; fresh memory.

    Raises
    ------
    DTypeError
        AND-C1: integers are refused because their bitwise and is another operator.
    ShapeError
        AND-C2.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    None.

    Source
    ------
    ONNX And; numpy.logical_and.

    Examples
    --------
    A key mask [batch, 1, keys] and a causal mask [queries, keys] meet in [batch, queries, keys]:

    >>> logical_and(np.array([[[True, False]]]), np.array([[True, False], [True, True]])).tolist()
    [[[True, False], [True, False]]]
    """
    for name, array in (("a", a), ("b", b)):
        expect_dtype("logical_and", name, array, ("bool",), why="logic is defined on truth values", clause="AND-C1")
    expect_broadcastable("logical_and", clause="AND-C2", a=a.shape, b=b.shape)
    return a & b  # AND-S1
