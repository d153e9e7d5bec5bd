"""The engine with attention of codes: every segment within what the specification allows, and the same bits always."""

from __future__ import annotations

import numpy as np
import pytest
from small_models import inputs, small_program

from distilspec.conformance.result import State
from distilspec.conformance.segments import judge_segments
from distilspec.fast import Engine

RECIPE = "w8a8-static-attn"


def engine(*, threads=1, backend="native", **model):
    """Return an engine of a small model."""
    return Engine(small_program(RECIPE, **model), threads=threads, oversubscribe=threads > 1, backend=backend)


@pytest.mark.parametrize("backend", ["native", "numpy"])
@pytest.mark.parametrize(("shape", "sparsity"), [("even", 0.0), ("odd", 0.0), ("even", 0.8)])
def test_every_segment_is_within_what_the_specification_allows(backend, shape, sparsity):
    """Attention is one segment, from the floats of query, key and value to codes or floats."""
    program = small_program(RECIPE, shape=shape, sparsity=sparsity)
    arrays = inputs(program, 3, 37)
    arrays["attention_mask"][1, 1:] = False
    with engine(backend=backend, shape=shape, sparsity=sparsity) as made:
        _, shown = made.run_exposed(arrays, made.survivors())

    judged = list(judge_segments(program, {**program.checked(arrays), **shown}))

    assert sum("softmax" in found.segment.operators for found in judged) == 2
    assert [found.judgement for found in judged if found.judgement.state is not State.PASS] == []


@pytest.mark.parametrize("shape", ["even", "odd"])
def test_a_sequence_has_the_same_bits_alone_and_in_any_batch(shape):
    """Alone, among others, padded, and by any number of threads."""
    arrays = inputs(small_program(RECIPE, shape=shape), 5, 17)
    with engine(shape=shape) as one, engine(shape=shape, threads=2) as two:
        together = one.run(arrays)["last_hidden_state"]
        np.testing.assert_array_equal(two.run(arrays)["last_hidden_state"], together)
        for row in range(5):
            alone = one.run({name: array[row : row + 1] for name, array in arrays.items()})["last_hidden_state"]
            np.testing.assert_array_equal(alone[0], together[row])
        padded = {name: np.pad(array, ((0, 0), (0, 23))) for name, array in arrays.items()}
        np.testing.assert_array_equal(one.run(padded)["last_hidden_state"][:, :17], together)


def test_a_saved_engine_is_the_same(tmp_path):
    """The scales of codes inside attention are part of what is saved."""
    arrays = inputs(small_program(RECIPE), 2, 9)
    with engine() as made:
        expected = made.run(arrays)["last_hidden_state"]
        made.save(tmp_path / "saved")
    with Engine.load(tmp_path / "saved", threads=1) as loaded:
        np.testing.assert_array_equal(loaded.run(arrays)["last_hidden_state"], expected)
