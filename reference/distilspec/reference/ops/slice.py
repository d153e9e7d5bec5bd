"""``slice``: a part of one axis."""

from __future__ import annotations

import builtins

from distilspec.reference.contract.checks import expect, expect_axis
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.types import Array


def slice(x: Array, *, axis: int, start: int, stop: int | None, step: int = 1) -> Array:
    """
    Take every ``step``-th element of an axis from ``start`` until before ``stop``.

    SLC-C1  axis is an axis of x; a negative one counts from the last
    SLC-C2  step is not 0
    SLC-C3  start and stop lie in [-size, size], with size = x.shape[axis]; for step < 0, start < size
    SLC-S1  first = start, last = stop; a negative one gets size added; stop = None gives last = size, -1 for step < 0
    SLC-S2  y[..., k, ...] = x[..., first + k * step, ...] for k = 0, 1, ... as long as that index is before last

    Parameters
    ----------
    x : any element type [..., size, ...]
    axis : int
    start : int
    stop : int, or None for the end
    step : int

    Returns
    -------
    dtype of x, sizes of x except on axis
        Fresh memory.

    Raises
    ------
    RangeError
        SLC-C1 to SLC-C3.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    The result is empty when first is not before last. Elements are copied bit for bit.

    Source
    ------
    Python's slices and ONNX Slice, except that both clip start and stop to the axis (SLC-C3). Here a sequence that is
    longer than the table of positions is an error, not a shorter result.

    Examples
    --------
    >>> slice(np.arange(5), axis=0, start=-1, stop=None, step=-2).tolist()
    [4, 2, 0]
    >>> slice(np.zeros((4, 2)), axis=0, start=0, stop=5)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    distilspec.reference.contract.errors.RangeError: slice: start is 0 and stop is 5; expected -4 to 4 because ...
    """
    expect_axis("slice", "x", x, axis, clause="SLC-C1")
    expect(
        step != 0, RangeError, "slice", seen="step is 0", expected="another step", why="0 never ends", clause="SLC-C2"
    )
    size = x.shape[axis]
    highest = size if step > 0 else size - 1
    expect(
        -size <= start <= highest and (stop is None or -size <= stop <= size),
        RangeError,
        "slice",
        seen=f"start is {start} and stop is {stop}",
        expected=f"{-size} to {size}" + ("" if step > 0 else f", and start <= {highest}"),
        why=f"x has shape {x.shape} and nothing is clipped",
        clause="SLC-C3",
    )
    index = [builtins.slice(None)] * x.ndim
    index[axis] = builtins.slice(start, stop, step)  # SLC-S1
    return x[tuple(index)].copy()  # SLC-S2
