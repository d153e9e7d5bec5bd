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
            "name": "small", "data": "films.csv", "rows": 2000, "structure": "block", "block_shape": [4, 4],
            "sparsity": 0.8, "layers": 6, "seeds": [0, 1],
            "recipes": ["w8a8-static"], "folders": ["out/small-seed-0", "out/small-seed-1"], "goals": [],
            "differences": dict.fromkeys(PAIRS, points(-1.0)), "each_seed": [],
            "teacher_bytes": None, "bytes": {}, "bytes_with_zeros": {},
            "accuracy": {"teacher": points(80.0), "fp32": points(79.0), "w8a8-static": points(78.0)},
        }
    ],
}  # fmt: skip


def row(runtime, ms, recipe="fp32", model="/elsewhere/out/small-seed-1", **changes):
    """Return a row as the benchmark writes it."""
    return {
        "runtime": runtime, "version": "1.0", "recipe": recipe, "state": "PASS", "batch": 1, "seq": 32, "threads": 2,
        "median_ms": ms, "spread": 0.1, "ratio": 1.5, "base": "peer-fp32", "round_ms": [] if ms is None else [ms],
        "model": model, "comparison": "/elsewhere/out/small-seed-1", **changes,
    }  # fmt: skip


def teacher(runtime="peer-fp32", ms=10.0, **changes):
    """Return a row of the teacher, in float32 on a peer."""
    return row(runtime, ms, **{"model": "teachers/0/model", **changes})


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
    found = joined(
        row("fast", 1.0, "w8a8-static"), row("fast-fp32", 2.0), row("fast-dynamic", 1.5, "w8a8-dynamic"),
        teacher("fast", 3.0, recipe="w8a8-static"), teacher("fast-fp32", 4.0),
    )["latency"]  # fmt: skip

    assert [one["model"] for one in found] == ["small"] * 3 + ["teacher of small"] * 2
    assert [one["accuracy"] and one["accuracy"]["points"] for one in found] == [78.0, 79.0, None, None, 80.0]
    assert [one["is_best"] for one in found] == [True, True, False, False, True]


def test_speed_ups_are_those_of_the_same_rounds(joined):
    """The quotients of rounds, and not of medians: the machine was twice as slow in the second round."""
    found = joined(
        teacher(ms=12.0, round_ms=[10.0, 24.0, 12.0]),
        teacher("fast", 8.0, recipe="w8a8-static", round_ms=[6.0, 16.0, 8.0]),
        row("fast", 4.0, "w8a8-static", round_ms=[4.0, 8.0, 3.0]),
        row("gone", 4.0, round_ms=[4.0, 8.0]),
    )["latency"]  # fmt: skip
    assert [one["speed_up"] for one in found] == [
        {"median": 1.0, "least": 1.0, "most": 1.0},
        {"median": 1.5, "least": 1.5, "most": 10 / 6},
        {"median": 3.0, "least": 2.5, "most": 4.0},
        None,
    ]
    assert [one["same_runtime"] and one["same_runtime"]["median"] for one in found] == [1.0, 1.0, 2.0, None]


def test_students_are_compared_by_what_their_teacher_did_in_the_same_rounds(tmp_path):
    """
    The second student takes fewer milliseconds because the machine was quicker: beside its teacher it is slower.

    A runtime that the teacher ran on beside only one of them is no common measure, and our own is none where a peer is.
    """
    other = SUMMARY["students"][0] | {"name": "other", "folders": ["out/other-seed-0"]}
    about = {"comparison": "out/other-seed-0"}
    files = {
        "a": [
            teacher("a-peer-fp32", 3.0), teacher(), teacher("fast-fp32", 7.0), row("fast", 2.0, "w8a8-static"),
        ],
        "b": [
            teacher(ms=4.0, **about), teacher("fast-fp32", 3.0, **about),
            row("fast", 1.0, "w8a8-static", model="out/other-seed-0", **about),
        ],
    }  # fmt: skip
    paths = [tmp_path / name for name in files]
    for path, rows in zip(paths, files.values(), strict=True):
        path.write_text(json.dumps({"rows": rows}))
    summary = with_latency({**SUMMARY, "students": [SUMMARY["students"][0], other]}, paths)

    assert summary["latency_base"] == "peer-fp32"
    found = {one["model"]: one for one in summary["latency"] if one["recipe"] == "w8a8-static"}
    assert {name: one["speed_up"]["median"] for name, one in found.items()} == {"small": 5.0, "other": 4.0}
    assert {name: one["is_best"] for name, one in found.items()} == {"small": True, "other": False}


def test_without_a_float32_teacher_nothing_is_compared(joined):
    """No star and no speed-up, and the table says why; times stay."""
    summary = joined(row("fast", 1.0), teacher(state="FAIL"))
    assert summary["latency_base"] is None
    assert [(one["speed_up"], one["is_best"], one["median_ms"]) for one in summary["latency"]] == [
        (None, False, 1.0), (None, False, 10.0)
    ]  # fmt: skip
    assert any("no float32 teacher was timed" in line for line in as_markdown(summary))


def test_what_is_slower_wrong_or_without_a_time_is_not_best(joined):
    """Shapes and threads do not compete with each other."""
    found = joined(
        row("wrong", 0.5, state="FAIL"), row("gone", None, state="CRASH"), row("fast", 1.0), row("slow", 2.0),
        row("slow", 9.0, seq=128), row("slow", 8.0, threads=1),
        teacher(), teacher(seq=128, ms=90.0), teacher(threads=1, ms=80.0),
    )["latency"]  # fmt: skip
    best = [(one["runtime"], one["seq"], one["threads"]) for one in found if one["is_best"] and one["model"] == "small"]
    assert best == [("fast", 32, 2), ("slow", 128, 2), ("slow", 32, 1)]


def test_students_of_other_data_do_not_compete(tmp_path):
    """Their accuracies are on other rows."""
    other = SUMMARY["students"][0] | {"name": "news", "data": "news.csv", "folders": ["out/news-seed-0"]}
    about = {"comparison": "out/news-seed-0"}
    path = tmp_path / "bench.json"
    rows = [teacher(), row("fast", 1.0), teacher(**about), row("fast", 2.0, model="out/news-seed-0", **about)]
    path.write_text(json.dumps({"rows": rows}))
    found = with_latency({**SUMMARY, "students": [SUMMARY["students"][0], other]}, [path])["latency"]
    assert [one["model"] for one in found if one["is_best"] and one["model"] in ("small", "news")] == ["small", "news"]


def test_of_equal_speed_the_more_accurate_is_best():
    """And of equal accuracy the quicker."""
    rows = [
        {"speed_up": {"median": speed}, "accuracy": points(accuracy), "state": "PASS"}
        for speed, accuracy in ((6.0, 70.0), (6.0, 71.0), (3.0, 71.0), (2.0, 72.0))
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
        teacher(ms=3.0), row("fast", 5.0, seq=128), teacher(ms=15.0, seq=128),
    )  # fmt: skip
    draw_pictures(summary, tmp_path)
    text = (tmp_path / "latency.svg").read_text()
    told = "times as quick as the float32 teacher on peer-fp32 in the same rounds"
    for name in ("small", "teacher", "fast", "wrong", "peer-fp32", "1x32, 2 threads", "1x128, 2 threads", "films.csv"):
        assert f"<!-- {name} -->" in text
    assert f"<!-- {told}: median, least and most of a round -->" in text
    assert "latency in ms" not in text
    lines = list(as_markdown(summary))
    assert any("milliseconds and ratios of different students do not compare" in line for line in lines)
    assert any("how many times as quick it is as the float32 teacher on peer-fp32" in line for line in lines)
    rows = [line for line in lines if line.startswith("| 1x")]
    assert len(rows) == 6
    assert (
        "| 1x32, 2 | small | fast 1.0 | w8a8-static | PASS | 1.00 | 1.50x peer-fp32 | - | 3.00x [3.00, 3.00] | "
        "78.00 [77.00, 79.00] | * |"
    ) in rows
    assert "| 1x32, 2 | small | gone 1.0 | fp32 | CRASH | - | - | - | - | 79.00 [78.00, 80.00] |  |" in rows
    assert (
        "| 1x32, 2 | teacher of small | peer-fp32 1.0 | fp32 | PASS | 3.00 | 1.50x peer-fp32 | 1.00x | "
        "1.00x [1.00, 1.00] | 80.00 [79.00, 81.00] | * |"
    ) in rows


def test_without_anything_to_compare_there_is_no_picture_of_speed(joined, tmp_path):
    """The table stays."""
    pytest.importorskip("matplotlib")
    draw_pictures(joined(row("fast", 1.0)), tmp_path)
    assert not (tmp_path / "latency.svg").exists()
