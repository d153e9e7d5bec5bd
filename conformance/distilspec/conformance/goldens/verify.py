"""``verify_goldens``: everything that can be wrong with a golden folder, in one list."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from distilspec.conformance.goldens.case import ORIGINS, PROGRAM, GoldenCase, Origin
from distilspec.conformance.goldens.encode import question_hash
from distilspec.conformance.goldens.load import (
    MANIFEST,
    Manifest,
    case_files,
    checked,
    installed,
    read_cases,
    read_manifest,
)
from distilspec.reference.clauses import clauses
from distilspec.reference.contract.errors import ContractError, FormatError
from distilspec.reference.formats.saved import load_program
from distilspec.reference.ops import OPERATORS

#: Clauses that no frozen answer can be evidence for, and why.
WITHOUT_GOLDEN: Mapping[str, str] = {}


@dataclass(frozen=True)
class VerifyResult:
    """What a golden folder holds, and everything that is wrong with it, one line a problem."""

    files: int
    cases: Mapping[Origin, int]
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.problems

    def __str__(self) -> str:
        counted = ", ".join(f"{self.cases.get(origin, 0)} {origin}" for origin in ORIGINS)
        title = f"goldens: {self.files} files, {sum(self.cases.values())} cases ({counted})"
        return "\n".join([title, *self.problems, f"{len(self.problems)} problems" if self.problems else "verified"])


def verify_goldens(root: Path | None = None) -> VerifyResult:
    """
    Check hashes, stray and missing files, the form of every case, its operator, clauses and origin.

    Every semantic clause of every operator must have a case whose origin is ``hand`` or ``exact``: an answer that
    the reference made itself proves nothing about the reference.

    Parameters
    ----------
    root : Path, optional
        A golden folder; by default the one that is installed.
    """
    folder = installed() if root is None else root
    try:
        manifest = read_manifest(folder)
    except FormatError as error:
        return VerifyResult(0, {}, (str(error),))
    problems = list(_strays(folder, {MANIFEST, *(file.path for file in manifest.files)}))
    cases: list[GoldenCase] = []
    holding_cases = tuple(case_files(manifest))
    for file in manifest.files:
        try:
            if file in holding_cases:
                cases += _named_as(file.path, read_cases(folder, manifest, file))
            else:
                checked(folder, file)
        except FormatError as error:
            problems.append(str(error))
    if len(cases) != manifest.cases:
        problems.append(f"goldens: the files hold {len(cases)} cases; expected {manifest.cases}, as {MANIFEST} says")
    for case in cases:
        problems += _program_problems(case, folder, manifest) if case.operator == PROGRAM else _case_problems(case)
    problems += _collection_problems(cases)
    counted = {origin: sum(case.origin == origin for case in cases) for origin in ORIGINS}
    return VerifyResult(len(manifest.files) + 1, counted, tuple(dict.fromkeys(problems)))


def _strays(folder: Path, listed: set[str]) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if (path.is_symlink() or not path.is_dir()) and name not in listed:
            yield f"goldens: {name} is not listed; expected every file in {MANIFEST} because an orphan judges nothing"


def _named_as(path: str, cases: list[GoldenCase]) -> list[GoldenCase]:
    operator = cases[0].operator
    if path != f"{operator}.json":
        raise FormatError(f"goldens: {path} holds cases of {operator}; expected {operator}.json so that it is found")
    return cases


def _program_problems(case: GoldenCase, folder: Path, manifest: Manifest) -> Iterator[str]:
    listed = {file.path for file in manifest.files}
    for name in ("program.json", "constants.safetensors"):
        if f"{case.program}/{name}" not in listed:
            yield f"goldens: {case.id} needs {case.program}/{name}; expected it in {MANIFEST}"
            return
    try:
        program = load_program(folder / str(case.program))
    except ContractError as error:
        yield f"goldens: {case.id}: {error}"
        return
    if set(case.inputs) != set(program.inputs) or {output.name for output in case.expected} - set(program.outputs):
        yield f"goldens: {case.id} gives {', '.join(case.inputs)}; expected {', '.join(program.inputs)}"
    if case.origin != "reference":
        yield f"goldens: {case.id} is of origin {case.origin}; expected reference because nobody sums a model by hand"


def _case_problems(case: GoldenCase) -> Iterator[str]:
    if not case.id.startswith(f"{case.operator}-"):
        yield f"goldens: {case.id} is a case of {case.operator}; expected an id that begins with {case.operator}-"
    if case.operator not in OPERATORS:
        yield f"goldens: {case.id} asks for {case.operator}; expected one of the {len(OPERATORS)} operators"
        return
    if not case.clauses:
        yield f"goldens: {case.id} names no clause; expected those that it is evidence for"
    known = {clause.id for clause in clauses(OPERATORS[case.operator])}
    for clause in case.clauses:
        if clause not in known:
            yield f"goldens: {case.id} names {clause}; expected a clause of {case.operator}"
    parameters = list(inspect.signature(OPERATORS[case.operator]).parameters.values())
    if parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL:
        positional = [parameter.name for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]
        if list(case.inputs) != positional[: len(case.inputs)]:
            yield f"goldens: {case.id} gives {', '.join(case.inputs)}; expected {', '.join(positional)}"
    keywords = {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
    for attribute in sorted(set(case.attributes) - keywords):
        yield f"goldens: {case.id} gives {attribute}; expected attributes of {case.operator}"
    for answer in case.allowed:
        if [output.name for output in answer] != [output.name for output in case.expected]:
            yield f"goldens: {case.id} allows an answer with other outputs; expected those that it expects"


def _collection_problems(cases: Sequence[GoldenCase]) -> Iterator[str]:
    times = Counter(case.id for case in cases)
    for case_id in (case_id for case_id, count in times.items() if count > 1):
        yield f"goldens: {case_id} stands {times[case_id]} times; expected once because an id is never reused"
    asked: dict[str, str] = {}
    for case in cases:
        first = asked.setdefault(question_hash(case), case.id)
        if first != case.id and case.superseded_by is None:
            yield f"goldens: {case.id} asks what {first} asks; expected another question"
        if case.superseded_by is not None and case.superseded_by not in times:
            yield f"goldens: {case.id} is superseded by {case.superseded_by}; expected an existing case"
    proven = {
        clause
        for case in cases
        for clause in case.clauses
        if case.origin in ("hand", "exact") and case.superseded_by is None
    }
    for name, operator in OPERATORS.items():
        for clause in clauses(operator):
            if clause.kind == "S" and clause.id not in proven | set(WITHOUT_GOLDEN):
                yield f"goldens: {clause.id} of {name} has no case; expected one of origin hand or exact"
