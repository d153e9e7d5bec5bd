"""The folder of a report: whole or not at all, and nothing of anybody else's touched."""

from __future__ import annotations

import json
import os

import pytest
from sample_reports import case_of, every_state, hostile, run_of

from distilspec.conformance.report.folder import expect_report_folder, write_report
from distilspec.conformance.result import State
from distilspec.reference.contract.errors import FormatError

FILES = ["badge.svg", "junit.xml", "report.html", "report.json"]


@pytest.mark.parametrize("run", [every_state(), hostile(), run_of([])], ids=["every state", "hostile", "empty"])
def test_a_report_consists_of_four_files(tmp_path, run):
    """Whatever the runtime printed; parents are made as needed."""
    path = write_report(run, tmp_path / "new" / "out")

    assert path == tmp_path / "new" / "out" / "report.json"
    assert sorted(file.name for file in path.parent.iterdir()) == FILES
    assert json.loads(path.read_text(encoding="utf-8"))["exit"] == run.exit_status
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["out"]


def test_others_may_read_a_report(tmp_path):
    """A temporary folder is private; the report that comes out of it is as open as any new folder."""
    path = write_report(run_of([]), tmp_path / "out")
    (tmp_path / "any").mkdir()

    assert path.parent.stat().st_mode == (tmp_path / "any").stat().st_mode


def test_a_folder_with_a_report_and_something_else_is_left_alone(tmp_path):
    """A thesis beside an earlier report is not a part of it."""
    write_report(run_of([case_of("a")]), tmp_path / "out")
    (tmp_path / "out" / "thesis.txt").write_text("years of work")

    with pytest.raises(FormatError, match=r"holds other files, 'thesis\.txt' for one; expected a new folder"):
        write_report(run_of([case_of("a", State.FAIL)]), tmp_path / "out")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"
    assert json.loads((tmp_path / "out" / "report.json").read_text())["exit"] == 0


@pytest.mark.parametrize("below", ["file", "file/out", "file/deeper/out"])
def test_a_file_in_the_way_is_found_before_anything_is_judged(tmp_path, below):
    """As the report itself, and as any of the folders above it."""
    (tmp_path / "file").write_text("")

    with pytest.raises(FormatError, match="is a file; expected"):
        expect_report_folder(tmp_path / below)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_found_before_anything_is_judged(tmp_path):
    """The nearest folder that exists decides."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(FormatError, match="cannot be written to"):
            expect_report_folder(tmp_path / "deeper" / "out")
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_that_says_it_cannot_be_written_is_refused(tmp_path, monkeypatch):
    """For whoever runs the tests as root."""
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(FormatError, match=f"{tmp_path} cannot be written to"):
        expect_report_folder(tmp_path / "out")


def test_a_failure_half_way_keeps_the_earlier_report(tmp_path, monkeypatch):
    """And leaves no temporary folder."""
    write_report(run_of([case_of("a")]), tmp_path / "out")
    monkeypatch.setattr("distilspec.conformance.report.folder.render_junit", lambda _: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        write_report(run_of([case_of("a", State.FAIL)]), tmp_path / "out")

    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert json.loads((tmp_path / "out" / "report.json").read_text())["exit"] == 0


def test_an_interrupt_while_the_earlier_report_is_removed_leaves_the_new_one(tmp_path, monkeypatch):
    """Removing thousands of files takes a while; the new report is in its place before that."""
    write_report(run_of([case_of("a")]), tmp_path / "out")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("distilspec.conformance.report.folder.shutil.rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_report(run_of([case_of("a", State.FAIL)]), tmp_path / "out")

    assert json.loads((tmp_path / "out" / "report.json").read_text())["exit"] == 1


def test_a_report_that_breaks_its_schema_is_not_written(tmp_path, monkeypatch):
    """It is checked when it is written, not only when somebody reads it."""
    monkeypatch.setattr("distilspec.conformance.report.folder.as_json", lambda *_, **__: {"schema": 1})

    with pytest.raises(FormatError, match=r"report\.json"):
        write_report(run_of([]), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
