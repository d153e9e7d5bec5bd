"""``logical_or``: disjunction of two masks."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect_broadcastable, expect_dtype
from distilspec.reference.contract.types import BoolArray


def logical_or(a: BoolArray, b: BoolArray) -> BoolArray:
    """
    Say for every element whether at least one of two tensors holds True.

    OR-C1  a and b are bool
    OR-C2  the shapes of a and b broadcast: aligned from the last axis, sizes are equal or one of them is 1
    OR-S1  y = True where a is True, or b, or both, else False

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
        OR-C1: integers are refused because their bitwise or is another operator.
    ShapeError
        OR-C2.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    None.

    Source
    ------
    ONNX Or; numpy.logical_or.

    Examples
    --------
    A key mask [batch, 1, keys] and a causal mask [queries, keys] meet in [batch, queries, keys]:

    >>> logical_or(np.array([[[True, False]]]), np.array([[True, False], [True, True]])).tolist()
    [[[True, False], [True, True]]]
    """
    for name, array in (("a", a), ("b", b)):
        expect_dtype("logical_or", name, array, ("bool",), why="logic is defined on truth values", clause="OR-C1")
    expect_broadcastable("logical_or", clause="OR-C2", a=a.shape, b=b.shape)
    return a | b  # OR-S1
