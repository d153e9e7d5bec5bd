"""The form of quantised files that DeepSparse has kernels for."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from small_encoder import encoder

from distilspec.conformance.bench.sparseml_form import as_sparseml
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.onnx_writer import write_onnx


def outputs_of(model, program):
    """Return what ONNX Runtime makes of a file without optimising it."""
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    ids = np.arange(10).reshape(2, 5)
    feeds = {
        name: np.ones_like(ids) if "mask" in name else ids % 2 if "type" in name else ids for name in program.inputs
    }
    return session.run(None, feeds)


@pytest.mark.parametrize("recipe", [Recipe.W8A8_STATIC, Recipe.FP32])
def test_values_are_the_same_bit_for_bit(recipe):
    """Products of constants are rounded as the operator rounds them."""
    program = encoder(recipe)
    plain = outputs_of(write_onnx(program, form="qoperator"), program)

    made = as_sparseml(write_onnx(program, form="qoperator"))

    onnx.checker.check_model(made)
    assert [array.tobytes() for array in outputs_of(made, program)] == [array.tobytes() for array in plain]


def test_accumulators_have_one_constant_factor():
    """What DeepSparse looks for: codes, weight, and both zero points, then a cast and one multiplication."""
    graph = as_sparseml(write_onnx(encoder(Recipe.W8A8_STATIC), form="qoperator")).graph
    constants = {tensor.name for tensor in graph.initializer}
    readers = {name: node for node in graph.node for name in node.input}
    products = [node for node in graph.node if node.op_type == "MatMulInteger"]

    assert products
    for product in products:
        assert len(product.input) == 4
        assert product.input[3] in constants
        scaling = readers[readers[product.output[0]].output[0]]
        assert scaling.op_type == "Mul"
        assert constants.intersection(scaling.input)
