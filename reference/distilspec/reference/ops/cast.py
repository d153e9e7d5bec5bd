"""``cast``: the same values in another element type."""

from __future__ import annotations

import numpy as np

from distilspec.reference.contract.checks import expect, expect_dtype
from distilspec.reference.contract.errors import DTypeError, RangeError
from distilspec.reference.contract.types import DTYPES, ELEMENT_TYPES, Array


def cast(x: Array, *, dtype: str) -> Array:
    """
    Convert every element to another type.

    CAST-C1  dtype, and the element type of x, are among those of programs (float64 holds ``float``)
    CAST-C2  a float becomes an integer only if, after truncation, it lies in the range of that integer type
    CAST-S1  to bool: y = (x != 0)   (NaN gives True)
    CAST-S2  to float: y = x   (real numbers)
    CAST-S3  to float32: y = x rounded to the nearest float32, ties to even   (overflow gives an infinity)
    CAST-S4  float to integer: y = x without its fraction   (towards zero)
    CAST-S5  integer or bool to integer: y = x modulo 2 ** bits, in the range of dtype   (two's complement)

    Parameters
    ----------
    x : any element type [...]
    dtype : one of float, float32, int64, int32, uint8, int8, bool

    Returns
    -------
    dtype [...]
        ``float`` is held in float64; fresh memory.

    Raises
    ------
    DTypeError
        CAST-C1.
    RangeError
        CAST-C2: ONNX leaves these undefined, and processors differ.

    Accuracy
    --------
    Exact to integers and bool; to float the real value; to float32 exact by CAST-S3.

    Special values
    --------------
    NaN and infinities stay in floats, give True in bool, and are refused in integers (CAST-C2). -0 gives 0 or False.

    Source
    ------
    ONNX Cast, whose table of conversions this is; numpy.ndarray.astype.

    Examples
    --------
    Towards zero, not down and not to the nearest; integers wrap:

    >>> cast(np.float32([-1.5, 2.9, -0.9]), dtype="int8").tolist()
    [-1, 2, 0]
    >>> cast(np.int64([200, -129, 2**32 + 3]), dtype="int8").tolist()
    [-56, 127, 3]
    """
    why = "programs have no other element type"
    expect(
        dtype in DTYPES,
        DTypeError,
        "cast",
        seen=f"dtype is {dtype}",
        expected=" or ".join(DTYPES),
        why=why,
        clause="CAST-C1",
    )
    expect_dtype("cast", "x", x, ELEMENT_TYPES, why=why, clause="CAST-C1")
    if dtype == "bool":
        return np.not_equal(x, 0)  # CAST-S1
    if dtype in ("float", "float32"):
        with np.errstate(over="ignore", under="ignore"):
            return x.astype(np.float64 if dtype == "float" else np.float32)  # CAST-S2, CAST-S3
    if x.dtype.kind == "f":
        x = np.trunc(x)  # CAST-S4
        limits = np.iinfo(dtype)
        outside = x[~((x >= limits.min) & (x < limits.max + 1))]
        expect(
            outside.size == 0,
            RangeError,
            "cast",
            seen=f"x holds {outside[0] if outside.size else ''}",
            expected=f"{limits.min} to {limits.max}",
            why=f"dtype is {dtype}",
            clause="CAST-C2",
        )
    return x.astype(dtype)  # CAST-S5
