"""A student of ``distilspec compress`` beside its teacher: what is timed, against what, and how it is shown."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tiny_result import KEPT, tiny_result
from typer.testing import CliRunner

from distilspec.conformance.bench import session
from distilspec.conformance.bench.peers import PEERS, of_a_student
from distilspec.conformance.bench.picture import order
from distilspec.conformance.bench.rows import Report, Row, document
from distilspec.conformance.bench.session import Question, bench, load, sources
from distilspec.conformance.bench.table import print_report
from distilspec.conformance.bench.work import work_of
from distilspec.conformance.bench.workloads import Shape, Student, compression, model_of, sparsity_of
from distilspec.conformance.cli import app
from distilspec.conformance.report.environment import this_environment
from distilspec.conformance.result import State
from distilspec.reference import ops
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.saved import load_program

BY_NAME = {peer.name: peer for peer in PEERS}

SHAPE = Shape(3, 8)


@pytest.fixture
def result(tmp_path, monkeypatch):
    """Yield a result whose student is half zeros in blocks of (4, 4); what is made of it goes away."""
    monkeypatch.setenv("DISTILSPEC_BENCH", str(tmp_path / "kept"))
    yield tiny_result(tmp_path / "out")
    model_of.cache_clear()


@pytest.fixture
def planted(monkeypatch):
    """Yield the processes of a question, each with the milliseconds that the test gives to (runtime, model)."""
    processes = {}

    class Planted:
        version = ""

        def __init__(self, peer, threads, processors):
            self.peer = peer

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def load(self, source, inputs):
            program = load_program(Path(source))
            self.answer = program.run(ops, inputs)
            self.is_student = "block_sparse_linear" in {step.op for step in program.steps}

        def outputs(self):
            return self.answer

        def turn(self, warm, count):
            return [processes[self.peer.name, self.is_student] / 1e3] * count

    monkeypatch.setattr(session, "Process", Planted)
    monkeypatch.setattr(session, "missing", lambda peer: None)
    monkeypatch.setattr(session, "limits_of", lambda threads, _: None)
    return processes


def test_teacher_and_student_are_compared(result):
    """The student's sparsity and blocks are read from its weights; without a teacher it is alone."""
    teacher, student = compression(result)
    assert load_folder(Path(teacher.model)).program.name == "model"
    assert (teacher.sparsity, student) == (0.0, Student(str(result.folder), 0.5, (4, 4)))

    shutil.rmtree(result.teacher)
    assert compression(result) == [student]


@pytest.mark.parametrize("shape", [(4, 1), (1, 1)])
def test_sparsity_is_that_of_the_weights(tmp_path, shape):
    """Packed or not; a dense model has none."""
    dense = tiny_result(tmp_path / "dense", sparsity=0.0)
    assert sparsity_of(dense.program(Recipe.FP32, [])) == (0.0, (1, 1))
    pruned = tiny_result(tmp_path / "pruned", sparsity=0.75, block_shape=shape)
    assert sparsity_of(pruned.program(Recipe.FP32, [])) == (0.75, shape)


def test_the_saved_programs_are_what_is_timed(result):
    """Folder for folder where a runtime has blocks, and with zeros in their place where it has none."""
    student = compression(result)[-1]
    with sources(student) as source:
        assert source(BY_NAME["fast"], SHAPE) == str(result.programs[Recipe.W8A8_STATIC])
        zeros = load_program(Path(source(BY_NAME["torch-inductor"], SHAPE)))
        dynamic = load_program(Path(source(BY_NAME["torch-dynamic"], SHAPE)))
    inputs = student.inputs(SHAPE)
    saved = load_program(result.programs[Recipe.W8A8_STATIC])

    assert (zeros.run(ops, inputs)["logits"] == saved.run(ops, inputs)["logits"]).all()
    for program in (zeros, dynamic):
        found = {step.name: step.op for step in program.steps}
        assert found[KEPT] == "linear", "it stays in float32"
        assert not any("block_sparse" in op for op in found.values())


def test_both_models_take_turns_against_the_teacher(result, planted):
    """The base is the teacher's row of its name; the student's own row of that name has a ratio like any other."""
    planted |= {("fast", False): 2.0, ("fast", True): 0.5, ("fast-fp32", False): 4.0, ("fast-fp32", True): 1.0}
    peers = [BY_NAME["fast"], BY_NAME["fast-fp32"]]
    question = Question(peers, compression(result), [SHAPE], [1], "fast-fp32", 0.0, str(result.folder))

    report = bench(question)

    assert {(row.runtime, row.part): row.ratio for row in report.rows} == pytest.approx(
        {("fast", "teacher"): 2, ("fast-fp32", "teacher"): 1, ("fast", "student"): 8, ("fast-fp32", "student"): 4}
    )
    assert all(row.state is State.PASS for row in report.rows)
    assert {row.sparsity for row in report.rows if row.part == "student"} == {0.5}
    assert {row["comparison"] for row in document(report)["rows"]} == {str(result.folder)}


def test_what_has_no_int8_form_has_a_row_without_a_time(tmp_path, planted, monkeypatch):
    """Every layer stays in float32."""
    monkeypatch.setenv("DISTILSPEC_BENCH", str(tmp_path / "kept"))
    linears = [
        f"transformer.layer.0.{name}"
        for name in (
            "attention.q_lin",
            "attention.k_lin",
            "attention.v_lin",
            "attention.out_lin",
            "ffn.lin1",
            "ffn.lin2",
        )
    ]
    result = tiny_result(tmp_path / "out", recipe=None, kept=linears)
    planted |= {("fast-fp32", False): 1.0, ("fast-fp32", True): 1.0, ("fast", False): 1.0}
    peers = [BY_NAME["fast"], BY_NAME["fast-fp32"]]

    rows = bench(Question(peers, compression(result), [SHAPE], [1], None, 0.0, str(result.folder))).rows

    found = {(row.runtime, row.part): (row.state, row.detail) for row in rows}
    state, detail = found["fast", "student"]
    assert state is State.UNSUPPORTED
    assert "expected one because w8a8-static quantises those" in detail
    assert {state for state, _ in found.values()} == {State.PASS, State.UNSUPPORTED}
    model_of.cache_clear()


def test_few_logits_are_judged_by_the_distance_on_more_texts(result, planted):
    """By the largest of eight texts; of one text it may happen to be next to nothing."""
    student = compression(result)[-1]
    process = session.Process(BY_NAME["fast"], 1, ())
    with sources(student) as source:
        verdict = load(process, student, Shape(1, 8), source)
    of_eight = [student.program(recipe).run(ops, student.inputs(Shape(8, 8), texts=8))["logits"] for recipe in
                (Recipe.FP32, Recipe.W8A8_STATIC)]  # fmt: skip
    distances = np.linalg.norm(of_eight[1] - of_eight[0], axis=1) / np.linalg.norm(of_eight[0], axis=1)
    assert verdict.limit == pytest.approx(distances.max())
    assert verdict.limit > distances.min()


def test_pruned_blocks_of_a_student_are_no_work(result):
    """Half of the products of its Linears."""
    dense, sparse = (work_of(workload.program(Recipe.FP32), SHAPE) for workload in compression(result))
    assert sparse.float32_products < dense.float32_products


def row(runtime, model, ms, **changes):
    """Return a row of a comparison."""
    fields = {
        "version": "1.0", "recipe": "fp32", "sparsity": 0.8 if model == "out" else 0.0, "batch": 1, "seq": 128,
        "block_shape": (4, 4) if model == "out" else None, "threads": 2, "median_ms": ms, "spread": 0.1,
        "model": model, "base": "openvino-fp32", "comparison": "out", **changes,
    }  # fmt: skip
    return Row(runtime, **fields)


def test_one_table_shows_both():
    """With the model in a column of its own, and what both are above it."""
    rows = [row("fast", "out", 1.0), row("fast", "teachers/0/model", 3.0, state=State.FAIL, error=1.0, error_limit=0.5)]
    output = io.StringIO()
    print_report(Report(this_environment(), {}, rows), Console(file=output, width=130))
    lines = output.getvalue().splitlines()

    assert "out 1x128, 2 threads; ratio: speed against openvino-fp32 on the teacher in the same round" in lines
    assert "student: out, 80% sparse in blocks of (4, 4)" in lines
    assert "teacher: teachers/0/model, dense" in lines
    assert [line.split()[:2] for line in lines if line.startswith(("student ", "teacher "))] == [
        ["student", "fast"], ["teacher", "fast"]
    ]  # fmt: skip
    assert "  fast on the teacher computes something else: it is off by 1; expected 0.5" in lines
    assert all("…" not in line for line in lines)
    assert order(rows) == ["fast on the teacher", "fast on the student"]


@pytest.fixture
def questions(monkeypatch):
    """Return the questions that the command asks; each is answered by nothing."""
    asked = []
    monkeypatch.setattr(session, "bench", lambda question, _: asked.append(question) or Report(this_environment()))
    return asked


def test_the_command_takes_the_result_or_its_student(result, questions):
    """And compares float32 with INT8 on every runtime, against the teacher on OpenVINO, unless runtimes are named."""
    for folder in (result.folder, result.student):
        ran = CliRunner().invoke(app, ["bench", "--model", str(folder)], catch_exceptions=False)
        assert ran.exit_code == 0
        question = questions.pop()
        assert question.comparison == str(result.folder)
        assert [type(workload).__name__ for workload in question.workloads] == ["Workload", "Student"]
        assert question.base == "openvino-fp32"
        assert {peer.loader for peer in question.peers} == {
            "fast",
            "openvino",
            "onnxruntime",
            "torch_dynamic",
            "torch_eager",
        }
        assert {peer.recipe for peer in question.peers} >= {Recipe.FP32, Recipe.W8A8_STATIC}
    CliRunner().invoke(app, ["bench", "fast", "--model", str(result.folder)], catch_exceptions=False)
    assert ([peer.name for peer in questions[0].peers], questions[0].base) == (["fast"], None)


def test_our_engine_runs_the_recipe_that_is_saved():
    """Whichever it is."""
    assert "fast-dynamic-token" in [peer.name for peer in of_a_student([Recipe.W8A8_DYNAMIC_TOKEN])]
    assert "fast-dynamic-token" not in [peer.name for peer in of_a_student([Recipe.FP32])]


@pytest.mark.parametrize("option", [("--sparsity", "0.8"), ("--block-shape", "4,1"), ("--pruned", "ffn")])
def test_a_student_is_timed_as_it_is(result, questions, option):
    """Pruning it once more is refused in one line."""
    with pytest.raises(RangeError, match="is timed as its pipeline has made it; expected no --sparsity"):
        CliRunner().invoke(app, ["bench", "--model", str(result.folder), *option], catch_exceptions=False)
    assert questions == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fast", "openvino-int8", "onnxruntime-qdq", "torch-dynamic", "torch-fp32"])
def test_real_runtimes_run_a_student(result, name):
    """Both models are loaded and take their turns; no time is asserted."""
    question = Question([BY_NAME[name]], compression(result), [SHAPE], [1], None, 0.0, str(result.folder))

    rows = bench(question).rows

    assert [row.part for row in rows] == ["teacher", "student"]
    assert all(row.median_ms for row in rows), [row.detail for row in rows]
