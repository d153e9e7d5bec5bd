"""Fixtures of pipelines that run in tests."""

from __future__ import annotations

import pytest
from tiny_pipeline import write_sources

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
