"""
The safetensors file: a header that is checked completely before any tensor's memory is taken, and the tensors.

Layout: 8 bytes little-endian header length N, N bytes JSON ``{name: {dtype, shape, data_offsets}}``, tensor bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from distilspec.reference.contract.errors import DTypeError, FormatError
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.json_file import parse_json

LONGEST_HEADER = 100_000_000
MOST_TENSORS = 100_000
MOST_DIMENSIONS = 32

#: NumPy type of each element type as it lies in the file; bfloat16 is read as its 16 bits.
DTYPES: Mapping[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}

_NAMES = {dtype: name for name, dtype in DTYPES.items() if name != "BF16"}


@dataclass(frozen=True)
class Entry:
    """Where one tensor lies: element type as the file names it, shape, and first byte from the start of the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int


class SafetensorsFile:
    """
    A safetensors file whose header has been found consistent.

    Parameters
    ----------
    path : Path

    Raises
    ------
    FormatError
        The file is missing or truncated; the header claims more than the file holds, is longer than 100 MB, names
        more than 100,000 tensors, or is not the JSON that it must be; tensors overlap, leave gaps, or do not have
        the size of their shape.
    DTypeError
        A tensor has an element type that is not known here.
    """

    def __init__(self, path: Path) -> None:
        """Read and check the header."""
        self.path = path
        try:
            with path.open("rb") as file:
                self.entries: Mapping[str, Entry] = _read_header(file, path)
        except OSError as error:
            raise FormatError(f"{path}: {error.strerror}; expected a readable safetensors file") from None

    def read(self, name: str) -> Array:
        """Return one tensor in fresh memory, with the file's element type; bfloat16 becomes float32 exactly."""
        entry = self.entries[name]
        dtype = DTYPES[entry.dtype]
        count = prod(entry.shape)
        stored = np.fromfile(self.path, np.uint8, count * dtype.itemsize, offset=entry.start)
        if stored.size < count * dtype.itemsize:
            raise FormatError(f"{self.path}: the file became shorter while it was read; expected tensor {name} whole")
        if entry.dtype == "BOOL" and (stored > 1).any():
            raise FormatError(f"{self.path}: boolean tensor {name} holds byte {stored.max()}; expected 0 or 1")
        array = stored.view(dtype).reshape(entry.shape)
        if entry.dtype == "BF16":
            return (array.astype(np.uint32) << 16).view(np.float32)
        return array

    def read_float32(self, name: str) -> Array:
        """
        Return one tensor of real numbers in float32: float16 and bfloat16 exactly, float64 rounded to nearest.

        Raises
        ------
        DTypeError
            The tensor holds integers or booleans.
        """
        if self.entries[name].dtype not in ("F64", "F32", "F16", "BF16"):
            raise DTypeError(
                f"{self.path}: tensor {name} has dtype {self.entries[name].dtype}; expected F32, F16, BF16 or F64 "
                "because weights are real numbers"
            )
        with np.errstate(over="ignore"):
            return self.read(name).astype(np.float32, copy=False)


def write_safetensors(path: Path, arrays: Mapping[str, Array]) -> None:
    """
    Write arrays so that equal arrays give equal bytes: tensors with larger elements first, then by name.

    Raises
    ------
    DTypeError
        An array has an element type that the format lacks.
    """
    header: dict[str, Any] = {}
    offset = 0
    for name, array in arrays.items():
        if array.dtype not in _NAMES:
            raise DTypeError(f"{path}: array {name} has dtype {array.dtype}; expected one of {', '.join(DTYPES)}")
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    for name in order:
        array = arrays[name]
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("xb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            file.write(arrays[name].astype(DTYPES[header[name]["dtype"]], copy=False).tobytes())


def _read_header(file: BinaryIO, path: Path) -> dict[str, Entry]:
    size = file.seek(0, 2)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        raise FormatError(
            f"{path}: the file has {size:,} bytes and its header claims {length:,}; expected a whole file"
        )
    if length > LONGEST_HEADER:
        raise FormatError(f"{path}: the header has {length:,} bytes; expected at most {LONGEST_HEADER:,}")
    header = parse_json(file.read(length), dict, f"{path} header")
    _check_metadata(header.pop("__metadata__", {}), path)
    if len(header) > MOST_TENSORS:
        raise FormatError(f"{path}: the header names {len(header):,} tensors; expected at most {MOST_TENSORS:,}")
    spans = {name: _span(name, fields, path) for name, fields in header.items()}
    end = 0
    for name, (begin, stop) in sorted(spans.items(), key=lambda item: item[1]):
        if begin != end:
            raise FormatError(f"{path}: tensor {name} begins at byte {begin}; expected {end} where the one before ends")
        end = stop
    if end != size - 8 - length:
        raise FormatError(
            f"{path}: tensors end at byte {end:,} of {size - 8 - length:,}; expected them to fill the file"
        )
    return {
        name: Entry(fields["dtype"], tuple(fields["shape"]), 8 + length + spans[name][0])
        for name, fields in header.items()
    }


def _check_metadata(metadata: object, path: Path) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FormatError(f"{path}: __metadata__ is not an object of strings; expected one")


def _span(name: str, fields: object, path: Path) -> tuple[int, int]:
    if not name.isprintable():
        raise FormatError(f"{path}: tensor name {name!r:.60} is not printable; expected one line of text")
    if not isinstance(fields, dict) or set(fields) != {"dtype", "shape", "data_offsets"}:
        raise FormatError(f"{path}: tensor {name} is described wrongly; expected dtype, shape and data_offsets")
    dtype, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise DTypeError(f"{path}: tensor {name} has dtype {dtype!r:.60}; expected one of {', '.join(DTYPES)}")
    if not (_are_sizes(shape) and _are_sizes(offsets) and len(offsets) == 2):
        raise FormatError(
            f"{path}: tensor {name} has shape {shape!r:.60} and data_offsets {offsets!r:.60}; expected lists of sizes"
        )
    begin, stop = offsets
    if stop - begin != prod(shape) * DTYPES[dtype].itemsize:
        raise FormatError(
            f"{path}: tensor {name} has {stop - begin} bytes; "
            f"expected {prod(shape) * DTYPES[dtype].itemsize} for {dtype} {shape!r:.60}"
        )
    return begin, stop


def _are_sizes(values: object) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= MOST_DIMENSIONS
        and all(type(value) is int and 0 <= value < 2**63 for value in values)
    )
