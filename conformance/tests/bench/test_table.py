"""The tables on the console."""

from __future__ import annotations

import io

from rich.console import Console

from distilspec.conformance.bench.rows import LeftOut, Report, Row
from distilspec.conformance.bench.table import cells, limits_lines, print_report, quickest_first, title_of
from distilspec.conformance.bench.work import Limits
from distilspec.conformance.report.environment import this_environment
from distilspec.conformance.result import State


def row(runtime, ms=None, **changes):
    """Return a row."""
    fields = {
        "version": "1.0", "recipe": "w8a8-static", "sparsity": 0.0, "block_shape": None, "batch": 8, "seq": 128,
        "threads": 2, "median_ms": ms, "spread": None if ms is None else ms / 100, "model": "minilm", "base": "fast",
        **changes,
    }  # fmt: skip
    return Row(runtime, **fields)


def printed(rows, left_out=()):
    """Return the lines of a report."""
    output = io.StringIO()
    limits = [Limits(2, "avx2", 80e9, 51e9, 6e9)]
    print_report(Report(this_environment(), limits, list(rows), list(left_out)), Console(file=output, width=200))
    return output.getvalue().splitlines()


def test_losses_are_printed_like_wins():
    """The quickest first, ours wherever it ends, and those without a time at the end."""
    rows = [row("fast", 20.0), row("a", 10.0), row("b", state=State.CRASH, detail="signal 4: stop"), row("c", 30.0)]

    assert [one.runtime for one in quickest_first(rows)] == ["a", "fast", "c", "b"]
    lines = printed(rows)
    first = next(number for number, line in enumerate(lines) if line.startswith("runtime"))
    assert [line.split()[0] for line in lines[first + 1 : first + 5]] == ["a", "fast", "c", "b"]


def test_a_cell_for_every_figure():
    """Ratio, its quartiles, texts a second and the share of the roofline."""
    shown = cells(row("a", 16.0, ratio=1.5, ratio_quartiles=(1.25, 1.75), roofline=0.5))

    assert shown == ("a", "1.0", "w8a8-static", "PASS", "16.00", "0.16", "1.50x", "1.25 to 1.75", "500.0", "50%")
    assert cells(row("a", state=State.CRASH))[3:] == ("CRASH", "-", "-", "-", "-", "-", "-")


def test_both_speeds_and_wrong_results_are_said():
    """A star in the table, and a line below it."""
    lines = printed(
        [row("a", 22.3, speeds_ms=(22.3, 36.5)), row("b", 9.0, state=State.FAIL, error=0.5, error_limit=0.1)]
    )

    assert any("22.30*" in line for line in lines)
    assert "  a has two speeds: 22.30 and 36.50 ms" in lines
    assert "  b computes something else: it is off by 0.5; expected 0.1" in lines


def test_whoever_is_left_out_is_named_in_one_line():
    """With what would change that."""
    assert printed([], [LeftOut("deepsparse-qdq", "x; make it")])[-1] == "deepsparse-qdq is left out: x; make it"


def test_the_machine_stands_first():
    """With its limits for every number of threads."""
    assert "2 threads (avx2) at most: 80.0 INT8 and 51.0 float32 products/ns, 6.0 GB/s read" in printed([])[1]


def test_limits_of_several_runs_are_a_range():
    """Of the same number of threads; what looks alike stands once."""
    runs = [
        Limits(2, "avx2", 80e9, 51e9, 6e9),
        Limits(1, "avx2", 40e9, 25e9, 5e9),
        Limits(2, "avx2", 79e9, 51.01e9, 6.5e9),
    ]

    assert limits_lines(runs) == [
        "2 threads (avx2) at most: 79.0 to 80.0 INT8 and 51.0 float32 products/ns, 6.0 to 6.5 GB/s read",
        "1 thread (avx2) at most: 40.0 INT8 and 25.0 float32 products/ns, 5.0 GB/s read",
    ]


def test_tables_say_what_was_timed():
    """Weights, shape and threads; a new table for each."""
    assert title_of(row("a")) == "minilm 8x128, dense, 2 threads"
    sparse = {"sparsity": 0.8, "block_shape": (4, 1), "threads": 1}
    assert title_of(row("a", **sparse)) == "minilm 8x128, 80% sparse in blocks of (4, 1), 1 thread"
    assert "sparse in the feed-forward networks in blocks" in title_of(row("a", **sparse, pruned="ffn"))
    tables = printed([row("a", 1.0), row("b", 2.0), row("a", 1.0, **sparse), row("b", 2.0, **sparse)])
    assert sum(line.startswith("runtime") for line in tables) == 2


def test_what_a_runtime_says_does_not_steer_the_terminal():
    """Escape sequences in a detail are no escape sequences any more."""
    assert not any("\x1b" in line for line in printed([row("a", state=State.ERROR, detail="\x1b[2Jgone")]))
