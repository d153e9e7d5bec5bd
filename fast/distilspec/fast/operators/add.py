"""``add``: sum of two tensors."""

from __future__ import annotations

from distilspec.fast.operators.elementwise import of_two
from distilspec.reference.contract.types import Float32Array, NumberArray


def add(a: NumberArray, b: NumberArray) -> Float32Array:
    """
    Return the operator ``add`` of elements that are rounded to float32.

    Raises
    ------
    UnsupportedError
        Integers.
    """
    return of_two("add", "ADD", a, b)
