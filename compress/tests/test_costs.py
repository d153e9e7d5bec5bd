"""What the log of a run says that it cost."""

from __future__ import annotations

import json
import time

import pytest
from refusal import refused

from distilspec.compress.costs import Cost, costs_of
from distilspec.compress.record import Record
from distilspec.reference.contract.errors import FormatError


def written(path, *events):
    """Write a log of (time, stage, event, further fields)."""
    path.write_text("".join(json.dumps({"time": t, "stage": s, "event": e, **more}) + "\n" for t, s, e, more in events))
    return path


def test_seconds_are_those_of_work(tmp_path):
    """Ten, a kill, an hour in which nothing ran, and five; another stage in between does not count."""
    found = costs_of(written(
        tmp_path / "log.jsonl",
        (0, "distil", "begin", {}), (4, "distil", "step", {}), (10, "distil", "step", {}),
        (3610, "distil", "begin", {}), (3612, "distil", "restored", {}),
        (3615, "distil", "end", {"cpu_seconds": 4.5, "peak_mib": 90}),
        (3615, "export", "begin", {}), (3617, "export", "end", {"cpu_seconds": 1.5, "peak_mib": 95}),
    ))  # fmt: skip
    assert found == {
        "distil": Cost(seconds=15, cpu_seconds=4.5, is_whole=False, peak_mib=90),
        "export": Cost(seconds=2, cpu_seconds=1.5, is_whole=True, peak_mib=95),
    }


def test_a_stage_that_was_made_anew_costs_twice(tmp_path):
    """And needs the memory of the larger time."""
    once = {"cpu_seconds": 2.0, "peak_mib": 90}
    twice = {"cpu_seconds": 3.0, "peak_mib": 80}
    log = written(
        tmp_path / "log.jsonl",
        (0, "export", "begin", {}), (2, "export", "end", once),
        (9, "export", "begin", {}), (10, "export", "end", twice),
    )  # fmt: skip
    assert costs_of(log) == {"export": Cost(seconds=3, cpu_seconds=5.0, is_whole=True, peak_mib=90)}


def test_a_stage_that_has_not_ended_has_no_memory(tmp_path):
    """A log that is not there has no stage."""
    log = written(tmp_path / "log.jsonl", (0, "distil", "begin", {}), (4, "distil", "step", {}))
    assert costs_of(log) == {"distil": Cost(seconds=4, cpu_seconds=0.0, is_whole=False, peak_mib=None)}
    assert costs_of(tmp_path / "absent.jsonl") == {}


def test_the_end_of_a_stage_says_what_it_cost(tmp_path):
    """
    Time on the clock, of the processors, and the largest memory.

    A processor that works 0.1 s is measured as that, to the hundredth to which it is rounded and no more than the clock
    says; sleeping costs it nothing. 64 MiB that were written to were in memory.
    """
    record = Record(tmp_path / "log.jsonl")
    with record.stage("work"):
        held = bytearray(b"x") * (64 << 20)
        begin = time.process_time()
        while time.process_time() - begin < 0.1:
            pass
    with record.stage("sleep"):
        time.sleep(0.1)
    work, sleep = (event for event in map(json.loads, record.path.read_text().splitlines()) if event["event"] == "end")
    assert len(held) >> 20 <= work["peak_mib"] <= sleep["peak_mib"]
    assert work["cpu_seconds"] >= 0.1
    assert sleep["seconds"] >= 0.1 > sleep["cpu_seconds"]


def test_a_last_line_that_is_not_whole_does_not_count(tmp_path):
    """Another process is about to write it, or was killed while it did."""
    log = written(
        tmp_path / "log.jsonl", (0, "distil", "begin", {}), (4, "distil", "step", {}), (6, "distil", "step", {})
    )
    whole = costs_of(log)
    log.write_bytes(log.read_bytes() + b'{"time": 9, "sta')
    assert costs_of(log) == whole


@pytest.mark.parametrize(("line", "told"), [(b"not JSON\n", "not JSON"), (b"\xff{\n", "\ufffd{")])
def test_a_line_that_is_none_is_refused(tmp_path, line, told):
    """With its number."""
    (tmp_path / "log.jsonl").write_bytes(line)
    with refused(FormatError, f"log.jsonl: line 1 is '{told}'; expected"):
        costs_of(tmp_path / "log.jsonl")


@pytest.mark.parametrize("fields", [{"time": "x", "stage": "a", "event": "end"}, {"time": 1, "event": "end"}])
def test_an_event_without_time_or_stage_is_refused(tmp_path, fields):
    """As a line that is no JSON."""
    (tmp_path / "log.jsonl").write_text(json.dumps(fields) + "\n")
    with refused(FormatError, "line 1 is"):
        costs_of(tmp_path / "log.jsonl")
