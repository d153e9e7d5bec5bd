"""Golden cases to bytes: the JSON that a person reads and the safetensors that a program reads."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from distilspec.conformance.goldens.case import Expected, GoldenCase
from distilspec.conformance.goldens.schema import FORMAT
from distilspec.reference.contract.types import Array

#: A tensor with at most so many elements is also written into the JSON, for the reader's eye.
SHOWN = 16

#: What a case's hash does not cover, because it explains the case and may be corrected.
UNHASHED = ("clauses", "notes", "superseded_by", "sha256")

#: Names of element types in safetensors, widest first: that order keeps every tensor aligned.
DTYPES = {
    "int64": "I64",
    "float64": "F64",
    "int32": "I32",
    "float32": "F32",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}


def encode_cases(operator: str, cases: Sequence[GoldenCase]) -> tuple[bytes, bytes]:
    """Return the JSON file and the safetensors file of one operator's cases."""
    records = []
    tensors: dict[str, Array] = {}
    for case in cases:
        record = describe(case)
        own = case_tensors(case)
        records.append(record | {"sha256": case_hash(operator, record, own)})
        tensors |= own
    return encode_json({"format": FORMAT, "operator": operator, "cases": records}), encode_tensors(tensors)


def describe(case: GoldenCase) -> dict[str, Any]:
    """Return the JSON object of a case, without its hash."""
    optional: dict[str, Any] = {}
    if case.allowed:
        optional["allowed"] = [[_output(output) for output in answer] for answer in case.allowed]
    if case.superseded_by:
        optional["superseded_by"] = case.superseded_by
    return {
        "id": case.id,
        "clauses": list(case.clauses),
        "origin": case.origin,
        **({"recipe": case.recipe} if case.recipe else {}),
        "notes": case.notes,
        "attributes": json.loads(json.dumps(dict(case.attributes))),
        "inputs": [_tensor(name, array) for name, array in case.inputs.items()],
        "expected": [_output(output) for output in case.expected],
        **optional,
    }


def case_tensors(case: GoldenCase) -> dict[str, Array]:
    """Return the tensors of a case by their names in the safetensors file, in the order in which they are hashed."""
    tensors = {f"{case.id}/inputs/{name}": array for name, array in case.inputs.items() if array is not None}
    answers = {"expected": case.expected} | {f"allowed/{i}": answer for i, answer in enumerate(case.allowed)}
    for place, outputs in answers.items():
        for output in outputs:
            tensors[f"{case.id}/{place}/{output.name}"] = output.value
            if output.judged is not None:
                tensors[f"{case.id}/{place}/{output.name}/judged"] = output.judged
    return tensors


def case_hash(operator: str, record: Mapping[str, Any], tensors: Mapping[str, Array]) -> str:
    """Return the SHA-256 of what a case asks and expects; its explanations are not part of it."""
    asked = {"operator": operator} | {key: value for key, value in record.items() if key not in UNHASHED}
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":"), allow_nan=False).encode())
    for array in tensors.values():
        digest.update(_little_endian(array))
    return digest.hexdigest()


def question_hash(case: GoldenCase) -> str:
    """Return the SHA-256 of what a case asks, without the answer."""
    tensors = {name: array for name, array in case_tensors(case).items() if name.startswith(f"{case.id}/inputs/")}
    record = describe(case)
    return case_hash(case.operator, {key: record[key] for key in ("attributes", "inputs")}, tensors)


def encode_tensors(tensors: Mapping[str, Array]) -> bytes:
    """
    Return a safetensors file whose bytes depend on its content alone.

    The safetensors package writes the same form, but promises no particular bytes.
    """
    widest_first = sorted(tensors, key=lambda name: list(DTYPES).index(str(tensors[name].dtype)))
    header: dict[str, Any] = {}
    data = bytearray()
    for name in widest_first:
        start = len(data)
        data += _little_endian(tensors[name])
        dtype, shape = DTYPES[str(tensors[name].dtype)], list(tensors[name].shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + bytes(data)


def encode_json(value: Any) -> bytes:
    """Return JSON in which every object of a list of objects begins a line, and a tensor takes one line."""
    return "".join(_lines(value, 0)).encode() + b"\n"


def shown_values(array: Array) -> list[Any]:
    """
    Return the elements in row-major order as JSON values that read back to the same bits.

    >>> shown_values(np.float32([0.1, -0.0, np.inf]))
    [0.1, -0.0, 'Infinity']
    """
    if array.dtype.kind != "f":
        return list(array.ravel().tolist())
    return [_shown_float(item) for item in array.ravel()]


def _shown_float(item: Any) -> float | str:
    value = float(str(item))
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def _tensor(name: str, array: Array | None) -> dict[str, Any]:
    if array is None:
        return {"name": name, "absent": True}
    described = {"name": name, "dtype": str(array.dtype), "shape": list(array.shape)}
    return described | ({"values": shown_values(array)} if 0 < array.size <= SHOWN else {})


def _output(output: Expected) -> dict[str, Any]:
    described = _tensor(output.name, output.value) | {"judgement": output.judgement}
    return described | ({} if output.judged is None else {"open": True})


def _little_endian(array: Array) -> bytes:
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def _lines(value: Any, indent: int) -> Iterator[str]:
    if not _spreads(value):
        yield json.dumps(value, allow_nan=False)
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    yield opening
    entries = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for position, (key, item) in enumerate(entries):
        yield ("," if position else "") + "\n" + " " * (indent + 1)
        if key is not None:
            yield json.dumps(key) + ": "
        yield from _lines(item, indent + 1)
    yield "\n" + " " * indent + closing


def _spreads(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_spreads(item) for item in value.values())
    return isinstance(value, list) and any(isinstance(item, dict) or _spreads(item) for item in value)
