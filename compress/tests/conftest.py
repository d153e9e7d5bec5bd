"""Fixtures of pipelines that run in tests."""

from __future__ import annotations

import json

import pytest
from tiny_pipeline import tiny_run, write_sources

from distilspec.compress.order import run_stages
from distilspec.compress.training import Trainer


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
