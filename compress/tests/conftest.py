"""A classifier in a folder, and pipelines that run in tests."""

from __future__ import annotations

import json

import pytest
import torch
from tiny_classifier import tiny_classifier
from tiny_pipeline import tiny_run, write_sources
from word_piece import word_piece

from distilspec.compress.batches import EncodedRows
from distilspec.compress.data import Rows
from distilspec.compress.order import run_stages
from distilspec.compress.students import save_classifier
from distilspec.compress.training import Trainer
from distilspec.reference.formats.hugging_face import load_folder


@pytest.fixture
def saved(tmp_path):
    """Return a classifier of three layers, the folder ``model`` that holds it as it is loaded, and four texts of it."""
    tiny = tiny_classifier(dtype=torch.float32)
    save_classifier(tmp_path / "model", tiny, word_piece(tmp_path))
    loaded = load_folder(tmp_path / "model")
    texts = ("a man is eating food", "a man", "food is a man", "is a man eating")
    return tiny, loaded, EncodedRows.of(Rows(texts, (0, 1, 0, 1)), loaded.tokenizer, 16)


@pytest.fixture
def sources(tmp_path):
    """Return a folder with a tiny model and texts."""
    write_sources(tmp_path)
    return tmp_path


@pytest.fixture
def kill_after(monkeypatch):
    """Return a function that lets training be interrupted at the given step from now, once."""

    def arrange(steps):
        learn, left = Trainer.learn, [steps]

        def learn_until(self, *arguments, **named):
            left[0] -= 1
            if left[0] < 0:
                monkeypatch.setattr(Trainer, "learn", learn)
                raise KeyboardInterrupt
            return learn(self, *arguments, **named)

        monkeypatch.setattr(Trainer, "learn", learn_until)

    return arrange


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """Return a function that gives a run that nothing has stopped, made once for all tests; they only read it."""
    made = {}

    def find(**sections):
        key = json.dumps(sections, sort_keys=True)
        if key not in made:
            folder = tmp_path_factory.mktemp("whole")
            write_sources(folder)
            made[key] = tiny_run(folder, **sections)
            run_stages(made[key])
        return made[key]

    return find
