"""Runtimes over the subprocess protocol: nothing that a worker does ends the run or leaves a process or a file."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from refusal import refused
from small_encoder import BATCH, encoder
from tiny_models import tiny_folder

from distilspec.conformance.check import check_model, check_operators
from distilspec.conformance.goldens import Expected, GoldenCase, load_goldens
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.runtimes.adapter import (
    RuntimeCrashError,
    RuntimeHangError,
    RuntimeMissingError,
)
from distilspec.conformance.runtimes.worker.memo import Memo
from distilspec.conformance.runtimes.worker.words import ProtocolError
from distilspec.conformance.subject import Subject, prepare
from distilspec.reference.contract.errors import RangeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.tracer import Builder

WORKERS = Path(__file__).parent / "workers"
EXAMPLES = Path(__file__).parents[3] / "examples" / "runtimes"
DOCS = Path(__file__).parents[3] / "docs"

X = np.float32([1, 3, -1])
RELU = GoldenCase(
    id="relu-some",
    operator="relu",
    clauses=("RELU-S1",),
    origin="hand",
    inputs={"x": X},
    expected=(Expected("y", np.array([1.0, 3.0, 0.0]), "bound"),),
    notes="",
)

#: Seconds after which a worker that hangs is killed; one that does not has started by then, on a busy machine too.
SOON = "2"


@pytest.fixture(autouse=True)
def pids(tmp_path, monkeypatch):
    """Give workers a place for their process ids and for temporary folders, and check that nothing is left of both."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))
    (tmp_path / "pids").touch()
    yield tmp_path / "pids"
    assert list(folder.iterdir()) == []
    assert not [pid for pid in map(int, (tmp_path / "pids").read_text().split()) if is_left(pid)]


def is_left(pid):
    """Return whether a process runs, or ended and waits for this one; other zombies are the system's business."""
    try:
        state, parent, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return False
    return state != "Z" or int(parent) == os.getpid()


@pytest.fixture
def start(request):
    """Return a function that starts a runtime, which is closed after the test."""

    def started(*command, **options):
        runtime = find_runtime("exec:" + shlex.join(map(str, command)), options)
        request.addfinalizer(runtime.close)
        return runtime

    return started


def misbehaving(wrong):
    """Return the command of a worker with one thing wrong."""
    return sys.executable, "-S", WORKERS / "misbehaving.py", wrong


def whole_programs(*arguments):
    """Return the command of a worker that takes programs."""
    return sys.executable, WORKERS / "whole_programs.py", *arguments


def one_relu(shape=(3,)):
    """Return a program of one step."""
    builder = Builder("relu", {"x": TensorSpec("float", shape)}, {"recipe": "fp32"})
    return builder.finish({"y": builder.emit("relu", "relu", ["x"])[0]})


def outcome(runtime):
    """Return the judgement on one relu."""
    (result,) = check_operators(runtime, [RELU])
    assert "\n" not in result.judgement.detail
    assert result.judgement.detail.isprintable()
    return result.judgement


# What a worker can do wrong


@pytest.mark.parametrize(
    ("wrong", "state", "detail"),
    [
        ("end by signal", State.CRASH, r"ended by signal SIGSEGV when it was asked to apply relu.*'\[31mout of range'"),
        ("end", State.CRASH, "ended with status 5 when"),
        ("end in a line", State.CRASH, """ended with status 0 .* after '{"id":1,"sta' without a newline"""),
        ("close output", State.CRASH, "closed its standard output when"),
        ("hang", State.TIMEOUT, "no answer within 2 s when it was asked to apply relu"),
        ("hang in a line", State.TIMEOUT, """no answer within 2 s .* after '{"id":1,"sta' without a newline"""),
        ("hang with a child", State.TIMEOUT, "no answer"),
        ("garbage", State.ERROR, r"is 'relu \[31mis done <b>'; expected a JSON object"),
        ("a list", State.ERROR, r"is '\[\]'; expected a JSON object"),
        ("a key twice", State.ERROR, "expected a JSON object"),
        ("endless line", State.ERROR, "a line of more than 1048576 bytes that begins 'xxxx"),
        ("long line", State.ERROR, "a line of more than 1048576 bytes"),
        ("another id", State.ERROR, "another id; expected 1"),
        ("another status", State.ERROR, "status is 'done'; expected ok, unsupported or error"),
        ("error", State.ERROR, "failed to apply relu: out of memory"),
        ("unsupported", State.UNSUPPORTED, "cannot apply relu: no relu on Sundays"),
        ("no output", State.ERROR, "has no 'output.y.dtype'; expected the outputs y"),
        ("no shape", State.ERROR, "has no 'output.y.shape'"),
        ("one output more", State.ERROR, "has the key 'output.z.dtype'; expected the outputs y"),
        ("unknown dtype", State.ERROR, "dtype 'float8'; expected one of float32,"),
        ("shape of text", State.ERROR, "shape '3'; expected a list"),
        ("negative shape", State.ERROR, r"shape \[-3\]; expected a list"),
        ("enormous shape", State.ERROR, r"shape \[0, 46116.*; expected at most 2147483648 bytes"),
        ("many axes", State.ERROR, "expected a list of at most 32 sizes"),
        ("file elsewhere", State.ERROR, "file '/etc/hostname'; expected a name without a folder"),
        ("file above", State.ERROR, "file '../y'; expected a name without a folder"),
        ("file with a nul", State.ERROR, r"file 'y\\x00'; expected a name"),
        ("no file", State.ERROR, r"file 'z' \(No such file or directory\); expected a file in the folder"),
        ("folder", State.ERROR, "file '.'; expected a name"),
        ("link", State.ERROR, r"file 'link' \(.*\); expected a file in the folder"),
        ("pipe", State.ERROR, "file 'pipe', which is no regular file"),
        ("short file", State.ERROR, r"file 'y' of 11 bytes; expected 12 because it is float32 \[3\]"),
        ("long file", State.ERROR, "file 'y' of 13 bytes; expected 12"),
        ("odd bool", State.ERROR, "byte 2; expected 0 or 1 because it is a bool"),
        ("wrong shape", State.FAIL, r"has shape \(1, 3\); expected \(3,\)"),
        ("wrong dtype", State.FAIL, "has dtype int32; expected floating point"),
        ("nan", State.FAIL, r"element \[0\] is nan; expected 1"),
    ],
)
def test_a_wrong_answer_is_a_result_with_one_line(start, wrong, state, detail):
    """Each is one state and one line, and never an end of the run."""
    judgement = outcome(start(*misbehaving(wrong), **({"timeout": SOON} if "hang" in wrong else {})))

    assert judgement.state is state
    assert re.search(detail, judgement.detail), judgement.detail


@pytest.mark.parametrize("right", ["nothing", "in float64", "talk"])
def test_a_strange_worker_may_be_right(start, right):
    """float64 is rounded, and a worker that talks more than a pipe holds blocks nobody, before or after its answer."""
    runtime = start(*misbehaving(right))

    assert [outcome(runtime).state for _ in range(3)] == [State.PASS] * 3
    assert list(Path(tempfile.gettempdir()).glob("*/*")) == []


def test_a_line_that_nobody_asked_for_is_found_with_the_next_request(start):
    """The first answer was complete; what came after it cannot be the answer when the case is asked again."""
    found = outcome(start(*misbehaving("two lines")))

    assert found.state is State.ERROR
    assert "wrote 'and done' before it was asked to apply relu" in found.detail


def test_a_worker_that_ended_is_started_again(start, pids):
    """The case on which it ended is lost, the next one is judged."""
    runtime = start(*misbehaving("end once"))

    assert [outcome(runtime).state for _ in range(3)] == [State.CRASH, State.PASS, State.PASS]
    assert len(pids.read_text().split()) == 2


def test_a_worker_that_cannot_be_started_again_is_not_tried_for_ever(start, pids):
    """Its first process answers nothing, and no later one says what it can do."""
    runtime = start(*misbehaving("end at every other start"))

    details = [outcome(runtime).detail for _ in range(6)]

    assert "status 5 when it was asked to apply relu" in details[0]
    assert all("status 4 when it was asked to say what it can do" in detail for detail in details[1:])
    assert "the last of 3 starts that failed" in details[-1]
    assert len(pids.read_text().split()) == 1 + 3


def test_a_worker_must_stay_who_it_is(start):
    """A report names one runtime."""
    runtime = start(*misbehaving("another name later"))

    assert outcome(runtime).state is State.CRASH
    assert "after a restart it says that it is" in outcome(runtime).detail


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ("end at start", RuntimeCrashError, "status 3 .* its standard error is 'no licence'"),
        ("hang at start", RuntimeHangError, "no answer within 2 s when it was asked to say what it can do"),
        ("greet", ProtocolError, "its first line is 'Welcome to misbehaving 1.0!'; expected a JSON object"),
        ("another protocol", ProtocolError, "a wrong protocol: 1 was expected"),
        ("misspelt operator", ProtocolError, r"a wrong ops\[1\]: 'layernorm' is not one of"),
        ("misspelt key", ProtocolError, "'operators' was unexpected"),
        ("no version", ProtocolError, "'version' is a required property"),
        ("can do nothing", ProtocolError, "a wrong set of keys"),
    ],
)
def test_a_worker_that_does_not_introduce_itself_is_refused(start, wrong, error, message):
    """One line, before anything is judged."""
    with refused(error, message):
        start(*misbehaving(wrong), **({"timeout": SOON} if "hang" in wrong else {}))


def test_a_command_that_is_none_is_refused():
    """It is split without a shell, so that nothing in it is expanded or carried out."""
    with refused(RuntimeMissingError, "'no-such-command' cannot be started: No such file"):
        find_runtime("exec:no-such-command --fast")
    with refused(RuntimeMissingError, r"'\$HOME/worker;' cannot be started"):
        find_runtime("exec:$HOME/worker; touch here")
    with refused(RuntimeMissingError, "Permission denied"):
        find_runtime(f"exec:{WORKERS}")
    with refused(RangeError, "there is no command"):
        find_runtime("exec: ")
    with refused(RangeError, "No closing quotation"):
        find_runtime("exec:worker 'one")


@pytest.mark.parametrize(
    ("option", "value"),
    [("timeout", "soon"), ("timeout", "0"), ("timeout", "nan"), ("timeout", "inf"), ("threads", "0"), ("level", "all")],
)
def test_an_option_that_is_none_is_refused(option, value):
    """By its name, and before the command is started."""
    with refused(RangeError, f"option {option}"):
        find_runtime("exec:no-such-command", {option: value})


def test_closing_twice_and_forgetting_to_close_are_harmless(start, pids):
    """What is not closed ends when nobody holds it any more; an executable holds it."""
    runtime = start(*misbehaving("nothing"))
    executable = runtime.load(one_relu())
    del runtime

    assert executable.run({"x": X})["y"].tolist() == [1, 3, 0]
    forgotten = find_runtime("exec:" + shlex.join(map(str, misbehaving("nothing"))))
    forgotten.close()
    forgotten.close()
    assert len(pids.read_text().split()) == 2


# Tensors


@given(data=st.data())
def test_every_tensor_survives_the_way_there_and_back_bit_for_bit(shared_worker, data):
    """Every element type and shape, NaN with any payload, infinities, subnormal numbers and -0 included."""
    dtype = data.draw(st.sampled_from(["float32", "int64", "int32", "uint8", "int8", "bool"]))
    shape = data.draw(arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=7))
    tensor = data.draw(arrays.arrays(dtype, shape))

    back = shared_worker.apply("reshape", {"x": tensor}, {"shape": shape}, ["y"])["y"]

    assert (back.dtype, back.shape, back.tobytes()) == (tensor.dtype, tensor.shape, tensor.tobytes())


@pytest.fixture(scope="module")
def shared_worker():
    """Return a client of a worker that has every operator."""
    runtime = find_runtime("exec:" + shlex.join(map(str, whole_programs("none", "hide"))))
    yield runtime._worker
    runtime.close()


def test_large_and_strided_tensors_survive(shared_worker):
    """More than a pipe holds, and memory that is not contiguous; only the bits count."""
    large = np.arange(3 * 400_000, dtype=np.int64).reshape(3, 400_000)

    for tensor in (large, large.T, large[:, ::-7], np.broadcast_to(large[0, :5], (4, 5))):
        back = shared_worker.apply("reshape", {"x": tensor}, {"shape": tensor.shape}, ["y"])["y"]
        assert back.tobytes() == tensor.tobytes()


def test_an_attribute_that_json_lacks_and_a_request_that_is_too_long_are_unsupported(shared_worker):
    """Neither is sent."""
    with refused(UnsupportedError, "an attribute that JSON lacks"):
        shared_worker.apply("l2_normalize", {"x": X}, {"axis": -1, "epsilon": np.inf}, ["y"])
    with refused(UnsupportedError, "bytes; expected at most 1048576"):
        shared_worker.apply("cast", {"x": X}, {"dtype": "x" * 2**20}, ["y"])


# Equal requests


def test_a_worker_that_changes_its_mind_is_found(start):
    """Both of the two equal runs are real ones, so ``run twice`` sees it."""
    runtime = start(*misbehaving("change the answer"))
    subject = Subject("one", one_relu(), {"batch": {"x": X}})

    cases = {case.id.rsplit("/", 1)[-1]: case for case in check_model(runtime, subject)}

    assert cases["run twice"].state is State.FAIL


def test_the_third_equal_request_is_answered_from_memory():
    """The second one is the proof; a different answer to it starts the count again."""
    answers = iter(range(10))
    memo = Memo(limit=1000)

    def ask(question, answer=None):
        made = []
        given_back = memo.answer(question, lambda: made.append(1) or {"y": np.float32([answer or next(answers)])})
        return float(given_back["y"][0]), bool(made)

    assert [ask(b"steady", 5) for _ in range(4)] == [(5, True), (5, True), (5, False), (5, False)]
    assert [ask(b"fickle") for _ in range(3)] == [(0, True), (1, True), (2, True)]


def test_memory_is_bounded_and_what_was_not_needed_is_forgotten():
    """Four answers of 400 bytes each, and room for two."""
    memo, asked = Memo(limit=1000), []

    def ask(question):
        memo.answer(question, lambda: asked.append(question) or {"y": np.zeros(100, np.float32)})

    for question in (b"a", b"a", b"b", b"b", b"a", b"c", b"a", b"b"):
        ask(question)

    assert asked == [b"a", b"a", b"b", b"b", b"c", b"b"]


# Whole programs


@pytest.mark.parametrize("recipe", [Recipe.FP32, Recipe.W8A8_DYNAMIC])
def test_a_program_is_carried_out_step_by_step(start, recipe):
    """A worker without a form for programs shows every tensor, so every step is judged, and a right one passes."""
    runtime = start(*whole_programs("none", "hide"))
    program = encoder(recipe)

    cases = check_model(runtime, Subject("small", program, {"mixed": BATCH}))

    assert runtime.load(program).survivors() == tuple(program.tensors)
    assert {case.state for case in cases} <= {State.PASS, State.UNDECIDED, State.MISTRUSTED}
    assert {case.evidence.target for case in cases if case.evidence} == set(program.tensors)


@pytest.mark.parametrize("kind", ["none", "distilspec"])
def test_a_planted_bug_is_located_at_its_step(start, tmp_path, kind):
    """A tiny model of random weights, from its folder, whose only gelu is wrong."""
    subject = prepare(load_folder(tiny_folder(tmp_path / "model", "sentence-embedding")), Recipe.FP32)
    runtime = start(*whole_programs(kind, "show", "gelu"))

    cases = check_model(runtime, subject)

    failed = {
        case.step
        for case in cases
        if case.state is State.FAIL and case.evidence is not None and not case.clause.startswith("DEC")
    }
    steps = subject.program.steps
    (gelu,) = [index for index, step in enumerate(steps) if step.op == "gelu"]
    first_shown = (
        gelu
        if kind == "none"
        else next(index for index, step in enumerate(steps) if index > gelu and step.op == "layer_norm")
    )
    assert failed == {steps[first_shown].name}


@pytest.mark.parametrize("kind", ["distilspec", "onnx"])
@pytest.mark.parametrize("tensors", ["show", "hide"])
def test_a_worker_takes_whole_programs_and_shows_what_it_says(start, kind, tensors):
    """What is wanted is asked for by name; a worker that hides shows the outputs only."""
    program = encoder(Recipe.FP32)
    executable = start(*whole_programs(kind, tensors)).load(program)

    outputs, survivors = executable.run(BATCH), executable.survivors()
    shown = executable.run_exposed(BATCH, survivors)

    layer_norms = {step.name for step in program.steps if step.op == "layer_norm"}
    inside = layer_norms if kind == "distilspec" else set(program.tensors)
    assert set(survivors) == (inside if tensors == "show" else set()) | set(program.outputs.values())
    assert set(shown) == {*outputs, *survivors}
    assert all(shown[label].tobytes() == outputs[label].tobytes() for label in outputs)
    expected = find_runtime("reference").load(program).run(BATCH)
    assert np.abs(outputs["sentence_embedding"] - expected["sentence_embedding"]).max() < 1e-6


def test_a_program_is_loaded_again_after_another_one_and_after_an_end(start):
    """A worker holds one program, and a new process none."""
    runtime = start(*whole_programs("distilspec", "hide"))
    first, second = runtime.load(one_relu((3,))), runtime.load(one_relu((2,)))

    assert first.run({"x": X})["y"].tolist() == [1, 3, 0]
    assert second.run({"x": X[1:]})["y"].tolist() == [3, 0]
    assert first.run({"x": 2 * X})["y"].tolist() == [2, 6, 0]
    os.kill(runtime._worker._running[0]._process.pid, signal.SIGKILL)
    with refused(RuntimeCrashError, "ended by signal SIGKILL when it was asked to run the program"):
        first.run({"x": -X})
    assert first.run({"x": -X})["y"].tolist() == [0, 0, 1]


def test_a_users_onnx_file_goes_to_a_worker_that_takes_onnx(start, tmp_path):
    """Under the graph's own names; other workers refuse it."""
    onnx = pytest.importorskip("onnx")
    from distilspec.reference.formats.onnx_reader import read_onnx
    from distilspec.reference.formats.onnx_writer import write_onnx

    path = tmp_path / "model.onnx"
    onnx.save(write_onnx(one_relu()), path)
    program = read_onnx(path)

    executable = start(*whole_programs("onnx", "show")).load_onnx(path, program)
    assert executable.run({"x": X})["y"].tolist() == [1, 3, 0]
    with refused(UnsupportedError, "does not read ONNX files"):
        start(*misbehaving("nothing")).load_onnx(path, program)


def test_names_and_defaults_of_the_operator_are_sent(start, tmp_path):
    """Operands of ``concat`` are numbered, several results have their fields' names, and no attribute is left out."""
    capabilities = b'{"protocol":1,"name":"scripted","version":"1","ops":["concat","dynamic_quantize","reduce_sum"]}\n'
    (tmp_path / "answers").write_bytes(capabilities + b'{"id":1,"status":"ok"}\n' * 3)
    (tmp_path / "y").touch()
    worker = sys.executable, WORKERS / "scripted.py", *(tmp_path / name for name in ("answers", "requests", "y"))
    asked = []
    for op, operands, attributes in (
        ("concat", ["x", "x"], {"axis": 0}),
        ("dynamic_quantize", ["x"], {}),
        ("reduce_sum", ["x"], {"axes": (0,)}),
    ):
        builder = Builder(op, {"x": TensorSpec("float", (3,))}, {"recipe": "fp32"})
        executable = start(*worker).load(builder.finish({"y": builder.emit("step", op, operands, attributes)[0]}))
        with refused(ProtocolError, "step step: worker: its answer has no 'output"):
            executable.run({"x": X})
        request = json.loads((tmp_path / "requests").read_text())
        attributes = {key: value for key, value in request.items() if key.startswith("attribute")}
        asked.append((request["inputs"], attributes, request["outputs"]))

    assert asked == [
        (["tensors0", "tensors1"], {"attribute.axis": 0}, ["y"]),
        (["x"], {}, ["codes", "scale", "zero_point"]),
        (["x"], {"attribute.axes": [0], "attribute.keepdims": True}, ["y"]),
    ]


def test_a_wrong_intermediate_tensor_is_an_error_of_its_step(start):
    """What a later step could not work with is refused by the name of the step that made it."""
    builder = Builder("two", {"x": TensorSpec("float", ("batch",))}, {"recipe": "fp32"})
    (first,) = builder.emit("first", "relu", ["x"])
    (second,) = builder.emit("second", "relu", [first])
    program = builder.finish({"y": second})

    executable = start(*misbehaving("wrong shape")).load(program)
    with refused(
        ProtocolError, r"step first: worker: output y is float32 \[1, 3\]; expected float32 \[3\] because a later"
    ):
        executable.run({"x": X})


def test_a_worker_is_told_how_many_threads_it_may_use(start):
    """Only one that says that it heeds the number is asked to."""
    heeds, does_not = start(*whole_programs("none", "hide"), threads="2"), start(*misbehaving("nothing"))

    assert heeds.options == {"timeout": "10", "threads": "2"}
    assert does_not.with_threads(2) is None
    other = heeds.with_threads(3)
    other.close()
    assert (other.name, other.version, other.options["threads"]) == (heeds.name, heeds.version, "3")


def test_a_runtime_says_what_its_worker_said(start):
    """The name is what a user types, so that a replay finds it again."""
    runtime = start(*misbehaving("nothing"))

    assert runtime.name == f"exec:{shlex.join(map(str, misbehaving('nothing')))}"
    assert runtime.version == "misbehaving 1"
    assert [op for op in ("relu", "logical_not", "gelu") if runtime.supports(op)] == ["relu", "logical_not"]
    assert tuple(runtime.recipes) == tuple(Recipe)


# What is promised


def test_the_conversation_in_the_documentation_is_real(start, tmp_path):
    """The host writes the documented bytes when a worker writes the documented lines."""
    lines = dict.fromkeys(("worker", "host"), "")
    page = (DOCS / "protocol.md").read_text("utf-8")
    for speaker, line in re.findall(r"^(worker|host) +(\{.*\})$", page, re.MULTILINE):
        lines[speaker] += line + "\n"
    (folder,) = set(re.findall(r'"folder":"([^"]*)"', lines["host"]))
    (tmp_path / "answers").write_text(lines["worker"])
    (tmp_path / "y").write_bytes(bytes.fromhex("01 03 01"))
    runtime = start(
        sys.executable, WORKERS / "scripted.py", *(tmp_path / name for name in ("answers", "requests", "y"))
    )

    operands = {"x": X, "scale": np.float32(2), "zero_point": np.uint8(1)}
    made = runtime._worker.apply("quantize", operands, {"axis": None}, ["y"])
    runtime.close()

    said = re.sub(r'(?<="folder":")[^"]*', folder, (tmp_path / "requests").read_text())
    assert said == lines["host"]
    assert made["y"].tolist() == [1, 3, 1]


def expect_conformant(runtime, *, operators):
    """Check the goldens of every operator that the runtime declares, of which there are as many as are said."""
    cases = [case for case in load_goldens() if runtime.supports(case.operator)]

    results = check_operators(runtime, cases)

    assert [(result.id, result.judgement.detail) for result in results if result.state is not State.PASS] == []
    assert len({case.operator for case in cases}) == operators


def compiled(source, program):
    """Return a program that was made of C99 without a warning."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler called cc")
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    subprocess.run([compiler, *flags, "-o", program, source, "-lm"], check=True)
    return program


def lines_of(path):
    """Return the number of lines of a file."""
    return len(path.read_text("utf-8").splitlines())


def test_the_example_in_c_conforms_in_what_it_declares(start, tmp_path):
    """Compiled here."""
    source = EXAMPLES / "c" / "runtime.c"

    expect_conformant(start(compiled(source, tmp_path / "runtime")), operators=8)
    assert lines_of(source) < 200


def test_the_example_in_javascript_conforms_in_what_it_declares(start):
    """Without packages."""
    source, node = EXAMPLES / "node" / "runtime.mjs", shutil.which("node")
    if node is None:
        pytest.skip("there is no interpreter called node")

    expect_conformant(start(node, source), operators=13)
    assert lines_of(source) < 200


def test_the_example_in_python_conforms_in_what_it_declares(start, monkeypatch):
    """In float32, and without distilspec in the worker's process; it imports the file beside it."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    expect_conformant(start(sys.executable, EXAMPLES / "python" / "numpy_runtime.py"), operators=8)
    for source in (EXAMPLES / "python").glob("*.py"):
        assert lines_of(source) < 200
        assert not re.search(r"^\s*(from|import) distilspec", source.read_text("utf-8"), re.MULTILINE)


def code_of(language, index=0):
    """Return a piece of code in the page for those who add a runtime."""
    page = (DOCS / "add-a-runtime.md").read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[index]


def test_the_first_worker_of_the_documentation_conforms(start, tmp_path):
    """As it stands on the page; with the bug that the page proposes it does not."""
    source = tmp_path / "mine.c"
    source.write_text(code_of("c"))
    expect_conformant(start(compiled(source, tmp_path / "mine")), operators=1)
    source.write_text(code_of("c").replace("value < 0", "value < -1"))

    broken = start(compiled(source, tmp_path / "broken"))

    results = check_operators(broken, [case for case in load_goldens() if case.operator == "relu"])
    assert "relu-both-signs" in [result.id for result in results if result.state is State.FAIL]


def test_the_worker_in_python_of_the_documentation_conforms(start, tmp_path, monkeypatch):
    """Beside a copy of ``worker.py``, which it imports."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    shutil.copy(EXAMPLES / "python" / "worker.py", tmp_path)
    (tmp_path / "mine.py").write_text(code_of("python"))

    expect_conformant(start(sys.executable, tmp_path / "mine.py"), operators=1)


def test_the_adapter_of_the_documentation_conforms():
    """As it stands on the page."""
    module = {"__name__": "documented"}
    exec(compile(code_of("python", 1), "add-a-runtime.md", "exec"), module)

    expect_conformant(module["create"]({}), operators=1)
