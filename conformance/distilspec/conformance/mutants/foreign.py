"""Mutants that somebody else wrote: a folder of Python adapters and of programs that speak the protocol."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import shlex
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from distilspec.conformance.mutants.candidates import Candidate
from distilspec.conformance.runtimes import EXEC, find_runtime
from distilspec.conformance.runtimes.adapter import Runtime
from distilspec.reference.contract.errors import FormatError

#: The file that names the runtimes of a folder; without it they are found by convention.
MANIFEST = "mutants.toml"

#: The folder inside of which every runtime is a correct one, by convention.
VARIANTS = "variants"

#: A larger manifest is refused unread.
LARGEST_MANIFEST = 1 << 20

_TEXT = {"type": "string", "pattern": r"\S"}
_RUNTIME = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "oneOf": [{"required": ["adapter"]}, {"required": ["command"]}],
    "properties": {
        "name": _TEXT,
        "adapter": _TEXT,
        "command": _TEXT,
        "options": {"type": "object", "additionalProperties": {"type": "string"}},
        "clauses": {"type": "array", "items": _TEXT},
        "seen_in": {"type": "string"},
    },
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {kind: {"type": "array", "items": _RUNTIME} for kind in ("mutant", "variant")},
}


@dataclass(frozen=True)
class Adapter:
    """A Python file whose ``create(options)`` returns a ``Runtime``."""

    path: Path
    options: Mapping[str, str] = field(default_factory=dict)

    def runtime(self) -> Runtime:
        """Run the file, which may import its neighbours, and create the runtime; whatever it raises is passed on."""
        if str(self.path.parent) not in sys.path:
            sys.path.append(str(self.path.parent))
        name = f"distilspec_mutant_{hashlib.sha256(bytes(self.path)).hexdigest()[:16]}"
        spec = importlib.util.spec_from_file_location(name, self.path)
        if spec is None or spec.loader is None:
            raise FormatError(f"mutants: {self.path} is no Python file; expected one that has create(options)")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        if not hasattr(module, "create"):
            raise FormatError(f"mutants: {self.path} has no create; expected create(options), which returns a Runtime")
        runtime = module.create(dict(self.options))
        if not isinstance(runtime, Runtime):
            raise FormatError(f"mutants: create of {self.path} returned {type(runtime).__name__}; expected a Runtime")
        return runtime


@dataclass(frozen=True)
class Command:
    """A program that speaks the subprocess protocol."""

    command: str
    options: Mapping[str, str] = field(default_factory=dict)

    def runtime(self) -> Runtime:
        """Start the program; the errors are those of ``find_runtime``."""
        return find_runtime(f"{EXEC}{self.command}", self.options)


def read_candidates(folder: Path) -> tuple[Candidate, ...]:
    """
    Return the runtimes that a folder holds.

    With a file ``mutants.toml`` they are those that it names. Without it, every Python file that defines ``create`` is
    an adapter and every other executable file a command; below a folder ``variants`` they are correct, elsewhere
    mutants. Names that begin with a dot or an underscore, and other files, are passed over.

    Raises
    ------
    FormatError
        The folder does not exist, holds no runtime, or its manifest is not of the form.
    """
    if not folder.is_dir():
        raise FormatError(f"mutants: {folder} is no folder; expected one that holds runtimes")
    root = folder.resolve()
    listed = root / MANIFEST
    candidates = tuple(_listed(root, listed) if listed.exists() else _found(root))
    if not candidates:
        raise FormatError(
            f"mutants: {folder} holds no runtime; expected {MANIFEST}, Python files with create, or executable files"
        )
    names = [candidate.name for candidate in candidates]
    for name in names:
        if names.count(name) > 1:
            raise FormatError(f"mutants: {folder} holds {name!r:.60} twice; expected a name for each")
    return candidates


def _listed(root: Path, path: Path) -> Iterator[Candidate]:
    if path.stat().st_size > LARGEST_MANIFEST:
        raise FormatError(f"mutants: {path} has {path.stat().st_size} bytes; expected at most {LARGEST_MANIFEST}")
    try:
        manifest = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"mutants: {path} is no TOML: {error}; expected tables [[mutant]] and [[variant]]") from None
    for departure in Draft202012Validator(SCHEMA).iter_errors(manifest):
        place = "/".join(map(str, departure.absolute_path)) or "the file"
        raise FormatError(f"mutants: {path}: {place}: {departure.message:.200}; expected the form of docs/mutants.md")
    for kind in ("mutant", "variant"):
        for entry in manifest.get(kind, ()):
            options = entry.get("options", {})
            planted: Adapter | Command
            if "adapter" in entry:
                planted = Adapter(_inside(root, entry["adapter"]), options)
            else:
                planted = Command(_anchored(root, entry["command"]), options)
            clauses, seen_in = tuple(entry.get("clauses", ())), entry.get("seen_in", "")
            yield Candidate(entry["name"], planted, clauses, correct=kind == "variant", seen_in=seen_in)


def _inside(root: Path, name: str) -> Path:
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise FormatError(f"mutants: adapter {name!r:.100} is no file of {root}; expected one")
    return path


def _anchored(root: Path, command: str) -> str:
    """Return the command with every word that names a file of the folder made absolute."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise FormatError(f"mutants: command {command!r:.100}: {error}; expected words as a shell reads them") from None
    return shlex.join(str(root / word) if (root / word).is_file() else word for word in words)


def _found(root: Path) -> Iterator[Candidate]:
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if not path.is_file() or any(part.startswith((".", "_")) for part in parts):
            continue
        planted: Adapter | Command
        if path.suffix == ".py" and _defines_create(path):
            planted = Adapter(path)
        elif os.access(path, os.X_OK):
            planted = Command(shlex.quote(str(path)))
        else:
            continue
        yield Candidate("/".join(parts), planted, correct=VARIANTS in parts[:-1])


def _defines_create(path: Path) -> bool:
    """Return whether a Python file has ``create`` at its top level; a file that cannot be read so may have it."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return True
    for node in tree.body:
        match node:
            case ast.FunctionDef(name="create") | ast.ClassDef(name="create"):
                return True
            case ast.Assign(targets=targets):
                if any(isinstance(target, ast.Name) and target.id == "create" for target in targets):
                    return True
            case ast.ImportFrom(names=names):
                if any((alias.asname or alias.name) == "create" for alias in names):
                    return True
    return False
