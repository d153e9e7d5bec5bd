"""Tensors as raw little-endian files, and the flat keys that name them."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from distilspec.conformance.runtimes.adapter import as_float32
from distilspec.conformance.runtimes.worker.words import ProtocolError
from distilspec.reference.contract.types import Array

#: Element types in a file, row-major and little-endian; a bool is a byte that is 0 or 1.
DTYPES = {
    name: np.dtype(name).newbyteorder("<")
    for name in ("float32", "float64", "int64", "int32", "uint8", "int8", "bool")
}  # fmt: skip

#: The most bytes of a tensor in an answer.
LARGEST_TENSOR = 2**31

MOST_AXES = 32

_PARTS = ("dtype", "shape", "file")


def write_tensors(folder: Path, tensors: Mapping[str, Array]) -> dict[str, Any]:
    """Write tensors into ``folder`` and return the keys of a request that name them; real numbers become float32."""
    keys: dict[str, Any] = {"inputs": list(tensors)}
    for index, (name, tensor) in enumerate(tensors.items()):
        held = as_float32(tensor)
        dtype = str(held.dtype)
        file = f"input{index}"
        (folder / file).write_bytes(held.astype(DTYPES[dtype], copy=False).tobytes())
        keys |= dict(zip(_keys("input", name), (dtype, list(held.shape), file), strict=True))
    return keys


def read_tensors(folder: Path, answer: Mapping[str, Any], names: Sequence[str]) -> dict[str, Array]:
    """
    Return the tensors ``names`` that an answer says are in ``folder``; they cannot be written.

    Raises
    ------
    ProtocolError
        A tensor is missing or one too many, an element type does not exist, or a file is outside of the folder, not
        there, or of another size than its shape says.
    """
    expected = [key for name in names for key in _keys("output", name)]
    for key in (*answer, *expected):
        if key not in expected or key not in answer:
            raise ProtocolError(
                f"worker: its answer has {'no' if key in expected else 'the key'} {key!r:.100}; "
                f"expected the outputs {', '.join(names):.100}, each with dtype, shape and file"
            )
    return {name: _read(folder, name, *(answer[key] for key in _keys("output", name))) for name in names}


def _keys(kind: str, name: str) -> tuple[str, str, str]:
    return f"{kind}.{name}.dtype", f"{kind}.{name}.shape", f"{kind}.{name}.file"


def _read(folder: Path, name: str, dtype: object, shape: object, file: object) -> Array:
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise _refusal(name, f"dtype {dtype!r:.60}", f"one of {', '.join(DTYPES)}")
    sized = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    if not isinstance(shape, list) or not sized or len(shape) > MOST_AXES:
        raise _refusal(name, f"shape {shape!r:.60}", f"a list of at most {MOST_AXES} sizes")
    itemsize = DTYPES[dtype].itemsize
    if prod(max(size, 1) for size in shape) * itemsize > LARGEST_TENSOR:
        raise _refusal(name, f"shape {shape!r:.60}", f"at most {LARGEST_TENSOR} bytes")
    if not isinstance(file, str) or Path(file).name != file or "\0" in file:
        raise _refusal(name, f"file {file!r:.60}", "a name without a folder, because answers stay in their own")
    data = _contents(folder / file, name, prod(shape) * itemsize, f"{dtype} {shape}")
    if dtype == "bool" and max(data, default=0) > 1:
        raise _refusal(name, f"byte {max(data)}", "0 or 1 because it is a bool")
    return as_float32(np.frombuffer(data, DTYPES[dtype]).astype(dtype, copy=False).reshape(shape))


def _contents(path: Path, name: str, size: int, tensor: str) -> bytes:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise _refusal(
            name, f"file {path.name!r:.60} ({error.strerror})", "a file in the folder of the request"
        ) from None
    with open(opened, "rb") as file:
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode):
            raise _refusal(name, f"file {path.name!r:.60}, which is no regular file", "one")
        if status.st_size != size:
            raise _refusal(name, f"file {path.name!r:.60} of {status.st_size} bytes", f"{size} because it is {tensor}")
        return file.read()


def _refusal(name: str, seen: str, expected: str) -> ProtocolError:
    return ProtocolError(f"worker: its answer gives output {name} the {seen}; expected {expected}")
