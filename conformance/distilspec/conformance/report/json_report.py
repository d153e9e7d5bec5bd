"""``report.json``: one run for scripts, in the published schema, and the files that replay its failing cases."""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

from distilspec.conformance.replay import save_case
from distilspec.conformance.report.run import Run
from distilspec.reference.contract.errors import FormatError
from distilspec.reference.contract.spec import SPEC_VERSION

#: File systems end at 255 bytes.
LONGEST_NAME = 200


def as_json(run: Run) -> dict[str, Any]:
    """Return the run in the form of ``schema.json``; an infinite error becomes null, for JSON has no infinity."""
    return {
        "schema": 1,
        "spec": SPEC_VERSION,
        "runtime": {"name": run.runtime, "version": run.version, "options": dict(run.options)},
        "model": run.model,
        "recipes": list(run.recipes),
        "verdict": run.verdict,
        "exit": run.exit_status,
        "summary": {str(state): count for state, count in run.counts.items()},
        "clauses": {"mandatory": sorted(run.mandatory), "judged": sorted(run.judged_clauses)},
        "cases": [
            {
                "id": case.id,
                "clause": case.clause,
                "recipe": case.recipe,
                "step": case.step,
                "operators": list(case.operators),
                "unit": str(case.judgement.unit),
                "state": str(case.state),
                "max_error": _finite(case.judgement.max_error),
                "bound_used": _finite(case.judgement.bound_used),
                "bias": _finite(case.judgement.bias),
                "detail": case.judgement.detail,
                "cause": case.judgement.cause,
            }
            for case in run.cases
        ],
    }


def schema() -> dict[str, Any]:
    """Return the JSON Schema of ``report.json``."""
    text = resources.files("distilspec.conformance.report").joinpath("schema.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


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


def write_report(run: Run, folder: Path) -> Path:
    """
    Write ``report.json``, and ``failures/<case>/case.json`` with its program and inputs for each failing case.

    The folder appears whole or not at all. An earlier report there is replaced; a folder that holds anything else is
    refused.

    Raises
    ------
    FormatError
        The folder exists and is not a report.
    """
    expect_report_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        fresh.chmod(0o755)
        (fresh / "report.json").write_text(json.dumps(as_json(run), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        for case in run.failing:
            if case.evidence is not None:
                save_case(fresh / "failures" / replay_name(case.id), run, case)
        if folder.exists():
            shutil.rmtree(folder)
        fresh.rename(folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return folder / "report.json"


def expect_report_folder(folder: Path) -> None:
    """Raise ``FormatError`` unless a report can be written to ``folder``: it is new, empty or an earlier report."""
    if folder.exists() and not folder.is_dir():
        raise FormatError(f"report: {folder} is a file; expected a new folder or an earlier report")
    if folder.exists() and any(folder.iterdir()) and not (folder / "report.json").is_file():
        raise FormatError(f"report: {folder} holds other files; expected a new folder or an earlier report")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
