"""Programs become the fused steps that one would write by hand, and what cannot is refused by name."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from small_models import HEADS, small_program

from distilspec.fast.lower.fused import Attention, Embed, LayerNorm, Linear, Output, Quantize, Scales
from distilspec.fast.lower.lower import lower
from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.tracer import trace

LAYER = [LayerNorm, Linear, Attention, Linear, LayerNorm, Linear, Linear]


def kinds(program):
    """Return the types of a program's fused steps."""
    return [type(step) for step in lower(program).steps]


def named(program, name):
    """Return the fused step that makes a tensor."""
    return next(step for step in lower(program).steps if step.out == name)


def test_a_layer_is_six_steps():
    """Query, key and value are one Linear; GELU and the residuals are part of the Linears before them."""
    assert kinds(small_program()) == [Embed, *LAYER, *LAYER, LayerNorm]


def test_merged_weights_are_query_key_and_value_one_below_the_other():
    """Each with its own bias."""
    program = small_program()
    merged = lower(program).steps[2]
    names = [f"transformer.layer.0.attention.{part}_lin" for part in "qkv"]
    assert list(merged.parts) == names
    for name, (start, stop) in merged.parts.items():
        np.testing.assert_array_equal(merged.weight[start:stop], program.constants[f"{name}.weight"])
        np.testing.assert_array_equal(merged.bias[start:stop], program.constants[f"{name}.bias"])


def test_activation_and_residual_stand_with_their_linears():
    """The tensor has the name of the last operator that was fused."""
    program = small_program()
    gelu = named(program, "transformer.layer.0.ffn.gelu")
    added = named(program, "transformer.layer.0.ffn.add")
    assert (gelu.activation, gelu.residual) == ("gelu", None)
    assert (added.activation, added.residual) == (None, "transformer.layer.0.sa_layer_norm")
    assert added.x == gelu.out


def test_tables_are_added_in_the_order_of_the_program():
    """BERT adds types first; float32 sums depend on it."""
    (bert, *_), (distilbert, *_) = (lower(small_program(family=family)).steps for family in ("bert", "distilbert"))
    assert bert.ids == ("input_ids", "token_type_ids", None)
    assert distilbert.ids == ("input_ids", None)


@pytest.mark.parametrize(("recipe", "scales"), [
    ("w8a8-static", Scales.STATIC), ("w8a8-dynamic", Scales.TENSOR), ("w8a8-dynamic-token", Scales.TOKEN),
])  # fmt: skip
def test_codes_are_made_once_for_all_that_read_them(recipe, scales):
    """Four quantisations in a layer: before query, key and value, before the output, and before both of the FFN."""
    quantised = [step for step in lower(small_program(recipe)).steps if isinstance(step, Quantize)]
    assert len(quantised) == 8
    assert {step.scales for step in quantised} == {scales}
    assert {step.signed for step in quantised} == {scales is Scales.TOKEN}


@pytest.mark.parametrize("recipe", ["fp32", "w8a8-static"])
@pytest.mark.parametrize("block_shape", [(4, 1), (4, 4), (8, 2)])
def test_sparse_weights_get_their_zeros_back(recipe, block_shape):
    """As the operator ``unpack_block_sparse`` of the reference does."""
    program = small_program(recipe, sparsity=0.7, block_shape=block_shape)
    name = "transformer.layer.1.ffn.lin2"
    packed = (program.constants[f"{name}.weight.{part}"] for part in ("data", "indices", "indptr"))
    expected = ops.unpack_block_sparse(*packed, in_features=40)
    linear = named(program, "transformer.layer.1.ffn.add")
    np.testing.assert_array_equal(linear.weight, expected)
    assert linear.block_shape == (block_shape if recipe == "w8a8-static" else None)


def test_weight_only_codes_are_multiplied_by_their_scales_once():
    """As ``dequantize`` of the reference, rounded to float32."""
    program = small_program("w8a32")
    name = "transformer.layer.0.ffn.lin1.weight"
    expected = ops.dequantize(program.constants[f"{name}.codes"], program.constants[f"{name}.scale"], axis=0)
    np.testing.assert_array_equal(named(program, "transformer.layer.0.ffn.gelu").weight, expected.astype(np.float32))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", ["distilbert", "bert"])
def test_every_head_is_lowered(family, head):
    """Its outputs have the labels of the program."""
    program = small_program(family=family, head=head)
    assert list(lower(program).outputs) == list(program.outputs)


def test_start_and_end_of_an_answer_are_two_features_of_one_tensor():
    """Each without an axis of features."""
    outputs = lower(small_program(head="question-answering")).outputs
    assert outputs["start_logits"] == Output("qa_outputs", 0, 1, squeezed=True)
    assert outputs["end_logits"] == Output("qa_outputs", 1, 2, squeezed=True)


def test_an_unknown_step_is_refused_by_name():
    """With the operators that there are."""

    def function(ops, weights, input_ids):
        return {"y": ops.exp(ops.embedding(input_ids, weights["table"]))}

    specs = {"input_ids": TensorSpec("int64", ("batch", "sequence"))}
    program = trace("odd", function, specs, {"table": np.ones((3, 2), np.float32)})
    with pytest.raises(UnsupportedError, match=r"step exp: the fast engine has no exp; expected one of add, .*linear"):
        lower(program)


@pytest.mark.parametrize("shape", [(), (5,), ("batch", 0), ("batch", "sequence", 2)], ids=str)
def test_ids_that_are_not_sequences_are_refused(shape):
    """Rows are tokens of sequences."""
    specs = {"input_ids": TensorSpec("int64", shape)}
    table = {"table": np.ones((3, 2), np.float32)}
    program = trace(
        "odd", lambda ops, weights, input_ids: {"y": ops.embedding(input_ids, weights["table"])}, specs, table
    )
    with pytest.raises(
        UnsupportedError, match=r"embedding of .*; expected operand 0 to be an input \[batch, sequence\]"
    ):
        lower(program)


def test_codes_multiplied_with_another_scale_are_refused():
    """The step's scale is not the one with which the codes were made."""
    program = small_program("w8a8-static")
    step = next(step for step in program.steps if step.op == "quantized_linear")
    inputs_of_step = list(step.inputs)
    inputs_of_step[1] = "transformer.layer.0.ffn.gelu.quantized.scale"
    other = dataclasses.replace(step, inputs=tuple(inputs_of_step))
    changed = program.replace(steps=tuple(other if s is step else s for s in program.steps))
    with pytest.raises(UnsupportedError, match=r"q_lin: quantized_linear of .*; expected the scale and zero point of"):
        lower(changed)
