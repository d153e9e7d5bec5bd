"""The page of results."""

from __future__ import annotations

from distilspec.conformance.bench.markdown import as_markdown
from distilspec.conformance.bench.rows import LeftOut, Report, Row
from distilspec.conformance.bench.serving import Served, Serving
from distilspec.conformance.bench.work import Limits
from distilspec.conformance.report.environment import this_environment
from distilspec.conformance.result import State


def row(runtime, rounds=(), **changes):
    """Return a row whose rounds took so many milliseconds."""
    ms = sorted(rounds)[len(rounds) // 2] if rounds else None
    fields = {
        "version": "1.0", "recipe": "w8a8-static", "sparsity": 0.0, "block_shape": None, "batch": 8, "seq": 128,
        "threads": 2, "median_ms": ms, "spread": ms, "model": "minilm", "base": "fast", "rounds": len(rounds),
        "round_ms": tuple(rounds), **changes,
    }  # fmt: skip
    return Row(runtime, **fields)


def report(*rows, left_out=()):
    """Return a report of these rows."""
    return Report(this_environment(), [Limits(2, "avx2", 80e9, 51e9, 6e9)], list(rows), list(left_out))


def lines(*saved):
    """Return the lines of the page."""
    return as_markdown(saved).split("\n")


def cells(page, start, which=0):
    """Return the cells of a line of a table by the text that it starts with."""
    found = [line for line in page if line.startswith(f"| {start}")]
    return [cell.strip() for cell in found[which].strip("|").split("|")]


def test_every_row_has_a_line_the_quickest_first():
    """Ours wherever it ends, wrong results with their time, and those without a time at the end."""
    page = lines(
        report(
            row("fast", [20.0], ratio=1.0, ratio_quartiles=(0.9, 1.1), roofline=0.5), row("quick", [10.0], ratio=2.0),
            row("gone", state=State.CRASH, detail="signal 4: stop"),
            row("wrong", [30.0], state=State.FAIL, error=0.5, error_limit=0.25),
        )
    )  # fmt: skip

    table = page[page.index("minilm 8x128, dense, 2 threads, ratios against fast:") + 2 :][:6]
    assert table == [
        "| runtime | recipe | verdict | ms | ratio, quartiles | texts/s | roofline |",
        "| --- | --- | --- | --: | --- | --: | --: |",
        "| quick 1.0 | w8a8-static | PASS | 10.0 | 2.00x | 800.0 |  |",
        "| fast 1.0 | w8a8-static | PASS | 20.0 | 1.00x, 0.90 to 1.10 | 400.0 | 50% |",
        "| wrong 1.0 | w8a8-static | FAIL | 30.0 |  | 266.7 |  |",
        "| gone 1.0 | w8a8-static | CRASH |  |  |  |  |",
    ]
    assert "- wrong computes something else: it is off by 0.5; expected 0.25" in page
    assert "- gone: signal 4: stop" in page


def test_ours_is_compared_with_each_other_in_the_same_round():
    """A machine that slows down in the middle changes no ratio; losses are bold, wrong results in italics."""
    page = lines(
        report(
            row("fast", [10.0, 40.0, 10.0]), row("fast-attn", [1.0, 4.0, 1.0]), row("slow", [20.0, 80.0, 20.0]),
            row("quick", [5.0, 20.0, 5.0]), row("wrong", [15.0, 60.0, 15.0], state=State.FAIL), row("gone"),
        )
    )  # fmt: skip

    assert cells(page, "shape") == [
        "shape",
        "threads",
        "recipe",
        "fast, ms",
        "the best other",
        "slow",
        "quick",
        "wrong",
        "gone",
    ]
    assert cells(page, "8x128") == [
        "8x128", "2", "w8a8-static", "10.0", "quick **0.50x**", "2.00x", "**0.50x**", "*1.50x*", ""
    ]  # fmt: skip


def test_a_runtime_that_flips_is_compared_at_both_speeds():
    """Each with ours in the same rounds; both times stand in the table."""
    page = lines(
        report(row("fast", [10.0, 10.0, 20.0, 10.0]), row("two", [20.0, 20.0, 80.0, 40.0], speeds_ms=(20.0, 40.0)))
    )

    assert cells(page, "8x128")[-1] == "2.00x and 4.00x"
    assert cells(page, "two 1.0")[3] == "40.0 (20.0 and 40.0)"


def test_several_files_make_one_page():
    """A heading for each model, sparsity and number of threads, a line of the summary for each shape."""
    sparse = {"sparsity": 0.8, "block_shape": (4, 1)}
    page = lines(
        report(row("fast", [10.0]), row("a", [20.0]), row("fast", [9.0], seq=32), row("a", [27.0], seq=32)),
        report(row("fast", [1.0], **sparse), row("b", [2.0], **sparse)),
    )

    assert [line for line in page if line.startswith("#")] == [
        "## `fast` against each of the others",
        "### minilm, dense",
        "### minilm, 80% sparse in blocks of (4, 1)",
        "## minilm, dense, 2 threads",
        "## minilm, 80% sparse in blocks of (4, 1), 2 threads",
    ]
    assert cells(page, "8x32")[-1] == "3.00x"
    assert cells(page, "8x128", 1)[-1] == "2.00x"
    assert "- 2 threads (avx2) at most: 80.0 INT8 and 51.0 float32 products/ns, 6.0 GB/s read" in page


def test_another_recipe_stands_in_the_heading():
    """So that its tables are not taken for those of the usual one."""
    page = lines(report(row("fast", [10.0]), row("fast", [9.0], seq=32, recipe="w7a8-static")))

    assert [line for line in page if line.startswith("## minilm")] == [
        "## minilm, dense, 2 threads",
        "## minilm, dense, 2 threads, w7a8-static",
    ]
    assert "minilm 8x32, dense, 2 threads, w7a8-static, ratios against fast:" in page


def test_without_ours_there_is_no_summary():
    """Nor where ours was not timed, nor of files that do not have the times of rounds."""
    assert not any("against each" in line for line in lines(report(row("a", [1.0]), row("b", [2.0]))))
    assert not any("against each" in line for line in lines(report(row("fast"), row("b", [2.0]))))
    old = lines(report(row("fast", [1.0], round_ms=()), row("b", [2.0])))
    assert cells(old, "8x128")[-2:] == ["", ""]


def test_a_comparison_says_which_model():
    """In a column of its own, and in no summary."""
    both = {"comparison": "out/small"}
    page = lines(
        report(
            row("fast", [1.0], model="out/small", **both), row("fast", [2.0], model="teacher", **both),
        )
    )  # fmt: skip

    assert cells(page, "student")[:2] == ["student", "fast 1.0"]
    assert cells(page, "teacher")[:2] == ["teacher", "fast 1.0"]
    assert not any("against each" in line for line in page)


def test_the_answer_to_the_other_question_has_a_table_too():
    """The most texts first, and whoever never kept the limit without figures."""
    what = ("1.0", "w8a8-static", "minilm", 0.0, None, "all", 128)
    tried = [
        Served("slow", *what, 4, 2, 1, False, 100.0, 8.5, 9.5, 500),
        Served("fast", *what, 8, 1, 2, False, 300.0, 7.5, 9.0, 500),
        Served("never", *what, 1, 1, 2, True, 10.0, 100.0, 110.0, 5),
    ]
    page = lines(Serving(this_environment(), 10.0, tried, [LeftOut("gone", "no package")]))

    assert "## The most texts a second with p99 of latency at most 10 ms" in page
    table = page[page.index("minilm at 128 tokens, dense:") + 4 :][:3]
    assert table == [
        "| fast 1.0 | w8a8-static | PASS | 300.0 | 7.50 | 9.00 | 8 | 1 | 2 |",
        "| slow 1.0 | w8a8-static | PASS | 100.0 | 8.50 | 9.50 | 4 | 2 | 1 |",
        "| never 1.0 | w8a8-static | PASS |  |  |  |  |  |  |",
    ]
    assert "- never: not under the limit with any batch" in page
    assert page[-3:-1] == ["", "- gone is left out: no package"]


def test_what_a_runtime_says_stays_in_its_place():
    """It ends no cell, starts no tag, and has one line."""
    page = lines(report(row("a", state=State.ERROR, detail="x | y <script>\nnext")))

    assert "- a: x \\| y &lt;script> next" in page
