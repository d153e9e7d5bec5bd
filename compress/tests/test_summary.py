"""What is said of a collection, from files that are small enough to count by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from refusal import refused
from tiny_pipeline import FIELDS, tiny_run, write_sources
from tiny_result import CONFIG, tiny_result

from distilspec.compress.embeddings.section import Embeddings
from distilspec.compress.pipeline import Pipeline
from distilspec.compress.summary import Bytes, Measured, Planned, read_run, summarise
from distilspec.compress.summary_picture import draw_pictures
from distilspec.compress.summary_table import as_markdown, teachers_of
from distilspec.reference.contract.errors import FormatError
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.saved import load_program
from distilspec.reference.recipes.unpack import unpack

ROWS = 400


def planned(folder, seed=0, **sections):
    """Return a run of the tiny pipeline into ``folder``; None leaves a section out."""
    fields = {name: value for name, value in (FIELDS | sections).items() if value is not None}
    pipeline = Pipeline.model_validate(fields).model_copy(update={"seed": seed})
    return Planned(pipeline, Path("tiny.yaml"), folder / f"{pipeline.name}-seed-{seed}")


def finish(run, teacher, fp32, int8=None, **recipes):
    """Write what an evaluated run leaves: so many of the first answers of each model are right."""
    int8 = ({} if int8 is None else {"w8a8-static": int8}) | recipes
    run.folder.mkdir(parents=True)
    (run.folder / "student").mkdir()
    (run.folder / "student" / "config.json").write_text(json.dumps({"n_layers": 2}))
    counts = {"teacher": teacher, "student": fp32} | {f"student-{recipe}": count for recipe, count in int8.items()}
    models = {name: {"correct": "1" * count + "0" * (ROWS - count)} for name, count in counts.items()}
    (run.folder / "evaluation.json").write_text(json.dumps({"models": models}))
    (run.folder / "pipeline.json").write_text(json.dumps(run.pipeline.recorded()))
    return run


def evaluated(folder):
    """Return a result whose programs are saved, and its run, which is evaluated."""
    result = tiny_result(folder)
    fields = json.loads((result.student / "config.json").read_text())
    (result.student / "config.json").write_text(json.dumps(fields | {"n_layers": CONFIG.num_layers}))
    answers = {name: {"correct": "10"} for name in ("teacher", "student", "student-w8a8-static")}
    (result.folder / "evaluation.json").write_text(json.dumps({"models": answers}))
    pipeline = Pipeline.model_validate(FIELDS)
    (result.folder / "pipeline.json").write_text(json.dumps(pipeline.recorded()))
    return result, Planned(pipeline, Path("tiny.yaml"), result.folder)


def test_figures_are_means_over_seeds(tmp_path):
    """Two seeds, and a third that is not there; differences are those of the same seed and row."""
    runs = [planned(tmp_path, seed) for seed in (0, 1, 2)]
    finish(runs[0], 320, 316, 318)
    finish(runs[2], 328, 320, 318)
    (runs[1].folder).mkdir()
    begun = ("distil", "evaluate", "distil")
    lines = [f'{{"time": {time}, "stage": "{stage}", "event": "begin"}}\n' for time, stage in enumerate(begun)]
    (runs[1].folder / "log.jsonl").write_text("".join(lines))
    summary = summarise("all", runs)

    (student,) = summary["students"]
    assert (student["seeds"], student["rows"], student["layers"]) == ([0, 2], ROWS, 2)
    assert {model: found["points"] for model, found in student["accuracy"].items()} == {
        "teacher": 81.0, "fp32": 79.5, "w8a8-static": 79.5
    }  # fmt: skip
    assert {name: found["points"] for name, found in student["differences"].items()} == pytest.approx(
        {"fp32 - teacher": -1.5, "w8a8-static - fp32": 0.0, "w8a8-static - teacher": -1.5}
    )
    found = student["differences"]["w8a8-static - fp32"]
    assert found["low"] < -0.4, "one seed alone lost half a point, and may be drawn alone"
    assert found["high"] > 0.4
    (absent,) = summary["absent"]
    assert (absent["seed"], absent["reason"]) == (1, "in stage distil")


@pytest.mark.parametrize("section", ["pruning", "quantisation"])
def test_results_of_another_pipeline_are_absent(tmp_path, section):
    """As where its file was changed after the run: a section is gone, or another."""
    runs = [finish(planned(tmp_path, seed), 320, 316, 318) for seed in (0, 1)]
    changed = [planned(tmp_path, 0), planned(tmp_path, 1, **{section: None})]
    summary = summarise("all", changed)
    assert [student["seeds"] for student in summary["students"]] == [[0]]
    (absent,) = summary["absent"]
    assert (absent["seed"], absent["reason"]) == (1, f"evaluated with another {section}")
    assert summarise("all", runs)["absent"] == []


@pytest.mark.parametrize(
    ("int8", "reached"),
    [((318, 318), [True, False]), ((320, 320), [True, True]), ((317, 317), [False, False])],
)
def test_goals_are_judged_by_the_point_with_the_interval_beside(tmp_path, int8, reached):
    """318 of 400 is exactly half a point below 320; 320 is exactly a point below the teacher's 324."""
    runs = [finish(planned(tmp_path, seed), 324, 320, right) for seed, right in enumerate(int8)]
    goals = summarise("all", runs)["students"][0]["goals"]

    assert [goal["reached"] for goal in goals] == reached
    assert [goal["at_least"] for goal in goals] == [-0.5, -1.0]
    assert all(goal["low"] <= goal["points"] <= goal["high"] for goal in goals)


def test_a_dense_student_has_no_goal_for_sparse_ones_and_a_float32_one_none(tmp_path):
    """Nothing is asked of what was not made."""
    dense = finish(planned(tmp_path, pruning=None), 324, 320, 320)
    assert [goal["difference"] for goal in summarise("all", [dense])["students"][0]["goals"]] == ["w8a8-static - fp32"]
    float32 = finish(planned(tmp_path / "float32", quantisation=None), 324, 320)
    (student,) = summarise("all", [float32])["students"]
    assert (student["goals"], set(student["accuracy"])) == ([], {"teacher", "fp32"})
    assert not any("w8a8" in line for line in as_markdown(summarise("all", [float32])))


def test_every_recipe_has_its_own_rows(tmp_path):
    """Accuracy, goals and seeds; a recipe in which one seed was not asked has none, and a line says so."""
    names = ["w8a8-static", "w7a8-static"]
    runs = [planned(tmp_path, seed, quantisation={"recipes": names}) for seed in (0, 1)]
    finish(runs[0], 324, 320, **{"w8a8-static": 319, "w7a8-static": 317})
    summary = summarise("all", runs[:1])
    (student,) = summary["students"]
    assert student["recipes"] == names
    assert student["accuracy"]["w7a8-static"]["points"] == 79.25
    assert [(goal["difference"], goal["reached"]) for goal in student["goals"]] == [
        ("w8a8-static - fp32", True), ("w8a8-static - teacher", False),
        ("w7a8-static - fp32", False), ("w7a8-static - teacher", False),
    ]  # fmt: skip
    lines = list(as_markdown(summary))
    assert [line.split("|")[2].strip() for line in lines if line.startswith("| tiny | w") and "[" in line] == names
    seed, _ = [line for line in lines if line.startswith("| tiny | 0 |")]
    assert seed.startswith("| tiny | 0 | 81.00 | 80.00 | 79.75 | 0 | 79.25 | 0 |")

    finish(runs[1], 324, 320, **{"w8a8-static": 319})
    summary = summarise("all", runs)
    assert summary["students"][0]["recipes"] == ["w8a8-static"]
    assert [(one["seed"], one["reason"]) for one in summary["absent"]] == [(1, "not asked in w7a8-static")]


def test_bytes_are_those_of_the_saved_constants(tmp_path):
    """And of the same program with zeros instead of blocks."""
    result, run = evaluated(tmp_path)
    finished = read_run(run)

    int8 = load_program(result.folder / "programs" / "w8a8-static")
    assert finished.kept == {"w8a8-static": 1}
    assert list(finished.bytes) == ["fp32", "w8a8-static"]
    for found, program in (
        (finished.bytes["fp32"], load_program(result.folder / "programs" / "fp32")),
        (finished.bytes["w8a8-static"], int8),
        (finished.bytes_with_zeros["w8a8-static"], unpack(int8)),
    ):
        sizes = {constant: array.nbytes for constant, array in program.constants.items()}
        linears = [step for step in program.steps if "encoder" in step.tags and step.op.endswith("linear")]
        of_linears = {operand for step in linears for operand in step.inputs if operand in sizes}
        assert found == Bytes(sum(sizes[constant] for constant in of_linears), sum(sizes.values()))
    assert finished.bytes["w8a8-static"].encoder < finished.bytes_with_zeros["w8a8-static"].encoder


def test_a_run_whose_programs_are_gone_is_among_the_accuracies(tmp_path):
    """Its small files are enough; bytes are those of the other seed."""
    result, run = evaluated(tmp_path)
    gone = Planned(run.pipeline.model_copy(update={"seed": 1}), run.source, tmp_path / "gone")
    (gone.folder / "student").mkdir(parents=True)
    for name in ("evaluation.json", "quantisation.json", "student/config.json"):
        (gone.folder / name).write_bytes((result.folder / name).read_bytes())
    (gone.folder / "pipeline.json").write_text(json.dumps(gone.pipeline.recorded()))

    (alone,), (both,) = summarise("tiny", [run])["students"], summarise("tiny", [gone, run])["students"]
    assert [seed["kept_in_float32"] for seed in both["each_seed"]] == 2 * [{"w8a8-static": 1}]
    for name in ("bytes", "bytes_with_zeros", "teacher_bytes"):
        assert both[name] == alone[name], name


def test_the_dense_teacher_stands_beside_what_was_made_of_it(tmp_path):
    """Its bytes are those of its program, and every share is of them: all students may have one, or each its own."""
    pytest.importorskip("matplotlib")
    result, run = evaluated(tmp_path)
    summary = summarise("tiny", [run])
    program = load_folder(result.teacher).program
    constants = sum(array.nbytes for array in program.constants.values())
    linears = CONFIG.num_layers * 4 * (4 * (16 * 16 + 16) + 2 * (16 * 16 + 16))

    (student,) = summary["students"]
    assert student["teacher_bytes"] == {"encoder": linears, "total": constants}
    (teacher,) = [line for line in as_markdown(summary) if line.startswith("| teacher |")]
    assert teacher == f"| teacher | fp32 | {linears / 1e6:.2f} | 100% | - | {constants / 1e6:.2f} | 100% |"
    (row,) = [line for line in as_markdown(summary) if line.startswith("| tiny | w8a8-static |") and "%" in line]
    assert row.split("|")[4].strip() == f"{student['bytes']['w8a8-static']['encoder'] / linears:.0%}"
    draw_pictures(summary, tmp_path)
    assert "<!-- teacher -->" in (tmp_path / "size.svg").read_text()

    other = student | {"name": "other"}
    assert list(teachers_of([student, other])) == ["teacher"]
    other["teacher_bytes"] = {"encoder": 1, "total": 2}
    assert list(teachers_of([student, other])) == ["teacher of tiny", "teacher of other"]
    assert teachers_of([student | {"teacher_bytes": None}]) == {}


def test_costs_are_those_of_the_log(tmp_path):
    """Minutes of processors, at least those that are known of a stage that was stopped, and the largest memory."""
    run = finish(planned(tmp_path), 324, 320, 320)
    events = [
        (0, "teacher", "begin", {}), (60, "teacher", "end", {"cpu_seconds": 90.0, "peak_mib": 700}),
        (60, "distil", "begin", {}), (120, "distil", "step", {}), (600, "distil", "begin", {}),
        (660, "distil", "end", {"cpu_seconds": 120.0, "peak_mib": 2292}),
        (660, "evaluate", "begin", {}), (690, "evaluate", "end", {"cpu_seconds": 30.0, "peak_mib": 800}),
    ]  # fmt: skip
    lines = [json.dumps({"time": t, "stage": s, "event": e, **more}) for t, s, e, more in events]
    (run.folder / "log.jsonl").write_text("\n".join(lines) + "\n")
    found = list(as_markdown(summarise("all", [run])))
    assert "| tiny | 0 | 1.5 | > 2.0 | > 4.0 | 3.5 | 2,292 |" in found

    (run.folder / "log.jsonl").unlink()
    assert "| tiny | 0 | - | - | - | 0.0 | - |" in list(as_markdown(summarise("all", [run])))


def test_what_is_judged_by_other_rows_has_tables_of_its_own(tmp_path):
    """And a panel of its own: accuracies on other rows do not compare; goals stay those of each student."""
    pytest.importorskip("matplotlib")
    posts = FIELDS["data"] | {"test_file": "news/posts.csv", "where": {"group": ["med", "space"], "language": "en"}}
    posts |= {"test_rows": "all"}
    runs = [
        finish(planned(tmp_path / "a"), 324, 320, 320),
        finish(planned(tmp_path / "b", name="posts", data=posts), 300, 290, 280),
        finish(planned(tmp_path / "c", name="third"), 324, 322, 322),
    ]
    summary = summarise("all", runs)
    lines = list(as_markdown(summary))

    assert [one["data"] for one in summary["students"]] == [
        "texts.csv", "posts.csv (group med, space; language en)", "texts.csv"
    ]  # fmt: skip
    assert [line for line in lines if line.startswith("## ")] == [
        "## texts.csv", "## posts.csv (group med, space; language en)", "## Costs and times"
    ]  # fmt: skip
    border, end = lines.index("## posts.csv (group med, space; language en)"), lines.index("## Costs and times")
    films, news = lines[lines.index("## texts.csv") : border], lines[border:end]
    assert not any("| posts |" in line for line in films)
    assert not any("| tiny |" in line or "| third |" in line for line in news)
    assert [line.split("|")[-2].strip() for line in news if " at least " in line] == ["missed", "missed"]
    draw_pictures(summary, tmp_path)
    text = (tmp_path / "accuracy.svg").read_text()
    assert "<!-- texts.csv -->" in text
    assert "<!-- posts.csv (group med, space; language en) -->" in text


def test_measurements_are_named_where_they_are_and_where_they_are_not(tmp_path):
    """They have no students."""
    sets = [{"kind": "first-sentence", "name": "news", "file": "news.txt"}]
    fields = {"kind": "embeddings", "name": "lee", "model": "minilm", "retrieval": sets, "outputs": {"folder": "out"}}
    measured = [Measured(Embeddings.model_validate(fields), Path("lee.yaml"), tmp_path / name) for name in ("a", "b")]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "embeddings.md").write_text("table")
    lines = list(as_markdown(summarise("all", [], measured)))
    assert f"- `lee`: `{tmp_path / 'a' / 'embeddings.md'}`" in lines
    assert f"- `lee`: not measured (`{tmp_path / 'b'}`)" in lines


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"student": {"correct": "01x"}}, "evaluation.json: correct is '01x'; expected"),
        ({"student": {"correct": "01"}}, "have different numbers of rows; expected"),
        ({"student": {}}, "evaluation.json: 'correct'; expected what stage evaluate writes"),
        ({"student": None}, "evaluation.json: .*; expected what stage evaluate writes"),
    ],
)
def test_files_that_are_not_an_evaluation_are_refused(tmp_path, change, match):
    """One line."""
    run = finish(planned(tmp_path), 324, 320, 320)
    path = run.folder / "evaluation.json"
    evaluation = json.loads(path.read_text())
    evaluation["models"] |= change
    path.write_text(json.dumps(evaluation))
    with refused(FormatError, match):
        summarise("all", [run])


def test_all_seeds_are_asked_about_the_same_rows(tmp_path):
    """The seed of the run decides nothing about the split, so that rows of two seeds are paired."""
    write_sources(tmp_path)
    first, second = (tiny_run(tmp_path, f"out/{seed}", seed=seed).splits for seed in (0, 1))
    assert first == second


def test_seeds_that_were_asked_other_rows_are_refused(tmp_path):
    """Rows are paired."""
    runs = [finish(planned(tmp_path, seed), 324, 320, 320) for seed in (0, 1)]
    models = {name: {"correct": "01"} for name in ("teacher", "student", "student-w8a8-static")}
    (runs[1].folder / "evaluation.json").write_text(json.dumps({"models": models}))
    with refused(FormatError, r"seeds were asked about \[2, 400\] rows; expected the same rows"):
        summarise("all", runs)


def test_the_tables_name_losses_and_what_is_absent(tmp_path):
    """A goal that is missed has a line like one that is reached."""
    runs = [planned(tmp_path, seed) for seed in (0, 1)]
    finish(runs[0], 324, 320, 318)
    lines = list(as_markdown(summarise("all", runs)))

    (row,) = [line for line in lines if line.startswith("| tiny | 50% (4, 1) | 2 | 1 |")]
    assert "| 81.00 [" in row
    assert "| -1.00 [" in row
    (row,) = [line for line in lines if line.startswith("| tiny | w8a8-static | 79.50 [")]
    assert "| -1.50 [" in row
    assert [line.split("|")[-2].strip() for line in lines if " at least " in line] == ["reached", "missed"]
    assert "`tiny` has one seed, so its interval is for other rows alone." in lines
    assert f"- `tiny`, seed 1: not begun (`{runs[1].folder}`)" in lines
    tables = [line for line in lines if line.startswith("|")]
    header = None
    for line in lines:
        header = (
            line.count("|") if line.startswith("|") and header is None else header if line.startswith("|") else None
        )
        assert header is None or line.count("|") == header, line
    assert tables


def test_nothing_that_is_evaluated_is_a_summary_too(tmp_path):
    """All runs are absent."""
    summary = summarise("all", [planned(tmp_path)])
    assert (summary["students"], len(summary["absent"])) == ([], 1)
    assert any("not begun" in line for line in as_markdown(summary))
    draw_pictures(summary, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_pictures_show_every_student(tmp_path):
    """Dense, pruned, without INT8, without saved programs."""
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    runs = [
        *(finish(planned(tmp_path / "a", seed), 324, 320, int(rng.integers(310, 322))) for seed in (0, 1)),
        finish(planned(tmp_path / "b", name="dense", pruning=None), 324, 323, 322),
        finish(planned(tmp_path / "c", name="float32", quantisation=None), 324, 323),
    ]
    draw_pictures(summarise("all", runs), tmp_path)
    first = {path: path.read_bytes() for path in tmp_path.glob("*.svg")}
    draw_pictures(summarise("all", runs), tmp_path)
    assert first == {path: path.read_bytes() for path in tmp_path.glob("*.svg")}, "drawn again it is the same"
    assert not any(b"dc:date" in text for text in first.values())

    text = (tmp_path / "accuracy.svg").read_text()
    for name in ("tiny", "dense", "float32", "w8a8-static - FP32", "dashed: the goals, -0.5 to FP32"):
        assert f"<!-- {name}" in text
    assert (tmp_path / "size.svg").read_text().count("<!-- 50% (4, 1), 2 layers -->") == 2
    assert not (tmp_path / "latency.svg").exists()
