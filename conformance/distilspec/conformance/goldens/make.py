"""``make_goldens``: every case again from its source, into a new folder."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from distilspec.conformance.goldens import schema, sources
from distilspec.conformance.goldens.case import GoldenCase
from distilspec.conformance.goldens.encode import encode_cases, encode_json
from distilspec.conformance.goldens.load import MANIFEST, installed
from distilspec.reference.contract.errors import FormatError


@dataclass(frozen=True)
class MakeResult:
    """What was made, and how it differs from the installed goldens, file by file."""

    files: int
    cases: int
    size: int
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"goldens: {self.cases} cases in {self.files} files, {self.size} bytes"]
        for word, paths in (("added", self.added), ("changed", self.changed), ("removed", self.removed)):
            lines += [f"{word}: {path}" for path in paths]
        return "\n".join(lines if len(lines) > 1 else [*lines, "equal to the installed goldens, byte for byte"])


def make_goldens(target: Path) -> MakeResult:
    """
    Make every golden file from its source and write them into the new folder ``target``.

    A person compares and moves them: nothing is overwritten in place. Needs mpmath, which the extra ``test`` brings.

    Raises
    ------
    FormatError
        ``target`` exists.
    """
    if target.exists():
        raise FormatError(f"goldens: {target} exists; expected a new folder because goldens are never overwritten")
    files, cases = _make_files()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as unfinished:
        for path, content in files.items():
            (Path(unfinished) / path).write_bytes(content)
        Path(unfinished).rename(target)
        Path(unfinished).mkdir()
    return _compare(files, cases)


def source_cases(operator: str) -> list[GoldenCase]:
    """Return the cases that the source file of one operator makes."""
    module = importlib.import_module(f"{sources.__name__}.{operator}")
    return list(module.cases())


def source_operators() -> list[str]:
    """Return the operators that have a source file, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(sources.__path__))


def _make_files() -> tuple[dict[str, bytes], int]:
    files = {"cases.schema.json": encode_json(schema.CASES), "manifest.schema.json": encode_json(schema.MANIFEST)}
    count = 0
    for operator in source_operators():
        cases = source_cases(operator)
        count += len(cases)
        files[f"{operator}.json"], files[f"{operator}.safetensors"] = encode_cases(operator, cases)
    listed = [
        {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in sorted(files.items())
    ]
    files[MANIFEST] = encode_json({"format": schema.FORMAT, "cases": count, "files": listed})
    return files, count


def _compare(files: Mapping[str, bytes], cases: int) -> MakeResult:
    folder = installed()
    there = {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}
    return MakeResult(
        files=len(files),
        cases=cases,
        size=sum(map(len, files.values())),
        added=tuple(sorted(set(files) - set(there))),
        changed=tuple(sorted(path for path in set(files) & set(there) if files[path] != there[path])),
        removed=tuple(sorted(set(there) - set(files))),
    )
