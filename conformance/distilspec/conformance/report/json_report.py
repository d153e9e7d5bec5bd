"""``report.json``: one run for scripts, in the published schema. Every other report is made from it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import fastjsonschema

from distilspec.conformance.report.clause_texts import clause_texts
from distilspec.conformance.report.run import Run
from distilspec.conformance.result import CaseResult, State
from distilspec.conformance.waivers import WAIVABLE
from distilspec.reference.contract.errors import FormatError
from distilspec.reference.contract.spec import SPEC_VERSION
from distilspec.reference.formats.json_file import parse_json

#: A report as ``as_json`` makes it and ``schema.json`` describes it.
Document = Mapping[str, Any]

#: Cases in these states can be replayed from a report.
REPLAYED = (*WAIVABLE, State.WAIVED)

#: File systems end at 255 bytes.
LONGEST_NAME = 200


def as_json(run: Run, *, saved: bool = False) -> dict[str, Any]:
    """
    Return the run in the form of ``schema.json``; an infinite error becomes null, for JSON has no infinity.

    ``saved`` says that the replay files of failing cases are written beside it.
    """
    mentioned = {clause for case in run.cases for clause in _clauses(case)} | run.mandatory
    return {
        "schema": 1,
        "spec": SPEC_VERSION,
        "runtime": {"name": run.runtime, "version": run.version, "options": dict(run.options)},
        "model": run.model,
        "recipes": list(run.recipes),
        "seed": run.seed,
        "verdict": run.verdict,
        "exit": run.exit_status,
        "summary": {str(state): count for state, count in run.counts.items()},
        "clauses": {
            "mandatory": sorted(run.mandatory),
            "judged": sorted(run.judged_clauses),
            "texts": {clause: text for clause, text in clause_texts().items() if clause in mentioned},
        },
        "steps": {recipe: list(steps) for recipe, steps in run.steps.items()},
        "waivers": [
            {
                "id": waiver.id,
                "runtime": waiver.runtime,
                "reason": waiver.reason,
                "link": waiver.link,
                "expires": waiver.expires.isoformat(),
                "partial": waiver.partial,
            }
            for waiver in run.waivers
        ],
        "environment": dataclasses.asdict(run.environment),
        "cases": [_case(case, saved) for case in run.cases],
    }


def _case(case: CaseResult, saved: bool) -> dict[str, Any]:
    judgement = case.judgement
    replay = saved and case.evidence is not None and case.state in REPLAYED
    return {
        "id": case.id,
        "clause": case.clause,
        "recipe": case.recipe,
        "step": case.step,
        "operators": list(case.operators),
        "unit": str(judgement.unit),
        "state": str(case.state),
        "max_error": _finite(judgement.max_error),
        "bound_used": _finite(judgement.bound_used),
        "rms_used": _finite(judgement.rms_used),
        "bias": _finite(judgement.bias),
        "shares": list(judgement.shares),
        "detail": judgement.detail,
        "cause": judgement.cause,
        "suspicion": judgement.suspicion,
        "waiver": case.waiver,
        "replay": f"failures/{replay_name(case.id)}/case.json" if replay else None,
    }


def _clauses(case: CaseResult) -> list[str]:
    return case.clause.split(", ") if case.clause else []


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


@lru_cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of ``report.json``."""
    text = resources.files("distilspec.conformance.report").joinpath("schema.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def checked(document: Any, source: str) -> Document:
    """
    Return the document if it follows the schema.

    Raises
    ------
    FormatError
        It does not; the message names ``source``, the first place and what is wrong there.
    """
    try:
        _validator()(document)
    except fastjsonschema.JsonSchemaException as error:
        seen = " ".join(str(error).split())
        raise FormatError(f"report: {source}: {seen:.300}; expected a report.json that check --report wrote") from None
    found: Document = document
    return found


@lru_cache
def _validator() -> Callable[[Any], Any]:
    """Return a compiled validator: a fuzzing run has 100,000 cases, on which an interpreting one takes a minute."""
    validate: Callable[[Any], Any] = fastjsonschema.compile(schema())
    return validate


def read_report(path: Path) -> Document:
    """
    Return the report in a file.

    Raises
    ------
    FormatError
        The file cannot be read, is not strict JSON, or does not follow the schema.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FormatError(
            f"report: {path}: {error.strerror}; expected a report.json that check --report wrote"
        ) from None
    return checked(parse_json(content, dict, f"report: {path}"), str(path))


def replay_name(case_id: str) -> str:
    """
    Return the folder name under ``failures/`` of a failing case.

    A name that is long or that leaves signs of the id out ends in a part of the id's hash, so that no two are equal.

    >>> replay_name("minilm/fp32/mixed/mean_pool")
    'minilm-fp32-mixed-mean_pool'
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", case_id).strip("-.")
    if len(name) <= LONGEST_NAME and name == case_id.replace("/", "-"):
        return name
    return f"{name[:LONGEST_NAME]}-{hashlib.sha256(case_id.encode()).hexdigest()[:8]}"
