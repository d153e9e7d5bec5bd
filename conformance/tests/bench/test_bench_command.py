"""``distilspec bench`` on the command line."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from distilspec.conformance.bench import serving, session
from distilspec.conformance.bench.rows import LeftOut, Report, Row
from distilspec.conformance.bench.serving import Served
from distilspec.conformance.cli import app
from distilspec.conformance.report.environment import this_environment
from distilspec.reference.contract.errors import RangeError


@pytest.fixture
def questions(monkeypatch):
    """Yield the questions that the command asks; each is answered by one row."""
    asked = []

    def answer(question, show):
        asked.append(question)
        row = Row("fast", "1.0", "w8a8-static", 0.0, None, 1, 128, 2, 5.0, 0.1, 1.5, 0.8, model="minilm", base="fast")
        return Report(this_environment(), [], [row], [LeftOut("torch-fp32", "not installed")])

    monkeypatch.setattr(session, "bench", answer)
    return asked


def ran(*arguments):
    """Return what the command printed."""
    result = CliRunner().invoke(app, ["bench", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_without_options_the_question_is_a_quick_one(questions):
    """One shape, dense and 80 % sparse, no float32."""
    ran()

    (question,) = questions
    assert [str(shape) for shape in question.shapes] == ["1x128"]
    assert [workload.sparsity for workload in question.workloads] == [0.0, 0.8]
    assert {workload.model for workload in question.workloads} == {"distilbert-base"}
    assert "torch-fp32" not in [peer.name for peer in question.peers]


def test_everything_can_be_chosen(questions):
    """Runtimes, model, shapes, threads, sparsities, block shapes, base and time."""
    ran(
        "fast", "openvino", "--model", "minilm", "--shapes", "1x32,8x128", "--threads", "1", "--threads", "2",
        "--sparsity", "0.9", "--block-shape", "4,4", "--block-shape", "16,4", "--base", "fast", "--seconds", "3",
        "--pruned", "ffn",
    )  # fmt: skip

    (question,) = questions
    assert [peer.name for peer in question.peers][:2] == ["fast", "openvino-int8"]
    assert [str(shape) for shape in question.shapes] == ["1x32", "8x128"]
    assert list(question.threads) == [1, 2]
    assert [workload.block_shape for workload in question.workloads] == [(4, 4), (16, 4)]
    assert {(one.model, one.sparsity, one.pruned) for one in question.workloads} == {("minilm", 0.9, "ffn")}
    assert (question.base, question.seconds) == ("fast", 3.0)


def test_the_output_is_a_table_or_json(questions):
    """Never both."""
    assert "1.50x" in ran()
    printed = json.loads(ran("--json"))
    assert printed["rows"][0]["ratio"] == 1.5
    assert printed["left_out"][0]["runtime"] == "torch-fp32"


def test_a_picture_is_drawn_beside_the_table(questions, tmp_path):
    """In the file that was named."""
    pytest.importorskip("matplotlib")

    ran("--picture", str(tmp_path / "picture.svg"))

    assert (tmp_path / "picture.svg").stat().st_size > 1000


def test_a_limit_of_latency_asks_the_other_question(questions, monkeypatch, tmp_path):
    """The most texts a second, for the tokens of the shape."""
    asked = []

    def answer(peers, workloads, sequence, threads, limit, seconds, show):
        asked.append((sequence, threads, limit))
        what = ("fast", "1.0", "w8a8-static", "minilm", 0.0, None, "all", sequence)
        return [Served(*what, 4, 2, 1, False, 100.0, 8.5, 9.5, 500)]

    monkeypatch.setattr(serving, "serve", answer)

    assert "p99 of latency at most 10 ms" in ran("fast", "--latency-limit", "10", "--threads", "2")
    assert json.loads(ran("fast", "--latency-limit", "10", "--json"))["best"][0]["batch"] == 4
    assert asked[0] == (128, 2, 10.0)
    assert questions == []
    saved = tmp_path / "bench.json"
    saved.write_text(ran("fast", "--latency-limit", "10", "--json"))
    assert "p99 of latency at most 10 ms" in ran("--from", str(saved))
    assert "## The most texts a second" in ran("--from", str(saved), "--markdown")
    with pytest.raises(RangeError, match="expected a file that was made without --latency-limit"):
        ran("--from", str(saved), "--picture", str(tmp_path / "picture.svg"))


def test_another_recipe_is_asked_for_by_its_name(questions):
    """Of the static forms."""
    ran("fast", "onnxruntime-dynamic", "--recipe", "w7a8-static")

    assert {peer.name: str(peer.recipe) for peer in questions[0].peers} == {
        "fast": "w7a8-static", "onnxruntime-dynamic": "w8a8-dynamic"
    }  # fmt: skip


def test_what_was_timed_is_shown_again(questions, tmp_path):
    """As tables, as Markdown and as a picture, from several files, and nothing is timed."""
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    first.write_text(ran("--json"))
    second.write_text(ran("--json").replace('"seq": 128', '"seq": 32'))
    questions.clear()

    shown = ran("--from", str(first), "--from", str(second))
    assert "minilm 1x128, dense, 2 threads" in shown
    assert "minilm 1x32, dense, 2 threads" in shown
    page = ran("--from", str(first), "--from", str(second), "--markdown")
    assert page.count("| fast 1.0 | w8a8-static | PASS | 5.00 | 1.50x | 200.0 | 80% |") == 2
    pytest.importorskip("matplotlib")
    ran("--from", str(first), "--picture", str(tmp_path / "picture.svg"))
    assert (tmp_path / "picture.svg").exists()
    assert questions == []


def test_a_new_measurement_may_be_markdown(questions):
    """At once."""
    assert "| fast 1.0 | w8a8-static | PASS |" in ran("--markdown")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tensorflow",), "runtime 'tensorflow' is not timed"),
        (("--shapes", "128"), "is not BATCHxSEQUENCE"),
        (("--sparsity", "1.5"), "sparsity is 1.5; expected 0 or more"),
        (("--block-shape", "4x1"), "is not two positive integers"),
        (("--pruned", "heads"), "expected one of all, ffn"),
        (("--picture", "picture.jpg"), r"is no \.svg or \.png file"),
        (("--latency-limit", "10", "--shapes", "1x32,1x128"), "expected one shape"),
        (("--latency-limit", "10", "--threads", "1", "--threads", "2"), "one --threads"),
        (("--recipe", "w8a32"), "recipe w8a32 has no calibrated ranges"),
        (("--json", "--markdown"), "expected one of them"),
        (("fast", "--from", "bench.json"), "expected no runtimes and no --json"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(questions, arguments, said):
    """Before anything starts."""
    with pytest.raises(RangeError, match=said):
        ran(*arguments)
    assert questions == []
