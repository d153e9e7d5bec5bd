"""Pipelines that cannot run: said in one line, before anything is trained where that can be known."""

from __future__ import annotations

import shutil
import sys

import pytest
from refusal import refused
from tiny_pipeline import (
    FIELDS,
    FINISHED,
    tiny_run,
)

from distilspec.compress.order import rehearse, run_stages
from distilspec.reference.contract.errors import FormatError, RangeError, ShapeError, UnsupportedError


@pytest.mark.parametrize(
    ("sections", "error", "match"),
    [
        ({"student": {"layers": [0, 3]}}, RangeError, r"the layer map is \[0, 3\]; expected rising"),
        ({"student": {"layers": 4}}, RangeError, "student.layers: .*the teacher has 3 layers and the student 4"),
        (
            {"pruning": FIELDS["pruning"] | {"block_shape": [16, 4]}},
            ShapeError,
            r"pruning: distilbert.*block_shape .*16, 4",
        ),
        ({"student": {"layers": [0, 1]}, "distillation": {"hidden": {}}}, RangeError, "distillation: .*expected"),
        (
            {"teacher": {"model": "tiny", "training": {"warmup": 1.0}}},
            RangeError,
            "teacher.training: rewound_learning_rate: .*warm-up .* steps; expected fewer",
        ),
        (
            {"student": {"layers": [0, 2], "training": {"warmup": 1.0}}},
            RangeError,
            "student.training: rewound_learning_rate: .*warm-up .* steps; expected fewer",
        ),
        (
            {"teacher": {"model": "tiny", "training": {"rewind": True}}},
            RangeError,
            "teacher.training: rewind is true and the schedule absent; expected cubic or distiller",
        ),
        (
            {
                "student": {"layers": [0, 2], "training": {"rewind": True}},
                "pruning": FIELDS["pruning"] | {"schedule": {"kind": "one-shot"}},
            },
            RangeError,
            "student.training: rewind is true and the schedule one-shot; expected cubic or distiller",
        ),
        (
            {"quantisation": FINISHED | {"finishing": {"recipe": "w8a8-static", "training": {"rewind": True}}}},
            RangeError,
            "quantisation.finishing.training: rewind is true and the schedule absent; expected cubic or distiller",
        ),
        *(
            (
                {"pruning": {"structure": structure, "sparsity": sparsity, "schedule": {"kind": "one-shot"}}},
                RangeError,
                f"pruning: .*{name}.weight: sparsity {sparsity} drops every {structure}; expected that one is left",
            )
            for structure, sparsity, name in (("head", 0.9, "attention.q_lin"), ("neuron", 0.97, "ffn.lin1"))
        ),
        (
            {"pruning": FIELDS["pruning"] | {"block_shape": [4, 4], "sparsity": 0.9}},
            RangeError,
            "pruning: .*attention.q_lin.weight: sparsity 0.9 drops every block; expected that one is left",
        ),
        *(
            (
                {"teacher": teacher, "pruning": FIELDS["pruning"] | {"schedule": {"kind": "pattern-lock"}}},
                RangeError,
                "pruning: schedule pattern-lock keeps the zeros that a student starts with: .*: 0 of 64 weights are "
                "pruned; expected 32",
            )
            for teacher in (FIELDS["teacher"], {"model": "tiny"})
        ),
        ({"data": FIELDS["data"] | {"text_column": "review"}}, FormatError, "columns are text, label; expected review"),
        ({"data": FIELDS["data"] | {"train_rows": 1000}}, RangeError, "1000 rows to train on; expected at most 168"),
        ({"data": FIELDS["data"] | {"max_length": 20}}, RangeError, "max_length is 20; expected at most 16"),
        ({"data": FIELDS["data"] | {"file": "empty.csv"}}, FormatError, "columns are none; expected text"),
        ({"data": FIELDS["data"] | {"file": "one.csv"}}, RangeError, "have none of label 0"),
        ({"data": FIELDS["data"] | {"file": "absent.csv"}}, FormatError, "expected a CSV file"),
        ({"data": FIELDS["data"] | {"package": "nosuch"}}, UnsupportedError, "package nosuch is not installed"),
        ({"teacher": {"model": "absent"}}, FormatError, "there is no such folder; expected a folder with config.json"),
    ],
)
def test_parts_that_do_not_fit_are_refused_before_anything_is_trained(sources, sections, error, match):
    """One line; no step has been taken and no result made."""
    (sources / "empty.csv").write_text("")
    (sources / "one.csv").write_text("text,label\na man,1\nfood,1\n")
    run = tiny_run(sources, **sections)
    with refused(error, match):
        run_stages(run)

    assert not list(run.teachers.rglob("checkpoint"))
    assert [path.name for path in run.folder.iterdir() if path.is_dir()] == []


def test_a_package_that_only_the_export_needs_is_asked_for_first(tmp_path, monkeypatch, whole):
    """Unless the pipeline does without ONNX."""
    shutil.copytree(whole().source, tmp_path, dirs_exist_ok=True)
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "distilspec.reference.formats.onnx_writer", raising=False)
    run = tiny_run(tmp_path, "new/tiny")
    with refused(UnsupportedError, "outputs: onnx is true and the package onnx is not installed; expected it"):
        run_stages(run)
    assert not run.teacher_home.exists()
    without = tiny_run(tmp_path, outputs={"folder": "out", "onnx": False})
    shutil.rmtree(without.folder / "programs")
    run_stages(without, "export")
    assert sorted(path.name for path in (without.folder / "programs").iterdir()) == ["fp32", "w8a8-static"]


def test_heads_and_neurons_fall_out_as_long_as_one_is_left(sources):
    """Half of two heads, and eleven of twelve neurons."""
    for structure, sparsity in (("head", 0.5), ("neuron", 0.92)):
        pruning = {"structure": structure, "sparsity": sparsity, "schedule": {"kind": "one-shot"}}
        rehearse(tiny_run(sources, f"out/{structure}", pruning=pruning))


def test_stages_that_cannot_run_are_refused(sources):
    """An unknown one, one whose predecessor has not run, quantisation and finishing that no section describes."""
    run = tiny_run(sources)
    with refused(RangeError, "stage prune: there is no such one; expected one of teacher, student, distil"):
        run_stages(run, "prune")
    with refused(RangeError, "stage distil: .*model is not there; expected that stage teacher has made it"):
        run_stages(run, "distil")
    plain = tiny_run(sources, "out/plain", quantisation=None)
    with refused(RangeError, "stage quantise: the pipeline has no section quantisation; expected one"):
        run_stages(plain, "quantise")
    for none in (plain, run):
        with refused(RangeError, "stage finish: the pipeline has no section quantisation.finishing; expected one"):
            run_stages(none, "finish")


def test_results_and_checkpoints_of_other_pipelines_are_refused(sources, kill_after):
    """The folder says which section differs; a checkpoint says whose it is."""
    kill_after(9)
    run = tiny_run(sources)
    with pytest.raises(KeyboardInterrupt):
        run_stages(run)
    changed = {"sparsity": 0.75, "schedule": {"kind": "one-shot"}}
    with refused(FormatError, "it holds results of a pipeline whose pruning is .*; expected .* two pipelines are not"):
        tiny_run(sources, pruning=changed)
    other = tiny_run(sources, "out/other", pruning=changed)
    run_stages(other, "student")
    (run.folder / "checkpoint").rename(other.folder / "checkpoint")
    with refused(FormatError, "checkpoint: it is a checkpoint of .*tiny/distil/.*; expected"):
        run_stages(other)


def test_a_folder_that_cannot_be_made_is_refused(sources):
    """A file stands in its place."""
    (sources / "file").write_text("")
    with refused(FormatError, "file.*; expected a folder that can be made"):
        tiny_run(sources, "file/tiny")
