"""Tensors beside the outputs: which there are, what they are of an empty batch, and a refusal of any other name."""

from __future__ import annotations

import numpy as np
import pytest
from small_models import inputs, small_program

from distilspec.fast import Engine
from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.tracer import trace

BACKENDS = ("native", "numpy")
PARTS = [f"transformer.layer.0.attention.{part}_lin" for part in "qkv"]


@pytest.mark.parametrize("name", ["nothing", "input_ids", " ".join(PARTS), "embeddings.LayerNorm.quantized scale"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_other_tensors_are_refused_by_name(backend, name):
    """Also those that a backend holds under names of its own."""
    program = small_program("w8a8-dynamic")
    with Engine(program, backend=backend) as engine:
        assert PARTS[0] in engine.survivors()
        with pytest.raises(UnsupportedError, match=f"tensor {name}: the engine does not hold it"):
            engine.run_exposed(inputs(program, 2, 3), [PARTS[0], name])


@pytest.mark.parametrize("recipe", ["fp32", "w8a8-static", "w8a8-dynamic", "w8a8-dynamic-token"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_empty_batch_shows_what_the_specification_makes_of_one(backend, recipe):
    """Tensors without rows, and one scale and zero point for the tensor as of a single zero."""
    program = small_program(recipe)
    empty = {name: array[:0] for name, array in inputs(program, 1, 5).items()}
    with Engine(program, backend=backend) as engine:
        names = engine.survivors()
        _, shown = engine.run_exposed(empty, names)
    for name, expected in program.run(ops, empty, keep=names).items():
        if name in names:
            np.testing.assert_array_equal(shown[name], expected, strict=expected.dtype != np.float64)
            assert shown[name].shape == expected.shape


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_tensor_that_is_named_can_be_shown(backend):
    """Codes that no step multiplies are made by one backend alone."""

    def model(ops, weights, input_ids):
        rows = ops.embedding(input_ids, weights["table"])
        ops.quantize(rows, weights["scale"], weights["zero_point"])
        ops.dynamic_quantize(rows)
        return {"y": rows}

    weights = {
        "table": np.arange(12, dtype=np.float32).reshape(3, 4),
        "scale": np.ones((), np.float32),
        "zero_point": np.zeros((), np.uint8),
    }
    program = trace("unread", model, {"input_ids": TensorSpec("int64", ("batch", "sequence"))}, weights)
    ids = np.array([[2, 0, 1]])
    with Engine(program, backend=backend) as engine:
        names = engine.survivors()
        _, shown = engine.run_exposed({"input_ids": ids}, names)
    assert ("quantize" in names) == (backend == "numpy")
    for name, expected in program.run(ops, {"input_ids": ids}, keep=names).items():
        if name in names:
            np.testing.assert_array_equal(shown[name], expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_tensors_without_features_have_none(backend):
    """A product of nothing is the bias."""

    def model(ops, weights, input_ids):
        none = ops.linear(ops.embedding(input_ids, weights["table"]), weights["none"])
        return {"none": none, "positive": ops.relu(none), "bias": ops.linear(none, weights["back"], weights["bias"])}

    weights = {
        "table": np.ones((3, 4), np.float32),
        "none": np.ones((0, 4), np.float32),
        "back": np.ones((5, 0), np.float32),
        "bias": np.arange(5, dtype=np.float32),
    }
    program = trace("narrow", model, {"input_ids": TensorSpec("int64", ("batch", "sequence"))}, weights)
    with Engine(program, backend=backend) as engine:
        outputs = engine(np.zeros((2, 19), int))
    assert [outputs[label].shape for label in ("none", "positive")] == [(2, 19, 0)] * 2
    np.testing.assert_array_equal(outputs["bias"], np.broadcast_to(weights["bias"], (2, 19, 5)))
