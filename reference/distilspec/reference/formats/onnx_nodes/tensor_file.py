"""Tensors as they lie in a model's file or beside it, checked completely before any memory is taken for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto

from distilspec.reference.contract.errors import FormatError, UnsupportedError
from distilspec.reference.contract.types import Array

MOST_DIMENSIONS = 32

#: NumPy type of each element type that programs have, as it lies in a file.
PROGRAM_TYPES: Mapping[int, np.dtype[Any]] = {
    TensorProto.FLOAT: np.dtype("<f4"),
    TensorProto.INT64: np.dtype("<i8"),
    TensorProto.INT32: np.dtype("<i4"),
    TensorProto.UINT8: np.dtype("u1"),
    TensorProto.INT8: np.dtype("i1"),
    TensorProto.BOOL: np.dtype("?"),
}

#: The same with the floats that programs do not have: constants in them can be cast to float32.
STORED_TYPES: Mapping[int, np.dtype[Any]] = {
    **PROGRAM_TYPES,
    TensorProto.FLOAT16: np.dtype("<f2"),
    TensorProto.DOUBLE: np.dtype("<f8"),
}

#: The field with the elements of a tensor that has no raw bytes. Those of FLOAT16 are bits in ``int32_data``.
_TYPED_FIELDS: Mapping[int, str] = {
    TensorProto.FLOAT: "float_data",
    TensorProto.DOUBLE: "double_data",
    TensorProto.INT64: "int64_data",
}


def type_name(element_type: int) -> str:
    """Return the name of an element type; a number that ONNX does not know is shown as it is."""
    names = [str(key) for key, value in TensorProto.DataType.items() if value == element_type]
    return names[0] if names else str(element_type)


class TensorFile:
    """
    Reads the tensors of the model in ``path``.

    External data is read only from regular files in the model's own folder, and all of it together cannot be more
    than those files hold.
    """

    def __init__(self, path: Path) -> None:
        """Read tensors of the model in ``path``."""
        self.path = path
        self._claimed: Counter[Path] = Counter()

    def claim(self, tensors: Iterable[TensorProto]) -> None:
        """Check that the files beside the model hold all the tensors together; nothing is read."""
        for tensor in tensors:
            if tensor.data_location == TensorProto.EXTERNAL:
                file, _ = self._external(tensor)
                self._claimed[file] += self._size(tensor)
                if self._claimed[file] > file.stat().st_size:
                    raise FormatError(
                        f"{self.path}: tensors claim more than the {file.stat().st_size} bytes of {file.name}; "
                        "expected each byte once"
                    )

    def read(self, tensor: TensorProto) -> Array:
        """
        Return a tensor's elements.

        Raises
        ------
        FormatError
            Its dimensions, its bytes and the file that holds them do not fit together.
        UnsupportedError
            It has an element type that programs lack.
        """
        size = self._size(tensor)
        dtype = STORED_TYPES[tensor.data_type]
        if tensor.data_location == TensorProto.EXTERNAL:
            file, offset = self._external(tensor)
            stored = np.fromfile(file, np.uint8, size, offset=offset)
            if stored.size != size:
                raise self._wrong(tensor, f"has {stored.size} bytes in {file.name}", f"{size}")
            return self._shaped(tensor, stored.view(dtype))
        if tensor.HasField("raw_data"):
            if len(tensor.raw_data) != size:
                raise self._wrong(tensor, f"has {len(tensor.raw_data)} bytes", f"{size}")
            return self._shaped(tensor, np.frombuffer(tensor.raw_data, np.uint8).view(dtype))
        elements = getattr(tensor, _TYPED_FIELDS.get(tensor.data_type, "int32_data"))
        if len(elements) != size // dtype.itemsize:
            raise self._wrong(tensor, f"has {len(elements)} elements", f"{size // dtype.itemsize}")
        if tensor.data_type in (TensorProto.FLOAT, TensorProto.DOUBLE):
            return self._shaped(tensor, np.array(elements, dtype))
        numbers = np.array(elements, np.int64)
        whole = np.dtype("<u2") if dtype.kind == "f" else dtype
        if not np.array_equal(numbers.astype(whole), numbers):
            raise self._wrong(tensor, "has elements outside its type", str(whole))
        return self._shaped(tensor, numbers.astype(whole).view(dtype))

    def _size(self, tensor: TensorProto) -> int:
        if tensor.data_type not in STORED_TYPES:
            raise UnsupportedError(
                f"{self.path}: tensor {tensor.name!r:.60} has element type {type_name(tensor.data_type)}; "
                f"expected {' or '.join(map(type_name, STORED_TYPES))}"
            )
        if tensor.HasField("segment"):
            raise self._wrong(tensor, "is one segment of a tensor", "it whole")
        dims = list(tensor.dims)
        itemsize = STORED_TYPES[tensor.data_type].itemsize
        possible = prod(max(size, 1) for size in dims) * itemsize < 2**48
        if len(dims) > MOST_DIMENSIONS or any(size < 0 for size in dims) or not possible:
            raise self._wrong(tensor, f"has dimensions {dims!r:.60}", f"at most {MOST_DIMENSIONS} sizes of 0 or more")
        return int(prod(dims)) * itemsize

    def _shaped(self, tensor: TensorProto, values: Array) -> Array:
        if values.dtype == np.bool_ and (values.view(np.uint8) > 1).any():
            raise self._wrong(tensor, "is boolean and holds other bytes", "0 and 1")
        return values.reshape(list(tensor.dims))

    def _external(self, tensor: TensorProto) -> tuple[Path, int]:
        fields = {entry.key: entry.value for entry in tensor.external_data}
        location = fields.get("location", "")
        folder = self.path.parent.resolve()
        if not location or not location.isprintable() or Path(location).is_absolute() or ".." in Path(location).parts:
            raise self._wrong(tensor, f"is in the file {location!r:.60}", "a relative path below the model's folder")
        try:
            file = (folder / location).resolve()
            if not file.is_relative_to(folder):
                raise self._wrong(tensor, f"is in {location!r:.60}, which leads out of the model's folder", "one in it")
            if not file.is_file():
                raise self._wrong(tensor, f"is in {location!r:.60}, which is no file", "external data beside the model")
            held = file.stat().st_size
        except (OSError, RuntimeError) as error:
            raise self._wrong(tensor, f"is in {location!r:.60}: {error}", "a readable file") from None
        size = self._size(tensor)
        start, length = (self._number(tensor, fields, key, other) for key, other in (("offset", 0), ("length", size)))
        if length != size:
            raise self._wrong(tensor, f"has length {length} in {location!r:.60}", f"{size}")
        if start + size > held:
            raise self._wrong(tensor, f"ends at byte {start + size} of {location!r:.60}", f"at most {held}")
        return file, start

    def _number(self, tensor: TensorProto, fields: Mapping[str, str], key: str, default: int) -> int:
        text = fields.get(key, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise self._wrong(tensor, f"has {key} {text!r:.60}", "an integer of 0 or more")
        return int(text)

    def _wrong(self, tensor: TensorProto, seen: str, expected: str) -> FormatError:
        return FormatError(f"{self.path}: tensor {tensor.name!r:.60} {seen}; expected {expected}")
