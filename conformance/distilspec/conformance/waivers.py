"""
Waivers: failures that a user knows of and accepts for a while, with a reason and a day on which that ends.

A file holds one table for each::

    [[waiver]]
    id = "minilm/w8a8-static/*/encoder.layer.*.attention.self.query"
    runtime = "onnxruntime"
    reason = "pairs of products saturate without VNNI"
    link = "https://github.com/microsoft/onnxruntime/issues/1"
    expires = 2027-06-30
    partial = true

``id`` is a pattern: ``*`` stands for any text, slashes included, ``?`` for one character, ``[ab]`` for one of several.
Without ``runtime`` it holds for every runtime. ``partial`` says that some of the cases may pass.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from distilspec.conformance.result import CaseResult, Judgement, State, Unit
from distilspec.reference.contract.errors import FormatError

#: States in which a case can be waived. XPASS is about a waiver itself.
WAIVABLE = (State.FAIL, State.ERROR, State.CRASH, State.TIMEOUT)

#: A larger file is refused unread.
LARGEST_FILE = 1 << 20

_TEXT = {"type": "string", "pattern": r"\S"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "waiver": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id", "reason", "link", "expires"],
                "properties": {
                    "id": _TEXT,
                    "runtime": _TEXT,
                    "reason": _TEXT,
                    "link": {"type": "string", "pattern": r"^https?://\S+$"},
                    "expires": {"type": "string", "format": "date"},
                    "partial": {"type": "boolean"},
                },
            },
        }
    },
}


@dataclass(frozen=True)
class Waiver:
    """
    One accepted failure, or family of failures.

    It waives until the end of the day ``expires``. Without ``partial`` every case that it matches has to fail.
    """

    id: str
    reason: str
    link: str
    expires: date
    runtime: str | None = None
    partial: bool = False

    def matches(self, case_id: str) -> bool:
        """Return whether ``case_id`` fits the pattern, upper and lower case told apart."""
        return fnmatchcase(case_id, self.id)


@dataclass(frozen=True)
class Waivers:
    """The waivers of a file, in its order; ``source`` is its name."""

    source: str
    entries: tuple[Waiver, ...]

    def of(self, runtime: str) -> tuple[Waiver, ...]:
        """Return the waivers that are about a runtime; those about others do not concern a run on it."""
        return tuple(waiver for waiver in self.entries if waiver.runtime in (None, runtime))


def load_waivers(path: Path) -> Waivers:
    """
    Read a file of waivers.

    Raises
    ------
    FormatError
        The file cannot be read, is not TOML or not of the form above, or has two waivers for the same thing.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise FormatError(f"waivers: {path} is larger than {LARGEST_FILE:,} bytes; expected at most that")
        document = json.loads(json.dumps(tomllib.loads(content.decode("utf-8")), default=str))
    except OSError as error:
        raise FormatError(f"waivers: {path}: {error.strerror}; expected a readable TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"waivers: {path}: {error}; expected TOML with [[waiver]] tables") from None
    validator = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for complaint in validator.iter_errors(document):
        seen = " ".join(complaint.message.split())
        raise FormatError(
            f"waivers: {path}: {_place(complaint.path)}: {seen:.200}; expected [[waiver]] tables with id, reason, "
            "link (http or https), expires (a date such as 2027-06-30) and optionally runtime and partial"
        )
    entries = tuple(
        Waiver(**entry | {"expires": date.fromisoformat(entry["expires"])}) for entry in document.get("waiver", [])
    )
    _expect_one_each(path, entries)
    return Waivers(path.name, entries)


def apply_waivers(cases: Sequence[CaseResult], waivers: Waivers, runtime: str, today: date) -> list[CaseResult]:
    """
    Return the cases with those that are waived marked, and after them what is wrong with the waivers themselves.

    A case belongs to the first waiver in force that matches its id. It becomes WAIVED if it failed, and XPASS if it
    passed and the waiver is not partial. A waiver that has expired waives nothing; it fails the run, and so does one
    that matches no case or under which no case failed.
    """
    entries = waivers.of(runtime)
    in_force = [waiver for waiver in entries if waiver.expires >= today]
    owners = [next((waiver for waiver in in_force if waiver.matches(case.id)), None) for case in cases]
    marked = [_marked(case, waiver, waivers.source) for case, waiver in zip(cases, owners, strict=True)]
    complaints: list[CaseResult] = []
    for waiver in entries:
        owned = [case for case, owner in zip(marked, owners, strict=True) if owner is waiver]
        if waiver not in in_force:
            state, detail = State.FAIL, f"expired on {waiver.expires}"
        elif not owned:
            shadowed = any(waiver.matches(case.id) for case in cases)
            state = State.FAIL
            detail = "matches only cases of an earlier waiver" if shadowed else "matches no case of this run"
        elif not any(case.state in (State.WAIVED, State.XPASS) for case in owned):
            state, detail = State.XPASS, f"is no longer needed: none of the {len(owned)} cases that it matches fails"
        else:
            continue
        line = f"the waiver in {waivers.source} {detail}; it says: {_sentence(waiver)}"
        complaints.append(CaseResult(f"waivers/{waiver.id}", "", "", "", Judgement(Unit.WAIVER, state, 0.0, 0.0, line)))
    return [*marked, *complaints]


def _marked(case: CaseResult, waiver: Waiver | None, source: str) -> CaseResult:
    if waiver is None:
        return case
    if case.state in WAIVABLE:
        was = f"{case.state}: {case.judgement.detail}" if case.judgement.detail else str(case.state)
        state, detail = State.WAIVED, f"{_sentence(waiver)}; was {was}"
    elif case.state is State.PASS and not waiver.partial:
        state, detail = State.XPASS, f"passes, so the waiver in {source} is not needed; it says: {_sentence(waiver)}"
    else:
        return case
    judgement = dataclasses.replace(case.judgement, state=state, detail=detail)
    return dataclasses.replace(case, judgement=judgement, waiver=waiver.id)


def _sentence(waiver: Waiver) -> str:
    return f"{waiver.reason} ({waiver.link}, until {waiver.expires})"


def _expect_one_each(path: Path, entries: Iterable[Waiver]) -> None:
    seen: dict[str, list[str | None]] = {}
    for waiver in entries:
        runtimes = seen.setdefault(waiver.id, [])
        if waiver.runtime in runtimes or None in runtimes or (runtimes and waiver.runtime is None):
            raise FormatError(
                f"waivers: {path}: id {waiver.id!r} stands twice; expected one waiver for a pattern and a runtime"
            )
        runtimes.append(waiver.runtime)


def _place(path: Iterable[str | int]) -> str:
    """Return where a complaint is, counting tables from 1 as a reader of the file does."""
    parts = [f"number {part + 1}" if isinstance(part, int) else part for part in path]
    return " ".join(parts) or "top"
