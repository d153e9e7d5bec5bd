"""Accuracy beside latency, with made-up figures."""

from __future__ import annotations

import json

import pytest
from refusal import refused

from distilspec.compress.latency import front, with_latency
from distilspec.compress.summary_picture import draw_pictures
from distilspec.compress.summary_table import as_markdown
from distilspec.reference.contract.errors import FormatError


def points(value):
    """Return a figure with its interval."""
    return {"points": value, "low": value - 1, "high": value + 1}


PAIRS = ("fp32 - teacher", "w8a8-static - fp32", "w8a8-static - teacher")

SUMMARY = {
    "name": "all",
    "confidence": 0.95,
    "hours": 1.5,
    "absent": [],
    "students": [
        {
            "name": "small", "structure": "block", "block_shape": [4, 4], "sparsity": 0.8, "layers": 6, "seeds": [0, 1],
            "recipes": ["w8a8-static"], "folders": ["out/small-seed-0", "out/small-seed-1"], "goals": [],
            "differences": dict.fromkeys(PAIRS, points(-1.0)), "each_seed": [], "bytes": {}, "bytes_with_zeros": {},
            "accuracy": {"teacher": points(80.0), "fp32": points(79.0), "w8a8-static": points(78.0)},
        }
    ],
}  # fmt: skip


def row(runtime, ms, recipe="fp32", model="/elsewhere/out/small-seed-1", **changes):
    """Return a row as the benchmark writes it."""
    return {
        "runtime": runtime, "version": "1.0", "recipe": recipe, "state": "PASS", "batch": 1, "seq": 32, "threads": 2,
        "median_ms": ms, "spread": 0.1, "ratio": 1.5, "model": model, "comparison": "/elsewhere/out/small-seed-1",
        **changes,
    }  # fmt: skip


@pytest.fixture
def joined(tmp_path):
    """Return a function that writes rows as a benchmark's file and joins it with the summary."""

    def join(*rows):
        path = tmp_path / "bench.json"
        path.write_text(json.dumps({"rows": rows}))
        return with_latency(SUMMARY, [path])

    return join


def test_rows_find_the_accuracy_of_what_they_ran(joined):
    """Of a teacher in INT8, and of a student under another recipe, there is none."""
    teacher = {"model": "teachers/0/model"}
    found = joined(
        row("fast", 1.0, "w8a8-static"), row("fast-fp32", 2.0), row("fast-dynamic", 1.5, "w8a8-dynamic"),
        row("fast", 3.0, "w8a8-static", **teacher), row("fast-fp32", 4.0, **teacher),
    )["latency"]  # fmt: skip

    assert [one["model"] for one in found] == ["small"] * 3 + ["teacher of small"] * 2
    assert [one["accuracy"] and one["accuracy"]["points"] for one in found] == [78.0, 79.0, None, None, 80.0]
    assert [one["is_best"] for one in found] == [True, True, False, False, True]


def test_what_is_slower_wrong_or_without_a_time_is_not_best(joined):
    """Shapes and threads do not compete with each other."""
    found = joined(
        row("wrong", 0.5, state="FAIL"), row("gone", None, state="CRASH"), row("fast", 1.0), row("slow", 2.0),
        row("slow", 9.0, seq=128), row("slow", 8.0, threads=1),
    )["latency"]  # fmt: skip
    assert [one["is_best"] for one in found] == [False, False, True, False, True, True]


def test_of_equal_times_the_more_accurate_is_best():
    """And of equal accuracy the quicker."""
    rows = [
        {"median_ms": ms, "accuracy": points(accuracy), "state": "PASS"}
        for ms, accuracy in ((1.0, 70.0), (1.0, 71.0), (2.0, 71.0), (3.0, 72.0))
    ]
    assert front(rows) == [rows[1], rows[3]]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"rows": [{"comparison": "out/other-seed-0"}]}', "it is about out/other-seed-0; expected distilspec bench"),
        ('{"rows": [{"comparison": ""}]}', "it is about no student; expected distilspec bench --model with out/small"),
        ('{"rows": [{}]}', "bench.json: 'comparison'; expected what distilspec bench --json writes"),
        ('{"rows": 3}', "expected what distilspec bench --json writes"),
        ("[]", "the top is a list; expected"),
    ],
)
def test_files_about_something_else_are_refused(tmp_path, text, match):
    """One line."""
    (tmp_path / "bench.json").write_text(text)
    with refused(FormatError, match):
        with_latency(SUMMARY, [tmp_path / "bench.json"])


def test_table_and_picture_have_every_runtime(joined, tmp_path):
    """A wrong one as well, and one without a time in the table."""
    pytest.importorskip("matplotlib")
    summary = joined(
        row("fast", 1.0, "w8a8-static"), row("wrong", 2.0, state="FAIL"), row("gone", None, state="CRASH", ratio=None),
        row("fast-fp32", 3.0, model="teachers/0/model"), row("fast", 5.0, seq=128),
    )  # fmt: skip
    draw_pictures(summary, tmp_path)
    text = (tmp_path / "latency.svg").read_text()
    for name in ("small", "teacher", "fast", "wrong", "fast-fp32", "1x32, 2 threads", "1x128, 2 threads"):
        assert f"<!-- {name} -->" in text
    lines = [line for line in as_markdown(summary) if line.startswith("| 1x")]
    assert len(lines) == 5
    assert "| 1x32, 2 | small | fast 1.0 | w8a8-static | PASS | 1.00 | 1.50x | 78.00 [77.00, 79.00] | * |" in lines
    assert "| 1x32, 2 | small | gone 1.0 | fp32 | CRASH | - | - | 79.00 [78.00, 80.00] |  |" in lines
