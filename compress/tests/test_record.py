"""What a run says while it works, on a terminal and elsewhere, and files that are there completely or not at all."""

from __future__ import annotations

import json
import os
import re
from io import StringIO

import pytest
from refusal import refused
from rich.console import Console

from distilspec.compress.record import Record, write_json, write_whole
from distilspec.reference.contract.errors import FormatError


@pytest.fixture
def record(tmp_path):
    """Return a record that speaks into a text, ``said(record)``, which is no terminal."""
    made = Record(tmp_path / "log.jsonl")
    made.console.file = StringIO()
    return made


def said(record):
    """Return the lines that the record has said."""
    return record.console.file.getvalue().splitlines()


def test_without_a_terminal_a_loop_says_how_far_it_is(record, monkeypatch):
    """Step, loss and time left, at every checkpoint: 30 turns take 20 seconds, 40 and then 10 of 100 are left."""
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr("distilspec.compress.record.time.perf_counter", lambda: next(clock))
    with record.progress("distil", 100, 30, every=30) as advance:
        for turn in range(31, 101):
            advance(f"loss {1 / turn:.4f}")
    assert said(record) == [
        "  distil: step 60 of 100, loss 0.0167, 0:00:27 left",
        "  distil: step 90 of 100, loss 0.0111, 0:00:07 left",
    ]


@pytest.mark.parametrize(("total", "lines"), [(1, 1), (12, 12), (2064, 20), (2000, 20)])
def test_a_long_loop_says_so_twenty_times(record, total, lines):
    """And a short one at every turn; there is nothing to say about a turn of it."""
    with record.progress("student", total) as advance:
        for _ in range(total):
            advance()
    assert len(said(record)) == lines
    assert all(re.fullmatch(rf"  student: step \d+ of {total}, 0:00:00 left", line) for line in said(record))


def test_on_a_terminal_a_loop_has_a_bar(record):
    """With what there is to say about its last turn, and a bar of its own for a loop inside of it."""
    record.console = Console(file=StringIO(), force_terminal=True, width=120)
    with record.progress("quantise", 2) as advance:
        advance("loss 0.2500")
        with record.progress("ask", 1) as inner:
            inner()
        advance("loss 0.1250")
    with record.progress("next", 1) as advance:
        advance()
    text = record.console.file.getvalue()
    for part in ("quantise", "2/2", "loss 0.1250", "ask", "1/1", "next"):
        assert part in text
    assert "step" not in text


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path, monkeypatch):
    """Nothing half written is in its place or beside it."""
    path = tmp_path / "summary.md"
    write_whole(path, b"before")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with refused(FormatError, "summary.md: .*No space left on device; expected that the file can be written"):
            write_whole(path, b"after")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
    write_json(path, {"a": 1})
    assert path.read_bytes() == b'{\n "a": 1\n}\n'


class Full(StringIO):
    """A file that takes nothing."""

    def write(self, text):
        """Refuse, as a full disk does."""
        raise OSError(28, f"No space left on device for {text!r}")


def test_lines_that_nobody_can_print_end_no_run(record):
    """A full disk behind standard error: the loop goes on, the log is whole, and later lines are printed again."""
    record.console.file = Full()
    with record.stage("distil"), record.progress("steps", 3) as advance:
        for _ in range(3):
            advance()
    record.console.file = StringIO()
    record.say("later")
    assert said(record)[-1] == "later"
    assert [json.loads(line)["event"] for line in record.path.read_text().splitlines()] == ["begin", "end"]


class Closed(StringIO):
    """A pipe that nobody reads any more."""

    def write(self, text):
        """Refuse, as the system does."""
        raise BrokenPipeError(32, f"Broken pipe for {text!r}")


@pytest.mark.parametrize("is_terminal", [False, True])
def test_lines_that_nobody_reads_end_no_run(record, monkeypatch, is_terminal):
    """As behind ``2>&1 | head``: rich would leave the process with status 1, and without a word."""
    record.console.file = Closed()
    monkeypatch.setattr(record.console, "_force_terminal", is_terminal)
    with record.stage("distil"), record.progress("steps", 3) as advance:
        for _ in range(3):
            advance()
    record.say("later")
    assert [json.loads(line)["event"] for line in record.path.read_text().splitlines()] == ["begin", "end"]
