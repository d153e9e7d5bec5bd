"""``write_onnx`` on a small encoder under every recipe: every step right, names kept, the form of the recipe."""

from __future__ import annotations

import numpy as np
import pytest
from float32_bounds import float32_bound
from onnx import TensorProto
from onnx_evaluation import assert_within, evaluate

from distilspec.reference import ops
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.onnx_writer import write_onnx
from distilspec.reference.models.build import build_program, random_weights
from distilspec.reference.models.config import BertConfig
from distilspec.reference.program import resolve
from distilspec.reference.recipes import apply_recipe, calibrate, prune

CONFIG = BertConfig(vocab_size=30, hidden_size=12, num_layers=2, num_heads=3, intermediate_size=20, max_positions=9)
WEIGHTS = random_weights(CONFIG, "sentence-embedding", seed=1)
ENCODER = build_program(CONFIG, "sentence-embedding", WEIGHTS)
BATCH = {
    "input_ids": np.int64([[1, 29, 3, 4, 0], [7, 8, 0, 0, 0], [5, 5, 5, 5, 5]]),
    "attention_mask": np.int64([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]]),
    "token_type_ids": np.int64([[0, 0, 1, 1, 0], [0, 0, 0, 0, 0], [0, 1, 0, 1, 0]]),
}


@pytest.fixture(scope="module", params=list(Recipe))
def compressed(request):
    """Return the small encoder under one recipe."""
    ranges = calibrate(ENCODER, [BATCH], recipe=request.param) if Recipe(request.param).is_calibrated else None
    return apply_recipe(ENCODER, request.param, calibration=ranges)


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_every_step_of_an_encoder_is_right_on_the_values_before_it(compressed, opset):
    """Every tensor can be shown, and follows from the shown tensors before it within the bound of one step."""
    if compressed.recipe == Recipe.W8A8_STATIC_ATTN and opset < 19:
        pytest.skip("ONNX Runtime, which evaluates these opsets, saturates products of u8 by s8 without VNNI")
    shown = tuple(compressed.tensors)
    model = write_onnx(compressed, opset=opset, expose=shown)

    values = compressed.checked(BATCH) | evaluate(model, BATCH) | dict(compressed.constants)

    for step in compressed.steps:
        operands = tuple(None if name is None else values[name] for name in step.inputs)
        sizes = dict(zip(("batch", "sequence"), BATCH["input_ids"].shape, strict=True))
        attributes = {name: resolve(value, sizes) for name, value in step.attributes.items()}
        results = ops.OPERATORS[step.op](*operands, **attributes)
        for name, expected in zip(step.outputs, results if len(step.outputs) > 1 else [results], strict=True):
            assert_within(values[name], expected, float32_bound(step.op, operands, attributes, expected))


def test_the_graph_has_the_names_of_the_program(compressed):
    """Inputs, outputs, steps and constants keep their names; other tensors belong to a step, an input or a symbol."""
    model = write_onnx(compressed, expose=["encoder.layer.0.output.LayerNorm"])

    assert [value.name for value in model.graph.input] == list(compressed.inputs)
    assert all(value.type.tensor_type.elem_type == TensorProto.INT64 for value in model.graph.input)
    assert [value.name for value in model.graph.output] == ["sentence_embedding", "encoder.layer.0.output.LayerNorm"]
    made = {name for node in model.graph.node for name in node.output}
    assert set(compressed.tensors) <= made
    owners = {*compressed.tensors, *compressed.inputs, "batch", "sequence"}
    others = {*made, *(tensor.name for tensor in model.graph.initializer)} - {*compressed.tensors, *compressed.outputs}
    assert {name.split("/")[0] for name in others - set(compressed.constants)} <= owners
    assert {entry.key: entry.value for entry in model.metadata_props} == dict(compressed.properties)


def test_writing_twice_gives_equal_bytes(compressed):
    """The order of nodes, names and initializers is a function of the program alone."""
    first, second = (write_onnx(compressed).SerializeToString() for _ in range(2))

    assert first == second


FORMS_OF_RECIPES = {
    Recipe.FP32: ["MatMul", "Add"],
    Recipe.W8A8_STATIC: ["DequantizeLinear", "DequantizeLinear", "MatMul", "Add"],
    Recipe.W7A8_STATIC: ["DequantizeLinear", "DequantizeLinear", "MatMul", "Add"],
    Recipe.W8A8_STATIC_ATTN: ["DequantizeLinear", "DequantizeLinear", "MatMul", "Add"],
    Recipe.W8A8_DYNAMIC: ["MatMulInteger", "Cast", "Mul", "Mul", "Add"],
    Recipe.W8A8_DYNAMIC_TOKEN: ["MatMulInteger", "Cast", "Mul", "Mul", "Add"],
    Recipe.W8A32: ["DequantizeLinear", "Transpose", "MatMul", "Add"],
}


def test_an_encoder_linear_has_the_form_of_its_recipe(compressed):
    """The forms that runtimes fuse, with a weight of [in_features, out_features] and its scales along axis 1."""
    name = "encoder.layer.0.intermediate.dense"
    nodes = [n for n in write_onnx(compressed).graph.node if n.output[0].split("/")[0] in (name, f"{name}.weight")]

    assert [node.op_type for node in nodes] == FORMS_OF_RECIPES[Recipe(compressed.recipe)]
    if Recipe(compressed.recipe).is_calibrated:
        assert [attribute.i for attribute in nodes[1].attribute] == [1]


@pytest.mark.parametrize("quantised", [False, True])
def test_a_block_sparse_encoder_is_the_dense_one_with_zeros(quantised):
    """ONNX has no block-sparse matrix, so both programs give the same model but for the steps' operators."""
    packed, dense = (
        apply_recipe(
            prune(ENCODER, sparsity=0.5, block_shape=(4, 1), pack=pack),
            Recipe.W8A8_DYNAMIC if quantised else Recipe.FP32,
        )
        for pack in (True, False)
    )
    results = [evaluate(write_onnx(program), BATCH)["sentence_embedding"] for program in (packed, dense)]

    assert any("block_sparse" in step.op for step in packed.steps)
    assert results[0].tobytes() == results[1].tobytes()
