"""Golden cases to bytes: the JSON that a person reads and the safetensors that a program reads."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from distilspec.conformance.goldens.case import Expected, GoldenCase
from distilspec.conformance.goldens.schema import FORMAT
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.safetensors_file import write_safetensors

#: A tensor with at most so many elements is also written into the JSON, for the reader's eye.
SHOWN = 16

#: What a case's hash does not cover, because it explains the case and may be corrected.
UNHASHED = ("clauses", "notes", "superseded_by")


def write_cases(folder: Path, operator: str, cases: Sequence[GoldenCase]) -> None:
    """Write the JSON file and the safetensors file of one operator's cases; equal cases give equal bytes."""
    records = [describe(case) | {"sha256": case_hash(case)} for case in cases]
    tensors = {name: array for case in cases for name, array in case_tensors(case).items()}
    content = {"format": FORMAT, "operator": operator, "cases": records}
    (folder / f"{operator}.json").write_bytes(encode_json(content))
    write_safetensors(folder / f"{operator}.safetensors", tensors)


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
        **{key: value for key, value in (("recipe", case.recipe), ("program", case.program)) if value},
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


def case_hash(case: GoldenCase) -> str:
    """Return the SHA-256 of what a case asks and expects; its explanations are not part of it."""
    asked = {key: value for key, value in describe(case).items() if key not in UNHASHED}
    return _hash({"operator": case.operator} | asked, case_tensors(case))


def question_hash(case: GoldenCase) -> str:
    """Return the SHA-256 of what a case asks, without the answer."""
    described = describe(case)
    asked = {key: described.get(key) for key in ("program", "attributes", "inputs")}
    named = f"{case.id}/inputs/"
    operands = {name: array for name, array in case_tensors(case).items() if name.startswith(named)}
    return _hash({"operator": case.operator} | asked, operands)


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


def _hash(asked: Mapping[str, Any], tensors: Mapping[str, Array]) -> str:
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":"), allow_nan=False).encode())
    for array in tensors.values():
        digest.update(_little_endian(array))
    return digest.hexdigest()


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
