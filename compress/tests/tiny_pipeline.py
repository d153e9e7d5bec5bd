"""A pipeline that runs in two seconds: a tiny teacher, and texts about food."""

from __future__ import annotations

import json
from itertools import product

import torch
from tiny_classifier import tiny_classifier
from word_piece import word_piece

from distilspec.compress.pipeline import Pipeline
from distilspec.compress.run import Run
from distilspec.compress.students import save_classifier

WORDS = ("a", "man", "is", "eat", "eating", "food")

FIELDS = {
    "name": "tiny",
    "data": {
        "file": "texts.csv",
        "labels": {"0": "bad", "1": "good"},
        "train_rows": 48,
        "validation_rows": 30,
        "test_rows": 60,
        "max_length": 8,
    },
    "teacher": {"model": "tiny", "training": {"epochs": 1, "batch_size": 8, "learning_rate": 0.01}},
    "student": {"layers": [0, 2], "training": {"epochs": 2, "batch_size": 8, "learning_rate": 0.01}},
    "pruning": {"block_shape": [4, 1], "sparsity": 0.5, "schedule": {"kind": "cubic", "every": 1}},
    "quantisation": {"calibration_rows": 16, "budget": 100.0},
    "outputs": {"folder": "out"},
}

#: A student that starts pruned, and learns with the zeros that it has.
PRUNED_AT_THE_START = {
    "block_shape": [4, 1],
    "sparsity": 0.5,
    "schedule": {"kind": "pattern-lock"},
    "reconstruction": {"rows": 10, "rounds": 2},
}

TWO_RECIPES = FIELDS["quantisation"] | {"recipes": ["w8a8-static", "w7a8-static"]}
FINISHED = FIELDS["quantisation"] | {"finishing": {"recipe": "w8a8-static", "training": {"batch_size": 8}}}


def write_sources(folder):
    """Write the model ``tiny``, and 258 texts labelled by whether there is food."""
    save_classifier(folder / "tiny", tiny_classifier(dtype=torch.float32), word_piece(folder))
    texts = [" ".join(words) for length in (1, 2, 3) for words in product(WORDS, repeat=length)]
    (folder / "texts.csv").write_text("text,label\n" + "".join(f"{text},{int('food' in text)}\n" for text in texts))


def tiny_run(folder, out="out/tiny", **sections):
    """Return a run of the tiny pipeline, whole sections replaced; None leaves one out."""
    fields = {name: value for name, value in (FIELDS | sections).items() if value is not None}
    return Run(Pipeline.model_validate(fields), folder, folder / out)


def made_by(run):
    """Return the bytes of every file of the results but the log, by name."""
    files = [path for path in run.folder.rglob("*") if path.is_file() and path.name != "log.jsonl"]
    return {str(path.relative_to(run.folder)): path.read_bytes() for path in files}


def events(run, name):
    """Return the events of that name in the log."""
    lines = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == name]
