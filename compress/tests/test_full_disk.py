"""A disk that is full in any stage: nothing half-written, and the same bytes once there is room."""

from __future__ import annotations

import json
import resource
import shutil
from contextlib import contextmanager

import pytest
from refusal import refused
from tiny_pipeline import (
    FINISHED,
    events,
    made_by,
    tiny_run,
)

from distilspec.compress.order import STAGES, run_stages
from distilspec.compress.record import Record
from distilspec.compress.training import Trainer
from distilspec.reference.contract.errors import FormatError


@pytest.mark.parametrize(
    ("stage", "file", "limit"),
    [
        ("teacher", "checkpoint", 9000),
        ("teacher", "model", 9000),
        ("student", "start", 9000),
        ("distil", "checkpoint", 9000),
        ("distil", "distilled", 9000),
        ("finish", "checkpoint-finish", 9000),
        ("finish", "student", 9000),
        ("quantise", "quantisation.json", 500),
        ("export", "programs", 9000),
        ("evaluate", "evaluation.json", 500),
    ],
)
def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch, capsys, whole, stage, file, limit):
    """The system refuses a file of more than a few bytes, here by a limit of the process; with room it goes on."""
    made = whole(quantisation=FINISHED)
    shutil.copytree(made.source, tmp_path, dirs_exist_ok=True)
    run = tiny_run(tmp_path, quantisation=FINISHED)
    names = list(STAGES)
    for name in names[names.index(stage) :]:
        path = STAGES[name].made(run)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    run.record.path.unlink()
    if "checkpoint" not in file:
        monkeypatch.setattr(Trainer, "save", lambda *_: None)
    known = set(tmp_path.rglob("*"))
    with largest_file(limit), refused(FormatError, f"{file}.*; expected that the .* can be written"):
        run_stages(run, stage)

    assert {path for path in set(tmp_path.rglob("*")) - known if path.name != ".lock"} == {run.record.path}
    assert [line["stage"] for line in events(run, "begin")] == [stage]
    run_stages(tiny_run(tmp_path, quantisation=FINISHED), stage)
    assert STAGES[stage].is_done(run)
    if stage == "teacher":
        weights = "model.safetensors"
        assert (run.teacher / weights).read_bytes() == (made.teacher / weights).read_bytes()
    assert made_by(run).items() <= made_by(made).items()


@contextmanager
def largest_file(size):
    """Let the system refuse a file of more than ``size`` bytes while the block runs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_log_has_whole_lines_only(tmp_path, capsys):
    """A full disk leaves it as it was; a line that a kill cut off is taken away, and that is said."""
    record = Record(tmp_path / "log.jsonl")
    record.event("teacher", "begin")
    before = record.path.read_bytes()
    with largest_file(len(before) + 10), refused(FormatError, "log.jsonl: 10 of .*; expected that the log can"):
        record.event("teacher", "end")
    with largest_file(len(before)), refused(FormatError, "log.jsonl: .*; expected that the log can"):
        record.event("teacher", "end")
    assert record.path.read_bytes() == before
    record.event("teacher", "end")
    assert len([json.loads(line) for line in record.path.read_text().splitlines()]) == 2
    assert not capsys.readouterr().err

    whole = record.path.read_bytes()
    for left in (whole[:-1], whole[:-20], before + b"{"):
        record.path.write_bytes(left)
        record.event("student", "begin")
        lines = record.path.read_bytes().splitlines(keepends=True)
        assert (lines[0], len(lines), json.loads(lines[1])["stage"]) == (before, 2, "student")
        assert "log.jsonl: the last line was cut off in the middle; it is taken away" in capsys.readouterr().err
    record.path.write_bytes(b"{")
    record.event("student", "begin")
    assert json.loads(record.path.read_text())["stage"] == "student"
