"""``make_goldens``: every case again from its source, into a new folder."""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
from dataclasses import dataclass
from pathlib import Path

from distilspec.conformance.goldens import schema, sources
from distilspec.conformance.goldens.case import PROGRAM, GoldenCase
from distilspec.conformance.goldens.encode import case_hash, encode_json, write_cases
from distilspec.conformance.goldens.load import MANIFEST, installed
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.formats.new_folder import new_folder
from distilspec.reference.formats.saved import save_program


@dataclass(frozen=True)
class MakeResult:
    """What was made, and the ids of the cases that the installed goldens lack, have otherwise, or have in excess."""

    cases: int
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"goldens: {self.cases} cases"]
        lines += [f"added: {case_id}" for case_id in self.added]
        lines += [f"changed: {case_id}; a correction is a new case that supersedes it" for case_id in self.changed]
        lines += [f"removed: {case_id}; a case stays, superseded or not" for case_id in self.removed]
        return "\n".join(lines if len(lines) > 1 else [*lines, "every case equals the installed one"])


def make_goldens(target: Path) -> MakeResult:
    """
    Make every golden file from its source and write them into the new folder ``target``.

    A person compares the result and moves it: nothing is overwritten in place.
    Needs mpmath, which the extra ``test`` brings.

    Raises
    ------
    FormatError
        ``target`` exists, or its parent does not.
    UnsupportedError
        mpmath is not installed.
    """
    there = _installed_hashes()
    hashes: dict[str, str] = {}
    with new_folder(target) as folder:
        for operator in source_operators():
            cases = source_cases(operator)
            write_cases(folder, operator, cases)
            hashes.update((case.id, case_hash(case)) for case in cases)
        _write_programs(folder)
        for name, form in (("cases", schema.CASES), ("manifest", schema.MANIFEST)):
            (folder / f"{name}.schema.json").write_bytes(encode_json(form))
        _write_manifest(folder, len(hashes))
    return MakeResult(
        cases=len(hashes),
        added=tuple(sorted(set(hashes) - set(there))),
        changed=tuple(sorted(name for name in set(hashes) & set(there) if hashes[name] != there[name])),
        removed=tuple(sorted(set(there) - set(hashes))),
    )


def source_operators() -> list[str]:
    """Return the operators that have a source file, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(sources.__path__))


def source_cases(operator: str) -> list[GoldenCase]:
    """Return the cases that the source file of one operator makes."""
    try:
        module = importlib.import_module(f"{sources.__name__}.{operator}")
    except ModuleNotFoundError as error:
        if error.name != "mpmath":
            raise
        raise UnsupportedError("goldens: mpmath is not installed; expected distilspec[test], which brings it") from None
    return list(module.cases())


def _write_programs(folder: Path) -> None:
    module = importlib.import_module(f"{sources.__name__}.{PROGRAM}")
    for path, program in module.programs().items():
        (folder / path).parent.mkdir(exist_ok=True)
        save_program(program, folder / path)


def _write_manifest(folder: Path, cases: int) -> None:
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    listed = [
        {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in sorted(files.items())
    ]
    (folder / MANIFEST).write_bytes(encode_json({"format": schema.FORMAT, "cases": cases, "files": listed}))


def _installed_hashes() -> dict[str, str]:
    hashes: dict[str, str] = {}
    for path in installed().glob("*.safetensors"):
        described = json.loads(path.with_suffix(".json").read_bytes())
        hashes.update((case["id"], case["sha256"]) for case in described["cases"])
    return hashes
