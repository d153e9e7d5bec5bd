"""Reading a golden folder, as if someone had tampered with every file in it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from jsonschema import Draft202012Validator

from distilspec.conformance.goldens import schema
from distilspec.conformance.goldens.case import Expected, GoldenCase, Origin
from distilspec.conformance.goldens.encode import case_hash, case_tensors, describe
from distilspec.reference.contract.errors import FormatError
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.json_file import parse_json
from distilspec.reference.formats.safetensors_file import SafetensorsFile

MANIFEST = "MANIFEST.json"

#: A manifest larger than this is refused unread; every other file is as large as the manifest says.
LARGEST_MANIFEST = 1 << 20


@dataclass(frozen=True)
class Listed:
    """One file as the manifest lists it."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The files of a golden folder, and how many cases they hold together."""

    files: tuple[Listed, ...]
    cases: int


def load_goldens(root: Path | None = None, origins: Sequence[Origin] = ("hand", "exact")) -> list[GoldenCase]:
    """
    Return the cases of some origins that no other case supersedes, operators and cases in the order of the files.

    Parameters
    ----------
    root : Path, optional
        A golden folder; by default the one that is installed.
    origins : sequence of {"hand", "exact", "reference"}

    Raises
    ------
    FormatError
        A file is missing, truncated, altered or not of the form, or the folder holds fewer cases than it says.

    Examples
    --------
    >>> case = next(case for case in load_goldens() if case.operator == "quantize")
    >>> [array.tolist() for array in case.arguments], case.expected[0].value.tolist()
    ([[1.0, 3.0, -1.0], 2.0, 1], [1, 3, 1])
    """
    folder = installed() if root is None else root
    manifest = read_manifest(folder)
    cases = [case for file in case_files(manifest) for case in read_cases(folder, manifest, file)]
    if len(cases) != manifest.cases:
        _refuse(MANIFEST, f"the files hold {len(cases)} cases", str(manifest.cases), "the manifest counts them")
    return [case for case in cases if case.origin in origins and case.superseded_by is None]


def installed() -> Path:
    """Return the golden folder of the installed package."""
    return Path(str(resources.files("distilspec.goldens"))) / f"v{schema.FORMAT}"


def read_manifest(folder: Path) -> Manifest:
    """Return the checked manifest of a golden folder."""
    path = folder / MANIFEST
    if not path.is_file():
        _refuse(MANIFEST, f"is missing in {folder}", "a manifest", "every golden folder lists its files there")
    if path.stat().st_size > LARGEST_MANIFEST:
        _refuse(MANIFEST, f"has {path.stat().st_size} bytes", f"at most {LARGEST_MANIFEST}", "it lists a few files")
    content = _decode_json(MANIFEST, path.read_bytes(), schema.MANIFEST)
    files = tuple(Listed(entry["path"], entry["bytes"], entry["sha256"]) for entry in content["files"])
    twice = [path for path, times in Counter(file.path for file in files).items() if times > 1]
    if twice:
        _refuse(MANIFEST, f"lists {twice[0]} twice", "one entry a file", "a file has one hash")
    return Manifest(files, content["cases"])


def case_files(manifest: Manifest) -> Iterator[Listed]:
    """Yield the files that hold cases: the JSON files that are neither schemas nor in a folder of their own."""
    for file in manifest.files:
        if file.path.endswith(".json") and not file.path.endswith(".schema.json") and "/" not in file.path:
            yield file


def read_cases(folder: Path, manifest: Manifest, file: Listed) -> list[GoldenCase]:
    """Return the cases of one JSON file and of the safetensors file beside it."""
    beside = file.path.removesuffix(".json") + ".safetensors"
    tensors = next((listed for listed in manifest.files if listed.path == beside), None)
    if tensors is None:
        _refuse(beside, "is not listed", f"an entry in {MANIFEST}", f"{file.path} describes its tensors")
    content = _decode_json(file.path, checked(folder, file).read_bytes(), schema.CASES)
    stored = SafetensorsFile(checked(folder, tensors))
    arrays = {name: stored.read(name) for name in stored.entries}
    cases = [_decode_case(file.path, content["operator"], record, arrays) for record in content["cases"]]
    stray = sorted(set(arrays) - {name for case in cases for name in case_tensors(case)})
    if stray:
        _refuse(beside, f"holds {stray[0]}", "no such tensor", f"{file.path} does not mention it")
    return cases


def checked(folder: Path, file: Listed) -> Path:
    """Return the path of a file that lies inside the folder and holds what the manifest says."""
    path = folder / file.path
    if not path.resolve().is_relative_to(folder.resolve()):
        _refuse(file.path, f"points to {path.resolve()}", f"a file inside {folder}", "goldens are self-contained")
    if not path.is_file():
        _refuse(file.path, "is missing", f"{file.size} bytes", f"{MANIFEST} lists it")
    size = path.stat().st_size
    if size != file.size:
        _refuse(file.path, f"has {size} bytes", str(file.size), f"{MANIFEST} says so")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != file.sha256:
        _refuse(file.path, f"has SHA-256 {digest[:12]}...", f"{file.sha256[:12]}...", f"{MANIFEST} says so")
    return path


def _decode_json(path: str, content: bytes, form: Mapping[str, Any]) -> dict[str, Any]:
    value = parse_json(content, dict, f"goldens: {path}")
    complaint = next(Draft202012Validator(form).iter_errors(value), None)
    if complaint is not None:
        seen = " ".join(complaint.message.split())
        _refuse(path, f"has at {complaint.json_path} {seen:.120}", "the form of its schema", "the format is frozen")
    return value


def _decode_case(path: str, operator: str, record: Mapping[str, Any], arrays: Mapping[str, Array]) -> GoldenCase:
    case_id = record["id"]

    def tensor(name: str) -> Array:
        if f"{case_id}/{name}" not in arrays:
            _refuse(path, f"{case_id} has no tensor {name}", "one in the safetensors file", "the JSON describes it")
        return arrays[f"{case_id}/{name}"]

    def outputs(place: str, described: Sequence[Mapping[str, Any]]) -> tuple[Expected, ...]:
        return tuple(
            Expected(
                output["name"],
                tensor(f"{place}/{output['name']}"),
                output["judgement"],
                tensor(f"{place}/{output['name']}/judged") if "open" in output else None,
            )
            for output in described
        )

    case = GoldenCase(
        id=case_id,
        operator=operator,
        clauses=tuple(record["clauses"]),
        origin=record["origin"],
        inputs={
            entry["name"]: None if "absent" in entry else tensor(f"inputs/{entry['name']}")
            for entry in record["inputs"]
        },
        expected=outputs("expected", record["expected"]),
        notes=record["notes"],
        attributes={
            name: tuple(value) if isinstance(value, list) else value for name, value in record["attributes"].items()
        },
        allowed=tuple(outputs(f"allowed/{i}", answer) for i, answer in enumerate(record.get("allowed", ()))),
        recipe=record.get("recipe"),
        program=record.get("program"),
        superseded_by=record.get("superseded_by"),
    )
    again = describe(case)
    for key in record:
        if key != "sha256" and (key not in again or record[key] != again[key]):
            _refuse(
                path, f"{case_id} has other {key}", "those of its tensors", "the JSON describes the safetensors file"
            )
    digest = case_hash(case)
    if digest != record["sha256"]:
        _refuse(path, f"{case_id} has SHA-256 {digest[:12]}...", f"{record['sha256'][:12]}...", "a case never changes")
    for output in (*case.expected, *(output for answer in case.allowed for output in answer)):
        judgements = ("exact", "bound") if output.value.dtype.kind == "f" else ("exact", "set")
        if output.judgement not in judgements:
            seen = f"{case_id} judges {output.name}, which is {output.value.dtype}, by {output.judgement}"
            _refuse(path, seen, " or ".join(judgements), "bounds are for floats and sets for codes")
        if output.judged is not None and (output.judged.dtype != np.bool_ or output.judged.shape != output.value.shape):
            _refuse(path, f"{case_id} has an unfit mask for {output.name}", "bool of its shape", "it masks elements")
    return case


def _refuse(path: str, seen: str, expected: str, why: str) -> NoReturn:
    raise FormatError(f"goldens: {path} {seen}; expected {expected} because {why}")
