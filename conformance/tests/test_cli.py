"""The command as a user meets it: exit statuses, one line for unusable input, and output that scripts can read."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal

import jsonschema
import numpy as np
import pytest
from stepwise import StepwiseRuntime
from tiny_models import DistilBertConfig, copied, tiny_folder
from tiny_result import tiny_result
from typer.main import get_command
from typer.testing import CliRunner

from distilspec.conformance.cli import app, main
from distilspec.conformance.report.json_report import schema
from distilspec.fast import Engine
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.ops import OPERATORS

COMMANDS = (["check"], ["run"], ["replay"], ["spec"], ["goldens", "verify"], ["goldens", "make"])


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


def unusable(result, *words):
    """Check that a call ended with status 2, nothing on standard output, and one line with these words on the other."""
    status, out, err = result
    assert status == 2
    assert out == ""
    assert err.startswith("distilspec: ")
    assert err.count("\n") == 1
    assert all(word in err for word in words)


# Input that can be used


def test_check_without_arguments_judges_the_reference_by_the_goldens(call):
    """Every operator, every clause, conformant."""
    status, out, err = call("check")

    assert (status, err) == (0, "")
    assert out.rstrip().splitlines()[-1].startswith("conformant: reference ")
    judged, mandatory = map(int, out.rsplit("; ", 1)[1].split(" clauses")[0].split(" of "))
    assert judged == mandatory > 100


@pytest.mark.parametrize("model", [None, "tiny"])
def test_json_follows_the_published_schema(call, folder, model):
    """Nothing but the document on standard output."""
    status, out, err = call("check", "torch", "--json", "--jobs", 0, *(["--model", folder] if model else []))

    document = json.loads(out)
    jsonschema.validate(document, schema())
    assert err == ""
    assert document["exit"] == status
    assert document["runtime"]["name"] == "torch"
    assert document["model"] == (model or "operators")
    assert not model or status == 0


@pytest.mark.parametrize("runtime", ["reference", "torch", "onnxruntime"])
def test_a_model_is_judged_under_several_recipes(call, folder, runtime):
    """One table a recipe, one verdict; a recipe that is named twice is judged once."""
    recipes = ["--recipe", "fp32", "--recipe", "w8a8-dynamic-token", "--recipe", "fp32"]

    status, out, _ = call("check", runtime, "--model", folder, *recipes)

    assert status == 0
    assert out.count("tiny fp32 on ") == out.count("tiny w8a8-dynamic-token on ") == 1
    assert f"conformant: {runtime} " in out.splitlines()[-1]


def test_a_sparse_model_is_judged(call, folder):
    """Block shape and sparsity reach the program."""
    status, out, _ = call("check", "--model", folder, "--sparsity", "0.5", "--block-shape", "4,4", "--json")

    operators = {operator for case in json.loads(out)["cases"] for operator in case["operators"]}
    assert status == 0
    assert "block_sparse_linear" in operators


def test_a_runtime_that_fails_is_reported_and_replayed(call, folder, tmp_path, monkeypatch):
    """Exit status 1, the failing case by name, and the printed command runs it again."""
    wrong = StepwiseRuntime("encoder.layer.0.intermediate.dense")
    right = StepwiseRuntime()
    monkeypatch.setattr("distilspec.conformance.execute.find_runtime", lambda *_: wrong)
    status, out, _ = call("check", "stepwise", "--jobs", 0, "--model", folder, "--report", tmp_path / "out")
    assert status == 1
    assert "not conformant" in out.splitlines()[-1]
    assert "FAIL tiny/fp32/mixed/encoder.layer.0.intermediate.dense [LIN-S1]" in out
    jsonschema.validate(json.loads((tmp_path / "out" / "report.json").read_text()), schema())
    command = next(line.split() for line in out.splitlines() if "distilspec replay" in line)

    monkeypatch.setattr("distilspec.conformance.commands.replay.find_runtime", lambda *_: wrong)
    again = call(*command[1:])
    as_json = call(*command[1:], "--json")
    monkeypatch.setattr("distilspec.conformance.commands.replay.find_runtime", lambda *_: right)
    repaired = call(*command[1:])

    assert (again[0], as_json[0], repaired[0]) == (1, 1, 0)
    assert again[1].startswith("FAIL tiny/fp32/mixed/encoder.layer.0.intermediate.dense [LIN-S1] on stepwise 1")
    assert json.loads(as_json[1])["state"] == "FAIL"
    assert repaired[1].startswith("PASS ")
    assert "recorded with stepwise 1: element" in repaired[1]


def test_a_replay_on_another_runtime(call, folder, tmp_path, monkeypatch):
    """The recorded options belong to the recorded runtime only."""
    wrong = StepwiseRuntime("mean_pool")
    wrong.options = {"level": "none"}
    monkeypatch.setattr("distilspec.conformance.execute.find_runtime", lambda *_: wrong)
    call("check", "stepwise", "--jobs", 0, "--model", folder, "--report", tmp_path / "out")
    case = tmp_path / "out" / "failures" / "tiny-fp32-mixed-mean_pool" / "case.json"

    for runtime in ("reference", "torch", "onnxruntime"):
        status, out, _ = call("replay", case, runtime)
        assert status == 0
        assert f" on {runtime} " in out
    unusable(call("replay", case), "runtime stepwise", "expected one of")


def test_a_runtime_that_judges_nothing_is_unusable(call, folder, monkeypatch):
    """Declared unsupported throughout: exit status 2, with the verdict and not an error."""

    class Nothing(StepwiseRuntime):
        def supports(self, op):
            return False

    monkeypatch.setattr("distilspec.conformance.execute.find_runtime", lambda *_: Nothing())

    for arguments in (["check", "stepwise", "--jobs", 0], ["check", "stepwise", "--jobs", 0, "--model", folder]):
        status, out, _ = call(*arguments)
        assert status == 2
        assert out.splitlines()[-1].startswith("nothing judged: stepwise 1")


def test_a_runtime_that_crashes_is_not_conformant(call, folder, monkeypatch):
    """Its exception is a result in one line."""

    class Broken(StepwiseRuntime):
        def load(self, program):
            raise RuntimeError("[/bold] no such kernel\nsecond line")

    monkeypatch.setattr("distilspec.conformance.execute.find_runtime", lambda *_: Broken())

    for arguments in (["check", "stepwise", "--jobs", 0], ["check", "stepwise", "--jobs", 0, "--model", folder]):
        status, out, _ = call(*arguments)
        assert status == 1
        assert "RuntimeError: [/bold] no such kernel (test_cli.py:" in out
        assert "second line" not in out


def test_names_with_brackets_are_printed_as_they_are(call, tmp_path):
    """A model's folder may be called anything."""
    odd = tiny_folder(tmp_path / "[bold]x[red]", "sentence-embedding")

    status, out, _ = call("check", "--model", odd)

    assert status == 0
    assert "[bold]x[red] fp32 on reference" in out


def test_two_texts_are_compared(call, folder):
    """For a person, and as JSON."""
    status, out, err = call("run", folder, "a man", "food")
    records = json.loads(call("run", folder, "a man", "food", "--json")[1])

    assert (status, err) == (0, "")
    assert out == f"{records[0]['similarity']:.4f}  'a man' ~ 'food'\n"


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
@pytest.mark.parametrize("recipe", ["fp32", "w8a8-static", "w8a8-dynamic", "w8a8-dynamic-token", "w8a32"])
def test_runtimes_answer_as_the_reference_does(call, folder, runtime, recipe):
    """To the printed digits or almost."""
    arguments = ["run", folder, "a man is eating", "food", "--recipe", recipe, "--json"]
    expected = json.loads(call(*arguments)[1])[0]["similarity"]

    status, out, _ = call(*arguments, "--runtime", runtime)

    assert status == 0
    assert json.loads(out)[0]["similarity"] == pytest.approx(expected, abs=0.02 if recipe != "fp32" else 1e-5)


@pytest.mark.parametrize("recipe", Recipe)
def test_fast_prints_what_the_reference_prints(call, folder, recipe, monkeypatch):
    """A saved model, for a person: the same line, in which a unit of the last digit is what rounding may turn."""
    arguments = ["run", folder, "a man is eating", "food", "--recipe", recipe]
    expected, pair = call(*arguments)[1].split("  ", 1)
    ran, run = [], Engine.run
    monkeypatch.setattr(Engine, "run", lambda self, inputs: (ran.append(self.recipe), run(self, inputs))[1])

    status, out, err = call(*arguments, "--runtime", "fast", "--option", "threads=1")

    similarity, printed = out.split("  ", 1)
    assert (status, err, printed, ran) == (0, "", pair, [recipe])
    assert len(similarity.split(".")[1]) == 4
    assert abs(Decimal(similarity) - Decimal(expected)) <= Decimal("0.0001")


def test_a_saved_student_answers_by_any_runtime(call, tmp_path):
    """What a pipeline has made, under the recipe of its saved program: the label, and scores as above."""
    arguments = ["run", tiny_result(tmp_path).folder, "a man", "--recipe", "w8a8-static"]
    label, expected = call(*arguments)[1].rsplit(" ", 1)

    status, out, _ = call(*arguments, "--runtime", "fast")

    assert status == 0
    assert out.rsplit(" ", 1)[0] == label
    assert abs(Decimal(out.rsplit(" ", 1)[1]) - Decimal(expected)) <= Decimal("0.0001")


def test_a_runtime_of_whole_models_answers(call, folder):
    """CTranslate2 takes the model and no program; a recipe that it has no mode for is refused in one line."""
    pytest.importorskip("ctranslate2")
    arguments = ["run", folder, "a man is eating", "food", "--runtime", "ctranslate2"]

    assert call(*arguments)[0] == 0
    unusable(call(*arguments, "--recipe", "w8a32"), "ctranslate2 declares no mode that carries out w8a32")


def test_help_names_every_runtime_by_the_page_that_lists_them():
    """No list of some of them, which the next adapter would make wrong; a bare check says whom it judges and why."""
    helps = {
        name: next(parameter.help for parameter in command.params if parameter.name == "runtime")
        for name, command in get_command(app).commands.items()
        if name in ("check", "run", "locate")
    }

    assert len(helps) == 3
    assert all(text.startswith("A name that docs/runtimes.md lists") for text in helps.values())
    assert "Without a name the reference, which every installation has" in helps["check"]


@pytest.mark.parametrize(
    ("head", "texts", "expected"),
    [
        ("sequence-classification", ["a man", "food"], "label LABEL_"),
        ("token-classification", ["a man"], "text 0  token [CLS]  label LABEL_"),
        ("question-answering", ["is", "a man is food"], ")"),
        ("masked-lm", ["a [MASK]"], "'a [MASK]': "),
        ("feature-extraction", ["a man"], "text 0  shape [4, 16]"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_every_head_answers(call, tmp_path, head, texts, expected, as_json):
    """One line a record, or one JSON document."""
    model = tiny_folder(tmp_path / "model", head, kind=DistilBertConfig)

    status, out, err = call("run", model, *texts, *(["--json"] if as_json else []))

    assert (status, err) == (0, "")
    assert json.loads(out) if as_json else expected in out


def test_long_texts_are_cut_when_asked(call, folder):
    """And refused otherwise."""
    unusable(call("run", folder, "man " * 50), "52 tokens", "expected at most 12")
    assert call("run", folder, "man " * 50, "--truncate")[0] == 0


def test_the_specification_is_printed(call):
    """The list, one operator, and both as JSON."""
    status, out, _ = call("spec")
    assert status == 0
    assert all(f"  {name} " in out for name in OPERATORS)
    assert "Q-S3" in call("spec", "quantize")[1]
    assert set(json.loads(call("spec", "--json")[1])["operators"]) == set(OPERATORS)
    assert list(json.loads(call("spec", "quantize", "--json")[1])["operators"]) == ["quantize"]


def test_the_goldens_are_verified(call, tmp_path):
    """And are made into new folders only."""
    status, out, err = call("goldens", "verify")

    assert (status, err) == (0, "")
    assert out
    unusable(call("goldens", "make", tmp_path), str(tmp_path), "expected")


# Input that cannot be used


@pytest.mark.parametrize("command", [["check"], ["run", "x", "text", "--runtime"]])
def test_an_unknown_runtime(call, command):
    """With the names of those that exist, before anything is loaded."""
    unusable(call(*command, "tensorflow"), "runtime tensorflow", "expected one of reference, fast, torch, onnxruntime")


def test_a_runtime_that_is_not_installed():
    """With what to install; its package is looked for in a process of its own."""
    script = (
        "import sys; sys.modules['onnxruntime'] = None; sys.argv = ['distilspec', 'check', 'onnxruntime'];"
        "from distilspec.conformance.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    unusable((done.returncode, done.stdout, done.stderr), "pip install 'distilspec[onnxruntime]'")


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize("model", ["no-such-model", "/dev/null", "", "\x00"])
def test_an_unknown_model(call, command, model):
    """A name that is none, a file, nothing, and what no file system has."""
    arguments = ["check", "--model", model] if command == "check" else ["run", model, "text"]

    unusable(call(*arguments), "expected")


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_with_a_missing_file(call, folder, tmp_path, missing):
    """The file is named."""
    broken = copied(folder, tmp_path / "broken")
    (broken / missing).unlink()

    unusable(call("run", broken, "a man"), missing)


@pytest.mark.parametrize("shape", ["4", "4x1", "0,1", "-4,1", "4,1,1", "", "four,one", "4,1\n"])
def test_a_bad_block_shape(call, folder, shape):
    """Refused before the model is loaded."""
    unusable(call("check", "--model", folder, "--sparsity", "0.5", "--block-shape", shape), "block shape", "out,in")


def test_a_block_shape_that_does_not_divide(call, folder):
    """The weights are 16 wide."""
    unusable(call("check", "--model", folder, "--sparsity", "0.5", "--block-shape", "3,1"), "block_shape", "expected")


@pytest.mark.parametrize("sparsity", ["1.5", "-0.1", "nan"])
def test_an_impossible_sparsity(call, folder, sparsity):
    """A share lies between 0 and 1."""
    unusable(call("check", "--model", folder, "--sparsity", sparsity), "sparsity", "expected")


@pytest.mark.parametrize("arguments", [["--recipe", "fp32"], ["--sparsity", "0.5"]])
def test_options_that_change_a_model_need_one(call, arguments):
    """Otherwise they would be ignored without a word."""
    unusable(call("check", *arguments), "expected --model")


@pytest.mark.parametrize("option", ["level", "level=", "=all", "level=best", "colour=red", "threads=many"])
def test_a_bad_option(call, folder, option):
    """Not KEY=VALUE, or none that the runtime has."""
    unusable(call("check", "onnxruntime", "--option", option), "option", "expected")
    unusable(call("run", folder, "a", "--runtime", "onnxruntime", "--option", option), "option", "expected")


@pytest.mark.parametrize("arguments", [["spec", "softmaxx"], ["spec", ""], ["spec", "../linear"]])
def test_an_unknown_operator(call, arguments):
    """With the names of those that exist."""
    unusable(call(*arguments), "expected one of absolute, add")


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\ud800"])
def test_a_text_that_is_no_text(call, folder, text):
    """It gives no token."""
    unusable(call("run", folder, text), "text 0", "expected")


def test_question_answering_with_one_text(call, tmp_path):
    """A question without context."""
    model = tiny_folder(tmp_path / "model", "question-answering")

    unusable(call("run", model, "is"), "expected two")


def test_a_report_folder_with_other_files(call, folder, tmp_path, monkeypatch):
    """Refused before anything is judged, and left as it was."""
    (tmp_path / "thesis.txt").write_text("years of work")
    monkeypatch.setattr("distilspec.conformance.units.check_model", lambda *_: 1 / 0)

    unusable(call("check", "--model", folder, "--report", tmp_path), "holds other files")
    unusable(call("check", "--model", folder, "--report", tmp_path / "thesis.txt"), "is a file")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_report_that_cannot_be_written(call, folder):
    """The operating system's reason, with the path."""
    unusable(call("check", "--model", folder, "--report", "/proc/nothing/here"), "/proc/nothing")


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"schema": 1}'])
def test_a_case_that_is_none(call, tmp_path, content):
    """Missing, empty, or something else."""
    path = tmp_path / "case.json"
    if content is not None:
        path.write_text(content)

    unusable(call("replay", path), "case.json")


@pytest.mark.parametrize(
    "arguments", [["--no-such-option"], ["no-such-command"], ["check", "--recipe", "w4a4"], ["run"], ["run", "minilm"]]
)
def test_usage_errors(call, arguments):
    """Typer's own words, and the same exit status."""
    status, out, err = call(*arguments)

    assert (status, out) == (2, "")
    assert "Usage: " in err


# Help


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_shows_an_example(command):
    """In its help, which also -h prints."""
    long, short = (CliRunner().invoke(app, [*command, flag]) for flag in ("--help", "-h"))

    assert (long.exit_code, long.stdout) == (0, short.stdout)
    assert f"Example: distilspec {' '.join(command)} " in long.stdout or long.stdout.count("Example: distilspec") == 1


def test_no_command_prints_the_help():
    """All commands are listed."""
    result = CliRunner().invoke(app, [])

    assert all(name in result.stdout for name in ("check", "run", "replay", "spec", "goldens"))


def test_the_installed_command():
    """As a user's shell runs it: no traceback, one line, exit statuses 0 and 2."""
    run = [sys.executable, "-c", "from distilspec.conformance.cli import main; main()"]
    good = subprocess.run([*run, "spec", "relu"], capture_output=True, text=True, check=False)
    bad = subprocess.run([*run, "spec", "nothing"], capture_output=True, text=True, check=False)

    assert good.returncode == 0
    assert good.stdout.startswith("relu(")
    unusable((bad.returncode, bad.stdout, bad.stderr), "operator 'nothing'")


@pytest.mark.slow
def test_the_real_model_is_judged_and_understands(call):
    """MiniLM on ONNX Runtime in float32, and two sentences that mean the same."""
    status, out, _ = call("check", "onnxruntime", "--model", "minilm")
    assert status == 0
    assert out.splitlines()[-1].startswith("conformant: onnxruntime")

    records = json.loads(
        call("run", "minilm", "A cat sleeps.", "A kitten is napping.", "Interest rates rose.", "--json")[1]
    )
    similar, *different = [record["similarity"] for record in records]
    assert similar > 0.5 > 0.2 > np.max(different)
