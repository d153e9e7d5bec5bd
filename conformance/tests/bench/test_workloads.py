"""What is timed, and what is expected of it."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_models import DistilBertConfig, tiny_folder

from distilspec.conformance.bench import workloads as module
from distilspec.conformance.bench.workloads import Shape, Workload, model_of, workloads
from distilspec.reference import ops
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe


@pytest.fixture
def model(tmp_path, monkeypatch):
    """Yield the folder of a tiny model; what is made of it is kept in a folder that goes away."""
    monkeypatch.setenv("DISTILSPEC_BENCH", str(tmp_path / "kept"))
    yield str(tiny_folder(tmp_path / "model", "feature-extraction", kind=DistilBertConfig))
    model_of.cache_clear()


def test_shapes_are_read_as_they_are_written():
    """And nothing else is a shape."""
    assert Shape.parse("8x128") == Shape(8, 128)
    assert str(Shape(8, 128)) == "8x128"
    for text in ("8", "0x8", "8x", "8x8x8", "-1x8", "8 x 8"):
        with pytest.raises(RangeError, match="is not BATCHxSEQUENCE"):
            Shape.parse(text)


def test_a_dense_model_is_timed_once_however_many_block_shapes_there_are():
    """It has no blocks; every sparsity has each block shape."""
    found = workloads("m", [0.0, 0.8, 0.9], [(4, 1), (16, 4)], "ffn")

    assert [(one.sparsity, one.block_shape) for one in found] == [
        (0.0, (4, 1)), (0.8, (4, 1)), (0.8, (16, 4)), (0.9, (4, 1)), (0.9, (16, 4))
    ]  # fmt: skip
    assert [one.pruned for one in found] == ["all", *["ffn"] * 4]


def test_impossible_workloads_are_refused():
    """A model without weights, a negative share, and a part that no encoder has."""
    for sparsity in (1.0, -0.1):
        with pytest.raises(RangeError, match="expected 0 or more, and less than 1"):
            workloads("m", [sparsity], [(4, 1)])
    with pytest.raises(RangeError, match="expected one of all, ffn"):
        workloads("m", [0.8], [(4, 1)], "heads")


def test_a_program_is_made_once(model, monkeypatch):
    """The second time it comes from disk, and is the same."""
    workload = Workload(model, 0.5)
    first = workload.program(Recipe.W8A8_STATIC)
    monkeypatch.setattr(Workload, "_made", lambda *_: pytest.fail("made again"))

    second = workload.program(Recipe.W8A8_STATIC)

    assert first.steps == second.steps
    assert all((second.constants[name] == array).all() for name, array in first.constants.items())


def test_zeros_instead_of_blocks_compute_the_same(model):
    """For runtimes that have no blocks."""
    inputs = Workload(model).inputs(Shape(2, 8))
    packed, zeros = (
        Workload(model, 0.5).program(Recipe.W8A8_DYNAMIC, packed=packed).run(ops, inputs)["last_hidden_state"]
        for packed in (True, False)
    )

    assert (packed == zeros).all()
    names = {step.op for step in Workload(model, 0.5).program(Recipe.W8A8_DYNAMIC, packed=False).steps}
    assert "quantized_block_sparse_linear" not in names


def test_only_the_feed_forward_network_is_pruned_where_that_is_asked(model):
    """Two Linears of the six in the one layer."""
    found = [
        [step.op for step in Workload(model, 0.5, pruned=pruned).program(Recipe.FP32).steps].count(
            "block_sparse_linear"
        )
        for pruned in ("all", "ffn")
    ]

    assert found == [6, 2]


def test_two_rows_say_what_all_rows_of_a_batch_must_be(model):
    """Under a recipe whose scale is that of the whole batch as well."""
    workload, shape = Workload(model), Shape(5, 7)

    expected = workload.expected(Recipe.W8A8_DYNAMIC, shape)["last_hidden_state"]

    everything = workload.program(Recipe.W8A8_DYNAMIC).run(ops, workload.inputs(shape))["last_hidden_state"]
    assert len(expected) == 2
    assert not (expected[0] == expected[1]).all()
    assert (everything == expected[[0, 1, 0, 1, 0]]).all()


def test_expected_values_are_computed_once(model, monkeypatch):
    """They come back from disk bit for bit."""
    workload = Workload(model)
    first = workload.expected(Recipe.FP32, Shape(8, 4))
    monkeypatch.setattr(Workload, "program", lambda *_: pytest.fail("computed again"))

    second = workload.expected(Recipe.FP32, Shape(2, 4))

    assert first["last_hidden_state"].dtype == np.float64
    assert (first["last_hidden_state"] == second["last_hidden_state"]).all()


def test_what_was_made_of_other_files_is_not_used(model):
    """A folder whose weights change is another model."""
    before = Workload(model).folder(Recipe.FP32)
    path = next(module.Path(model).glob("*.safetensors"))
    path.touch()

    assert Workload(model).folder(Recipe.FP32) != before


def test_a_text_longer_than_the_positions_is_refused(model):
    """Before anything is timed."""
    with pytest.raises(RangeError, match="shape: 1x13 has 13 tokens; expected at most 12"):
        Workload(model).inputs(Shape(1, 13))
