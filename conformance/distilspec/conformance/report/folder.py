"""The folder of a report: ``report.json``, what is made from it, and the files that replay failing cases."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from distilspec.conformance.replay import save_case
from distilspec.conformance.report.badge import render_badge
from distilspec.conformance.report.html_report import render_html
from distilspec.conformance.report.json_report import REPLAYED, as_json, checked, replay_name
from distilspec.conformance.report.junit_report import render_junit
from distilspec.conformance.report.run import Run
from distilspec.reference.contract.errors import FormatError

#: All that a report consists of. A folder that holds anything else is not replaced.
PARTS = frozenset({"report.json", "report.html", "junit.xml", "badge.svg", "failures"})


def write_report(run: Run, folder: Path) -> Path:
    """
    Write the report of a run, and return the path of its ``report.json``.

    Beside it stand ``report.html``, ``junit.xml``, ``badge.svg``, and ``failures/<case>/case.json`` with program and
    inputs for each failing or waived case. The folder appears whole or not at all; an earlier report there is replaced.

    Raises
    ------
    FormatError
        The folder exists and is not a report, or the folder it would be in does not exist and cannot be made.
    """
    expect_report_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        fresh = work / "fresh"
        fresh.mkdir()
        document = checked(as_json(run, saved=True), "report.json")
        (fresh / "report.json").write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        (fresh / "report.html").write_text(render_html(document), encoding="utf-8")
        (fresh / "junit.xml").write_bytes(render_junit(document))
        (fresh / "badge.svg").write_text(render_badge(document), encoding="utf-8")
        for case in run.cases:
            if case.evidence is not None and case.state in REPLAYED:
                save_case(fresh / "failures" / replay_name(case.id), run, case)
        if folder.exists():
            folder.rename(work / "earlier")
        fresh.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder / "report.json"


def expect_report_folder(folder: Path) -> None:
    """Raise ``FormatError`` unless a report can be written to ``folder``: it is new, empty or an earlier report."""
    if folder.exists() and not folder.is_dir():
        raise FormatError(f"report: {folder} is a file; expected a new folder or an earlier report")
    if folder.is_dir():
        others = sorted(path.name for path in folder.iterdir() if path.name not in PARTS)
        if others:
            seen = f"{folder} holds other files, {others[0]!r:.60} for one"
            raise FormatError(f"report: {seen}; expected a new folder or an earlier report")
    parent = next(path for path in folder.absolute().parents if path.exists())
    if not parent.is_dir():
        raise FormatError(f"report: {parent} is a file; expected a folder that a report can be written to")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise FormatError(f"report: {parent} cannot be written to; expected a folder that a report can be written to")
