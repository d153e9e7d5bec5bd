"""``matmul``: the matrix product of stacks of matrices."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect, expect_float, expect_rank
from distilspec.reference.contract.errors import ShapeError
from distilspec.reference.contract.types import Float64Array, RealArray


def matmul(a: RealArray, b: RealArray) -> Float64Array:
    """
    Multiply the matrices in the last two axes.

    MM-C1  a and b are float32 or float64
    MM-C2  a and b have at least two axes
    MM-C3  a.shape[-1] = b.shape[-2]
    MM-C4  the leading axes, aligned from the right, are equal or 1
    MM-S1  y[..., i, j] = sum over k of a[..., i, k] * b[..., k, j]   (real numbers)
    MM-S2  a leading axis that is 1 or absent is repeated to the size of the other operand's

    Parameters
    ----------
    a : float [..., rows, inner]
    b : float [..., inner, columns]

    Returns
    -------
    float64 [..., rows, columns]
        Fresh memory.

    Raises
    ------
    DTypeError
        An operand is not floating point (MM-C1).
    ShapeError
        An operand is not a matrix (MM-C2), or the shapes do not fit together (MM-C3, MM-C4).

    Accuracy
    --------
    Real value; a float32 runtime stays within gamma(inner) * (|a| @ |b|), derived in docs/derivations/matmul.md.

    Special values
    --------------
    inner = 0 gives zeros. NaN and infinities follow IEEE 754 sums and products.

    Source
    ------
    Higham, Accuracy and Stability of Numerical Algorithms, section 3.5; numpy.matmul and ONNX MatMul, both of which
    also take one axis.

    Examples
    --------
    One matrix meets a stack of two, and both sums cancel to what a float32 sum from left to right loses:

    >>> matmul(np.float32([[2.0**25, 1.0, -(2.0**25)]]), np.float32([[[1], [1], [1]], [[2], [3], [2]]])).tolist()
    [[[1.0]], [[3.0]]]
    """
    expect_float("matmul", "MM-C1", a=a, b=b)
    expect_rank("matmul", "a", a, 2, why="its last two axes are a matrix", clause="MM-C2")
    expect_rank("matmul", "b", b, 2, why="its last two axes are a matrix", clause="MM-C2")
    expect(
        a.shape[-1] == b.shape[-2],
        ShapeError,
        "matmul",
        seen=f"b has shape {b.shape}",
        expected=f"(..., {a.shape[-1]}, any)",
        why=f"a has shape {a.shape}",
        clause="MM-C3",
    )
    expect(
        all(m == n or 1 in (m, n) for m, n in zip(a.shape[-3::-1], b.shape[-3::-1], strict=False)),
        ShapeError,
        "matmul",
        seen=f"b has shape {b.shape}",
        expected=f"leading axes that are equal or 1 beside {a.shape[:-2]}",
        why=f"a has shape {a.shape}",
        clause="MM-C4",
    )
    with np.errstate(over="ignore", invalid="ignore"):
        y: Float64Array = real(a) @ real(b)  # MM-S1, MM-S2
    return y
