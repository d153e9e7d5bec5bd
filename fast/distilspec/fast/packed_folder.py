"""
A compiled program in a folder: ``plan.json`` and ``weights.bin``, which processes map and share.

``plan.json`` holds the fused steps and what the kernels read, with arrays by their places in ``weights.bin``; its
weights are packed for one target. Nothing in it is executed or imported. Hashes of both find damage; they cannot tell
who wrote a folder, and kernels trust the sizes in it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.lower.fused import Fused, Lowered, Output, Rows, Scales, Tensor
from distilspec.reference.contract.errors import FormatError
from distilspec.reference.formats.new_folder import new_folder

Array = NDArray[Any]

#: Raised when what the files hold changes its meaning.
VERSION = 4

PLAN, WEIGHTS = "plan.json", "weights.bin"

#: Arrays start at multiples of this.
ALIGNED = 128

_STEPS = {kind.__name__: kind for kind in Fused.__args__}
_DTYPES = ("float32", "int8", "uint8", "int16", "int32", "int64")


@dataclass(frozen=True)
class PackedProgram:
    """
    A program as the native backend takes it.

    Attributes
    ----------
    recipe, target : str
    lowered : Lowered
        Linears have no weights in it.
    linears : mapping of tensor to mapping of str
        What each Linear's kernel is called, what it reads by the names of its parameters, and its units and work.
    """

    recipe: str
    target: str
    lowered: Lowered
    linears: Mapping[str, Mapping[str, Any]]


class MappedFile:
    """A file in memory that other processes may have there too; it must not change while it is."""

    def __init__(self, path: Path) -> None:
        """Map the file."""
        self._path = path
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if not found.st_size:
                raise FormatError(f"{path}: is empty; expected the weights that Engine.save wrote")
            self._seen = _identity(found)
            self.bytes = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)

    def expect_unchanged(self) -> None:
        """Raise ``FormatError`` if the file was written or replaced after it was mapped."""
        try:
            now = _identity(self._path.stat())
        except OSError as error:
            raise FormatError(f"{self._path}: {error.strerror}; expected the weights that were loaded") from None
        if now != self._seen:
            raise FormatError(f"{self._path}: changed after it was loaded; expected the same weights, so load it again")


def write_packed(folder: Path, program: PackedProgram) -> None:
    """
    Write a folder; it appears whole or not at all.

    Raises
    ------
    FormatError
        Something of that name exists, or cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FormatError(f"{folder}: {error}; expected that the folder can be written") from None
    with new_folder(folder) as temporary:
        with (temporary / WEIGHTS).open("wb") as file:
            writer = _Writer(file)
            plan = {
                "recipe": program.recipe, "target": program.target,
                "inputs": list(program.lowered.inputs),
                "steps": [writer.encoded(step) for step in program.lowered.steps],
                "tensors": {name: dataclasses.asdict(tensor) for name, tensor in program.lowered.tensors.items()},
                "outputs": {label: dataclasses.asdict(out) for label, out in program.lowered.outputs.items()},
                "linears": writer.encoded(dict(program.linears)),
            }  # fmt: skip
        hashes = {"plan": _plan_hash(plan), "weights": writer.hash.hexdigest()}
        written = {"version": VERSION, "sha256": hashes, "plan": plan}
        (temporary / PLAN).write_text(json.dumps(written, indent=1), "utf-8")


def read_packed(folder: Path) -> tuple[PackedProgram, MappedFile]:
    """
    Return the program of a folder, and the file in which its arrays lie.

    Raises
    ------
    FormatError
        A file is absent, of another version, or not what was written.
    """
    path = folder / PLAN
    try:
        text, mapped = path.read_bytes(), MappedFile(folder / WEIGHTS)
    except OSError as error:
        raise FormatError(f"{error.filename}: {error.strerror}; expected a folder that Engine.save wrote") from None
    try:
        written = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise FormatError(f"{path}: {error!s:.100}; expected a plan that Engine.save wrote") from None
    version = written.get("version") if isinstance(written, dict) else None
    if version != VERSION:
        raise FormatError(f"{path}: version {version!r:.60}; expected {VERSION}")
    hashes, plan = written.get("sha256"), written.get("plan")
    if not isinstance(hashes, dict) or _plan_hash(plan) != hashes.get("plan"):
        raise FormatError(f"{path}: is not what was written; expected a plan with the hash that it names")
    if hashlib.sha256(mapped.bytes.data).hexdigest() != hashes.get("weights"):
        raise FormatError(f"{folder / WEIGHTS}: is not what was written; expected the hash that {PLAN} names")
    try:
        return _program(plan, mapped.bytes), mapped
    except (AttributeError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: damaged at {error!s:.100}; expected a plan that Engine.save wrote") from None


def _plan_hash(plan: Any) -> str:
    """Return the hash of a plan, whatever spaces are in its file."""
    return hashlib.sha256(json.dumps(plan).encode()).hexdigest()


def _program(plan: Mapping[str, Any], memory: Array) -> PackedProgram:
    steps = tuple(_step(entry, memory) for entry in plan["steps"])
    tensors = {name: Tensor(**{**entry, "rows": Rows(entry["rows"])}) for name, entry in plan["tensors"].items()}
    outputs = {label: Output(**entry) for label, entry in plan["outputs"].items()}
    lowered = Lowered(tuple(plan["inputs"]), steps, tensors, outputs)
    return PackedProgram(plan["recipe"], plan["target"], lowered, _decoded(plan["linears"], memory))


def _step(entry: Mapping[str, Any], memory: Array) -> Fused:
    fields = {name: _decoded(value, memory) for name, value in entry["fields"].items()}
    if "scales" in fields:
        fields["scales"] = Scales(fields["scales"])
    made: Fused = _STEPS[entry["step"]](**fields)
    return made


class _Writer:
    """Writes arrays one behind the other, and says where they are."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0
        self.hash = hashlib.sha256()

    def encoded(self, value: Any) -> Any:
        """Return a value as JSON has it."""
        if isinstance(value, np.ndarray):
            return {"array": [str(value.dtype), list(value.shape), self._written(value)]}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value)]
            return {
                "step": type(value).__name__,
                "fields": {name: self.encoded(getattr(value, name)) for name in names},
            }
        if isinstance(value, Mapping):
            return {"mapping": {name: self.encoded(entry) for name, entry in value.items()}}
        if isinstance(value, (tuple, list)):
            return [self.encoded(entry) for entry in value]
        return value

    def _written(self, array: Array) -> int:
        self._put(bytes(-self.size % ALIGNED))
        place = self.size
        self._put(np.ascontiguousarray(array).tobytes())
        return place

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self.hash.update(data)
        self.size += len(data)


def _decoded(value: Any, memory: Array) -> Any:
    if isinstance(value, list):
        return tuple(_decoded(entry, memory) for entry in value)
    if not isinstance(value, dict):
        return value
    if "mapping" in value:
        return {name: _decoded(entry, memory) for name, entry in value["mapping"].items()}
    dtype, shape, place = value["array"]
    if dtype not in _DTYPES:
        raise ValueError(f"an array of {dtype}")
    count = int(np.prod(shape, dtype=np.int64))
    size = count * np.dtype(dtype).itemsize
    if not 0 <= place <= memory.size - size:
        raise ValueError(f"an array from byte {place} of {memory.size}")
    return memory[place : place + size].view(dtype).reshape(shape)


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
