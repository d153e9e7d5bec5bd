"""The kernels that treat every element alone, on arrays of any shape."""

from __future__ import annotations

import numpy as np

from distilspec.fast.isa.host import host_target
from distilspec.fast.kernels.elementwise import elementwise as elementwise_kernel
from distilspec.fast.kernels.layout import padded
from distilspec.fast.operators.call import call
from distilspec.fast.operators.tiling import rounded
from distilspec.reference.contract.checks import expect_alike, expect_broadcastable, expect_float
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Float32Array, NumberArray, RealArray


def of_one(name: str, clause: str, x: RealArray) -> Float32Array:
    """Return an activation of every element, rounded to float32; ``clause`` is the one on its type."""
    expect_float(name, clause, x=x)
    return _elementwise(name, x=x)


def of_two(name: str, clauses: str, a: NumberArray, b: NumberArray) -> Float32Array:
    """
    Return an operator of two arrays, rounded to float32; its clauses have names that begin with ``clauses``.

    Raises
    ------
    UnsupportedError
        Integers.
    """
    expect_alike(name, ("float32", "float64", "int64"), clause=f"{clauses}-C1", a=a, b=b)
    expect_broadcastable(name, clause=f"{clauses}-C2", a=a.shape, b=b.shape)
    if a.dtype == np.int64:
        raise UnsupportedError(f"{name}: a has dtype int64; expected floats, which the kernels add and multiply")
    x, y = np.broadcast_arrays(a, b)
    return _elementwise(name, x=x, y=y)


def _elementwise(name: str, **operands: RealArray) -> Float32Array:
    shape, size, lanes = operands["x"].shape, operands["x"].size, host_target().lanes
    whole = padded(size, lanes)
    held = {operand: np.pad(rounded(array).reshape(-1), (0, whole - size)) for operand, array in operands.items()}
    out = np.empty(whole, np.float32)
    call(elementwise_kernel, name, units=whole // lanes, out=out, **held)
    return out[:size].reshape(shape)
