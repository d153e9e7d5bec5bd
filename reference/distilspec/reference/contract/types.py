"""Array types and the description of one tensor in a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
BoolArray: TypeAlias = NDArray[np.bool_]
Int8Array: TypeAlias = NDArray[np.int8]
Int32Array: TypeAlias = NDArray[np.int32]
Int64Array: TypeAlias = NDArray[np.int64]
CodeArray: TypeAlias = NDArray[np.int8] | NDArray[np.uint8]
Float32Array: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]
RealArray: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
NumberArray: TypeAlias = RealArray | Int64Array

#: A value that a step carries besides its tensors. A string in a tuple names a symbolic dimension.
Attribute: TypeAlias = bool | int | float | str | tuple[int | str, ...] | None

#: Element types of a program's tensors. ``float`` is a real number, which a runtime holds in float32;
#: ``float32`` is a value that the specification itself rounds to float32.
DTYPES = ("float", "float32", "int64", "int32", "uint8", "int8", "bool")

#: Element types of arrays; float64 holds a ``float``.
ELEMENT_TYPES = ("float64", *DTYPES[1:])


@dataclass(frozen=True)
class TensorSpec:
    """
    Element type and shape of one tensor; a dimension is a size or the name of a symbol.

    >>> str(TensorSpec("float", ("batch", "sequence", 384)))
    'float [batch, sequence, 384]'
    """

    dtype: str
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.dtype} [{', '.join(map(str, self.shape))}]"


def dtype_name(array: Array) -> str:
    """Return the name in ``DTYPES`` for the element type of ``array``; float64 is how the reference holds a real."""
    return "float" if array.dtype == np.float64 else str(array.dtype)
