"""``check`` and ``locate`` as commands: fresh cases, processes, kills, waivers, ONNX files, the first divergence."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import onnx
import pytest
from stepwise import StepwiseExecutable, StepwiseRuntime
from tiny_models import tiny_folder

from distilspec.conformance.cli import main
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.onnx_writer import write_onnx

WRONG = "encoder.layer.0.intermediate.dense"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a tiny sentence-embedding model's folder."""
    return tiny_folder(tmp_path_factory.mktemp("models") / "tiny", "sentence-embedding")


@pytest.fixture
def call(monkeypatch, capsys):
    """Return a function that runs ``main`` in this process and returns exit status, standard output and error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["distilspec", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run


def judged_as(monkeypatch, runtime):
    """Let the name ``stepwise`` stand for ``runtime`` in this process."""
    for module in ("execute", "commands.locate", "commands.replay"):
        monkeypatch.setattr(f"distilspec.conformance.{module}.find_runtime", lambda *_: runtime)


def states(report):
    """Return every case's state by its id."""
    return {case["id"]: case["state"] for case in json.loads((report / "report.json").read_text())["cases"]}


class Opaque(StepwiseExecutable):
    """Shows its outputs only."""

    def survivors(self):
        """Return the outputs."""
        return tuple(self.program.outputs.values())


class OpaqueRuntime(StepwiseRuntime):
    """Shows nothing between the inputs and the outputs."""

    def load(self, program):
        """Return the program with this runtime's wrong step."""
        return Opaque(program, self.wrong)


class DyingRuntime(OpaqueRuntime):
    """Cannot compute one step."""

    def load(self, program):
        """Refuse any program that holds the step."""
        if any(step.name == self.wrong for step in program.steps):
            raise RuntimeError("out of registers")
        return Opaque(program)


def test_processes_find_what_one_process_finds(call, folder, tmp_path):
    """Two workers, in whatever order they end: the same cases in the same order."""
    arguments = ("check", "torch", "--model", folder, "--recipe", "w8a8-dynamic-token", "--recipe", "w8a32")

    assert call(*arguments, "--jobs", 0, "--report", tmp_path / "here")[0] == 0
    assert call(*arguments, "--jobs", 2, "--report", tmp_path / "there")[0] == 0

    assert list(states(tmp_path / "here").items()) == list(states(tmp_path / "there").items())
    assert not list(tmp_path.glob("*.unfinished"))


def test_fresh_cases_are_counted_and_differ_by_seed(call, tmp_path):
    """So many as were asked for, on top of the frozen ones."""
    arguments = ("check", "reference", "--cases", 250, "--report")
    assert call(*arguments, tmp_path / "a", "--seed", 1)[0] == 0
    assert call(*arguments, tmp_path / "b", "--seed", 1)[0] == 0
    assert call(*arguments, tmp_path / "c", "--seed", 900)[0] == 0

    fuzzed = [{name for name in states(tmp_path / name) if "/fuzz/" in name} for name in "abc"]
    assert fuzzed[0] == fuzzed[1] != fuzzed[2]
    assert len(fuzzed[0]) == 2


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    """SIGKILL in the middle; the same command judges the rest and the report holds both halves."""
    report = tmp_path / "out"
    command = [sys.executable, "-m", "distilspec.conformance", "check", "reference", "--cases", "800"]
    command += ["--report", str(report)]
    lines = tmp_path / "out.unfinished" / "outcomes.jsonl"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not lines.exists() or lines.read_bytes().count(b"\n") < 70:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    kept = lines.read_bytes().count(b"\n")
    changed = lines.stat().st_mtime_ns

    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0

    assert kept >= 70
    assert not lines.exists()
    assert changed < report.stat().st_mtime_ns
    assert sum("/fuzz/" in name for name in states(report)) == 4


def test_the_journal_of_another_run_is_refused(call, tmp_path):
    """One line that names the folder, and nothing is removed."""
    (tmp_path / "out.unfinished").mkdir()
    (tmp_path / "out.unfinished" / "identity.json").write_text('{"spec": "0.0"}')

    status, out, err = call("check", "--report", tmp_path / "out")

    assert (status, out) == (2, "")
    assert "out.unfinished is of a run with another" in err
    assert (tmp_path / "out.unfinished" / "identity.json").exists()


def test_a_waiver_lets_a_known_failure_pass(call, folder, tmp_path, monkeypatch):
    """WAIVED with its reason; the same waiver fails a run in which nothing is wrong."""
    waivers = tmp_path / "waivers.toml"
    waivers.write_text(
        f'[[waiver]]\nid = "tiny/fp32/*/{WRONG}"\nreason = "known"\n'
        'link = "https://example.org/1"\nexpires = "2999-01-01"\n'
        '[[waiver]]\nid = "tiny/fp32/*"\nreason = "what follows from it"\npartial = true\n'
        'link = "https://example.org/1"\nexpires = "2999-01-01"\n'
    )
    arguments = ("check", "stepwise", "--jobs", 0, "--model", folder, "--waivers", waivers, "--report")

    judged_as(monkeypatch, StepwiseRuntime(WRONG))
    waived = call(*arguments, tmp_path / "a")
    judged_as(monkeypatch, StepwiseRuntime())
    needless = call(*arguments, tmp_path / "b")

    assert states(tmp_path / "a")[f"tiny/fp32/mixed/{WRONG}"] == "WAIVED"
    assert waived[0] == 0
    assert needless[0] == 1
    assert "XPASS" in states(tmp_path / "b").values()


def test_a_users_onnx_file_is_judged(call, folder, tmp_path):
    """Its recipe is found in it, and every step that the runtime shows is judged."""
    path = tmp_path / "mine.onnx"
    onnx.save(write_onnx(load_folder(folder).program), path)

    status, _, _ = call("check", "onnxruntime", "--jobs", 0, "--model", path, "--report", tmp_path / "out")

    document = json.loads((tmp_path / "out" / "report.json").read_text())
    assert status == 0
    assert document["model"] == "mine.onnx"
    assert document["recipes"] == ["fp32"]
    assert sum(case["clause"] == "MM-S1" for case in document["cases"]) >= 6


@pytest.mark.parametrize("arguments", [("--recipe", "w8a32"), ("--sparsity", "0.5")])
def test_a_users_onnx_file_has_its_own_numerics(call, tmp_path, arguments):
    """It is not compressed again."""
    status, _, err = call("check", "onnxruntime", "--model", tmp_path / "mine.onnx", *arguments)

    assert status == 2
    assert "mine.onnx has its own numerics" in err


@pytest.mark.parametrize("runtime", [StepwiseRuntime, OpaqueRuntime, DyingRuntime])
def test_the_first_wrong_step_is_located(call, folder, tmp_path, monkeypatch, runtime):
    """Shown, truncated, or at the step that the runtime does not survive; the saved case fails again."""
    judged_as(monkeypatch, runtime(WRONG))
    status, out, _ = call("locate", "stepwise", "--model", folder, "--out", tmp_path / "found", "--json")
    found = json.loads(out)

    assert status == 1
    assert (found["step"], found["operators"], found["clause"]) == (WRONG, ["linear"], "LIN-S1")
    assert ("cut off" in found["how"]) == (runtime is not StepwiseRuntime)
    assert call("replay", found["replay"])[0] == 1

    judged_as(monkeypatch, StepwiseRuntime())
    assert call("replay", found["replay"])[0] == 0


def test_nothing_is_located_in_a_right_runtime(call, folder, tmp_path):
    """And no file is written."""
    status, out, _ = call("locate", "torch", "--model", folder, "--out", tmp_path / "found")

    assert status == 0
    assert "segments is right on torch" in out
    assert not (tmp_path / "found").exists()


def test_the_commands_need_no_package_of_an_extra(tmp_path):
    """Installed alone, every command starts; an ONNX file is refused with the extra that reads it."""
    program = """
import sys
for name in ("onnx", "onnxruntime", "torch", "transformers", "openvino", "ctranslate2", "distributed", "llvmlite",
             "pytest", "mpmath", "safetensors"):
    sys.modules[name] = None
from distilspec.conformance.cli import main
main()
"""
    spec = subprocess.run([sys.executable, "-c", program, "spec", "quantize"], capture_output=True, check=False)
    model = ["check", "reference", "--model", str(tmp_path / "mine.onnx")]
    refused = subprocess.run([sys.executable, "-c", program, *model], capture_output=True, check=False, text=True)

    assert spec.returncode == 0
    assert refused.returncode == 2
    assert "distilspec[onnx]" in refused.stderr
