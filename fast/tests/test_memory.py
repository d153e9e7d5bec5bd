"""What a process holds because of an engine."""

from __future__ import annotations

import os

import pytest
from held_memory import held_by, loaded

from distilspec.fast import compile

MINILM = {"model": "minilm", "recipe": "w8a8-static", "calibration": ["A cat sleeps.", "Interest rates rose again."]}


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="this system does not tell its memory")
def test_an_engine_holds_its_weights_once(tmp_path):
    """
    After compiling and after loading: at most 1.5 times what kernels read and write, weights and activations.

    The half is for machine code, the steps of the program, and what the allocator keeps of the model that was compiled.
    One more copy of the tables, or of the weights in float32, is two thirds.
    """
    with compile(**MINILM) as engine:
        engine.save(tmp_path / "engine")
    weights = (tmp_path / "engine" / "weights.bin").stat().st_size
    for made in (f"compile(**{MINILM})", loaded(tmp_path / "engine")):
        held, activations = held_by(made)
        assert weights < held < 1.5 * (weights + activations)
