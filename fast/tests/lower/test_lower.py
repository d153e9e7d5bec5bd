"""Programs become the fused steps that one would write by hand, and what cannot is refused by name."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from small_models import HEADS, renamed, small_program

from distilspec.fast.lower.fused import Attention, Elementwise, Embed, LayerNorm, Linear, Output, Quantize, Scales
from distilspec.fast.lower.lower import lower
from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.tracer import trace

IDS = {"input_ids": TensorSpec("int64", ("batch", "sequence"))}
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


def traced(function, specs=IDS, **weights):
    """Return the program of a function of operators, weights, the embedded ids [batch, sequence, 6], and the inputs."""
    tables = {"table": np.arange(18, dtype=np.float32).reshape(3, 6), **weights}
    return trace(
        "odd",
        lambda ops, held, **given: {"y": function(ops, held, ops.embedding(given["input_ids"], held["table"]), given)},
        specs,
        tables,
    )


@pytest.mark.parametrize(("op", "nearest"), [
    (lambda ops, weights, x, _: ops.matmul(x, weights["m"]), "step matmul: .* no matmul; expected linear, the nearest"),
    (lambda ops, _, x, __: ops.softmax(x), "no softmax; expected scaled_dot_product_attention, the nearest"),
    (lambda ops, _, x, __: ops.erf(x), "no erf; expected gelu, the nearest"),
    (lambda ops, _, x, __: ops.exp(x), "no exp; expected one of distilspec.fast.OPERATORS"),
])  # fmt: skip
def test_an_unknown_step_is_refused_by_name(op, nearest):
    """With the nearest operator that there is."""
    with pytest.raises(UnsupportedError, match=nearest):
        lower(traced(op, m=np.ones((6, 2), np.float32)))


def test_an_operator_of_almost_the_same_name_is_the_nearest():
    """A program by hand may misspell one."""
    program = traced(lambda ops, _, x, __: ops.gelu(x))
    steps = tuple(dataclasses.replace(step, op="gelu_tan" if step.op == "gelu" else step.op) for step in program.steps)
    with pytest.raises(UnsupportedError, match="no gelu_tan; expected gelu_tanh, the nearest that it has"):
        lower(program.replace(steps=steps))


@pytest.mark.parametrize(("start", "stop", "expected"), [
    (1, 3, (1, 3)), (-2, 6, (4, 6)), (0, -1, (0, 5)), (2, None, (2, 6)), (4, 2, (4, 4)),
])  # fmt: skip
def test_features_are_counted_from_either_end(start, stop, expected):
    """As ``slice`` of the specification does."""
    program = traced(lambda ops, _, x, __: ops.slice(x, axis=2, start=start, stop=stop))
    assert lower(program).outputs["y"] == Output("embedding", *expected)


@pytest.mark.parametrize(("slices", "message"), [
    (lambda ops, x: ops.slice(x, axis=2, start=0, stop=6, step=2), "expected neighbours, step 1 in place of 2"),
    (lambda ops, x: ops.slice(x, axis=2, start=5, stop=0, step=-1), "expected neighbours, step 1 in place of -1"),
    (lambda ops, x: ops.slice(x, axis=0, start=0, stop=1), "expected some of the features of a tensor"),
])  # fmt: skip
def test_other_slices_of_tensors_are_refused(slices, message):
    """Not taken for neighbouring features."""
    with pytest.raises(UnsupportedError, match=f"step slice: slice of embedding; {message}"):
        lower(traced(lambda ops, _, x, __: slices(ops, x)))


@pytest.mark.parametrize(("attributes", "message"), [
    ({"start": 0, "stop": 1}, "expected the rows of a table from 0 until before sequence"),
    ({"start": 0, "stop": None}, "expected the rows of a table from 0 until before sequence"),
    ({"start": 3, "stop": 4}, "expected the rows of a table from 0 until before sequence"),
    ({"start": 0, "stop": 1, "step": 2}, "expected neighbours, step 1 in place of 2"),
])  # fmt: skip
def test_positions_other_than_those_of_the_tokens_are_refused(attributes, message):
    """One row for all tokens, which the specification broadcasts, is no row a token."""

    def model(ops, weights, x, _):
        return ops.add(x, ops.slice(weights["positions"], axis=0, **attributes))

    with pytest.raises(UnsupportedError, match=message):
        lower(traced(model, positions=np.ones((1 if attributes["stop"] is None else 8, 6), np.float32)))


def test_positions_that_start_later_are_refused():
    """Whoever has given the rows that are left another name of their number."""
    program = small_program()
    later = tuple(
        dataclasses.replace(step, attributes={**step.attributes, "start": 1}) if step.op == "slice" else step
        for step in program.steps
    )
    with pytest.raises(UnsupportedError, match="expected the rows of a table from 0 until before sequence"):
        lower(program.replace(steps=later))


def test_tables_of_other_widths_are_refused():
    """A column that the specification broadcasts over the features would be read as rows."""

    def model(ops, weights, x, given):
        _, sequence = given["input_ids"].shape
        return ops.add(x, ops.slice(weights["column"], axis=0, start=0, stop=sequence))

    with pytest.raises(UnsupportedError, match="expected operand 1 to be floats in rows of features"):
        lower(traced(model, column=np.ones((8, 1), np.float32)))


def test_what_one_step_cannot_add_is_added_by_another():
    """Embeddings of three inputs."""
    specs = {name: TensorSpec("int64", ("batch", "sequence")) for name in ("input_ids", "types", "cases")}

    def model(ops, weights, x, given):
        for name in ("types", "cases"):
            x = ops.add(x, ops.embedding(given[name], weights["table"]))
        return x

    assert kinds(traced(model, specs)) == [Embed, Embed, Elementwise]


def split(ops, x):
    """Return [batch, sequence, 3, 2] of [batch, sequence, 6]."""
    return ops.reshape(x, shape=(*x.shape[:2], 3, 2))


def turned(ops, x):
    """Return x with its second and third axis exchanged."""
    return ops.transpose(x, axes=(0, 2, 1, 3))


def joined(ops, x, rows):
    """Return the elements of x with the rows given, whatever is in them."""
    return ops.reshape(x, shape=(*rows, 6))


def attention(ops, x, *mask):
    """Return the attention of x to itself."""
    return ops.scaled_dot_product_attention(x, x, x, *mask, scale=1.0)


def by_sequence(ops, x):
    """Return attention of [batch, sequence, 6] read as [sequence, batch, 6]."""
    batch, sequence, _ = x.shape
    heads = turned(ops, ops.reshape(x, shape=(sequence, batch, 3, 2)))
    return joined(ops, turned(ops, attention(ops, heads)), (sequence, batch))


@pytest.mark.parametrize(("tokens", "model"), [
    (3, lambda ops, x: joined(ops, turned(ops, split(ops, x)), x.shape[:2])),
    (3, lambda ops, x: joined(ops, attention(ops, turned(ops, split(ops, x))), x.shape[:2])),
    ("sequence", lambda ops, x: joined(ops, attention(ops, split(ops, x)), x.shape[:2])),
    ("sequence", lambda ops, x: joined(ops, attention(ops, turned(ops, turned(ops, split(ops, x)))), x.shape[:2])),
    ("sequence", lambda ops, x: attention(ops, turned(ops, split(ops, x)))),
    ("sequence", lambda ops, x: ops.l2_normalize(attention(ops, turned(ops, split(ops, x))))),
    ("sequence", by_sequence),
])  # fmt: skip
def test_heads_and_tokens_are_not_confused(tokens, model):
    """A reshape without the transpose before it, or after it, mixes them."""
    specs = {"input_ids": TensorSpec("int64", ("batch", tokens))}
    with pytest.raises(UnsupportedError):
        lower(traced(lambda ops, _, x, __: model(ops, x), specs))


def test_an_attention_that_two_steps_join_is_refused():
    """It would have two names."""

    def model(ops, _, x, __):
        context = attention(ops, turned(ops, split(ops, x)))
        return ops.add(*(joined(ops, turned(ops, context), x.shape[:2]) for _ in range(2)))

    with pytest.raises(UnsupportedError, match="expected features split into heads, or heads joined"):
        lower(traced(model))


@pytest.mark.parametrize("name", ["attention_mask", "keep", "unmask"])
@pytest.mark.parametrize("head", ["sentence-embedding", "sequence-classification"])
def test_masks_are_what_is_read_as_masks(name, head):
    """By attention and by pooling, whatever they are called."""
    program = renamed(small_program(family="bert", head=head), "attention_mask", name)
    assert lower(program).masks == (name,)
    assert lower(renamed(program, "token_type_ids", "types_mask")).masks == (name,)


def test_inputs_of_the_wrong_type_are_no_masks():
    """Nor is one whose sequences attention would take for queries."""
    program = small_program(head="sentence-embedding")
    ids = program.inputs["input_ids"]
    with pytest.raises(UnsupportedError, match=r"expected a mask that is a bool input \[batch, sequence\]"):
        lower(program.replace(inputs={"input_ids": ids, "attention_mask": ids}))
    specs = {**IDS, "keep": TensorSpec("bool", ("sequence", "sequence"))}
    with pytest.raises(UnsupportedError, match="expected a mask that is a bool input of the program with axes 1 and 2"):
        lower(traced(lambda ops, _, x, given: attention(ops, turned(ops, split(ops, x)), given["keep"]), specs))


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


def test_tokens_of_another_name_are_refused():
    """An engine takes its shape from them, and no call could give them."""
    with pytest.raises(UnsupportedError, match="inputs tokens, attention_mask; expected input_ids, the tokens, among"):
        lower(renamed(small_program(), "input_ids", "tokens"))


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
