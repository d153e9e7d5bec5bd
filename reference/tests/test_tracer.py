"""Recording: names, constants, shapes, and what a model may not do while it is recorded."""

from __future__ import annotations

import operator
from fractions import Fraction

import numpy as np
import pytest
import tiny
from hypothesis import given
from refusal import refused

from distilspec.reference import ops
from distilspec.reference.contract.errors import ShapeError, SymbolError, UnsupportedError
from distilspec.reference.contract.scope import scope
from distilspec.reference.contract.symbols import Symbol
from distilspec.reference.contract.types import TensorSpec, dtype_name
from distilspec.reference.program import ProgramError, resolve
from distilspec.reference.tracer import Builder, Traced, Tracer, Weights, trace

X = TensorSpec("float", ("batch", 4))
PROGRAM = tiny.program()


def record(function, weights=()):
    """Trace a function of ops, weights and one input."""
    return trace("recorded", function, {"x": X}, dict(weights))


def names(program):
    """Return the names of the steps in order."""
    return [step.name for step in program.steps]


@given(tiny.inputs())
def test_a_program_computes_what_the_model_function_computes(inputs):
    """The function run on the reference itself and the recorded program agree bit for bit, at every size."""
    direct = tiny.tiny(ops, Weights(tiny.weights(), lambda array, _: array), **inputs)

    recorded = PROGRAM.run(ops, inputs)

    assert recorded.keys() == direct.keys()
    for label, value in direct.items():
        assert recorded[label].dtype == value.dtype
        assert recorded[label].tobytes() == value.tobytes()


@given(tiny.inputs())
def test_recorded_dtypes_and_shapes_hold_at_every_size(inputs):
    """They are found with two witness inputs, and must be true of all."""
    batch, sequence = inputs["input_ids"].shape

    values = PROGRAM.run(ops, inputs, keep=list(PROGRAM.tensors))

    for name, spec in PROGRAM.tensors.items():
        assert dtype_name(np.asarray(values[name])) == spec.dtype
        assert values[name].shape == resolve(spec.shape, {"batch": batch, "sequence": sequence})


def test_steps_have_the_names_of_weights_or_of_scopes():
    """A weight's name without ``.weight``, the scope and the operator otherwise, a number when a name is taken."""
    assert names(PROGRAM) == [
        "embeddings.word",
        "embeddings.position",
        "embeddings.add",
        "layer.dynamic_quantize",
        "layer.dequantize",
        "layer.query",
        "layer.reshape",
        "layer.transpose",
        "layer.unsqueeze",
        "layer.scaled_dot_product_attention",
        "layer.scaled_dot_product_attention_1",
        "concat",
        "transpose",
        "reshape",
        "slice",
        "decoder",
    ]


def test_the_results_of_a_step_are_named_after_it():
    """The first has the step's name, the others add the fields of the operator's result."""
    step = PROGRAM.maker("layer.dynamic_quantize")

    assert step.outputs == (
        "layer.dynamic_quantize",
        "layer.dynamic_quantize.scale",
        "layer.dynamic_quantize.zero_point",
    )
    assert [str(PROGRAM.spec(name)) for name in step.outputs] == [
        "uint8 [batch, sequence, 4]",
        "float32 []",
        "uint8 []",
    ]


def test_tags_mark_the_steps_inside_their_scope():
    """A scope may give a tag without a name."""
    tagged = [step.name for step in PROGRAM.steps if "encoder" in step.tags]

    assert tagged == [name for name in names(PROGRAM) if name.startswith("layer.")]
    assert all(step.tags in ((), ("encoder",)) for step in PROGRAM.steps)


def test_scopes_nest_and_end():
    """Also when the model raises inside one."""

    def model(ops, weights, x):
        with scope("outer"), scope("inner", tag="deep"):
            x = ops.negate(x)
        with pytest.raises(ShapeError), scope("lost"):
            ops.add(x, np.ones(3))
        return {"y": ops.negate(x)}

    assert names(record(model)) == ["outer.inner.negate", "negate"]


def test_one_array_is_one_constant_whatever_it_is_called():
    """The decoder's weight is the table of words: both steps have their own name, and the array is stored once."""
    assert set(PROGRAM.constants) == {"embeddings.word.weight", "embeddings.position.weight", "layer.query.weight"}
    assert PROGRAM.maker("decoder").inputs[1] == "embeddings.word.weight"


def test_constants_that_no_step_reads_are_left_out():
    """A model reads every weight it names, and a head may ignore the result."""
    program = record(lambda ops, weights, x: {"y": ops.add(x, weights["b"]), "w": weights["c"]}, tiny_weights("abc"))

    assert set(program.constants) == {"b", "c"}


def tiny_weights(letters):
    """Return one distinct array a letter."""
    return {letter: np.full(4, float(index), np.float32) for index, letter in enumerate(letters)}


def test_numbers_and_arrays_in_a_model_become_constants():
    """They have no name of their own."""
    program = record(lambda ops, _, x: {"y": ops.add(ops.multiply(x, 2.0), np.ones(4))})

    assert {name: array.tolist() for name, array in program.constants.items()} == {
        "constant_0": 2.0,
        "constant_1": [1, 1, 1, 1],
    }
    assert program.run(ops, {"x": np.ones((1, 4))})["y"].tolist() == [[3, 3, 3, 3]]


def test_arrays_that_live_only_while_they_are_lifted_keep_their_values():
    """Memory that is free again may hold the next array, at the same address."""
    tracer = Tracer(Builder("p", {"x": X}, {"recipe": "fp32"}))
    for index in range(50):
        for _ in range(2):
            assert tracer.constant(np.full(3, float(index)), f"w{index}").name == f"w{index}"

    assert {name: array.tolist() for name, array in tracer._builder.constants.items()} == {
        f"w{index}": [index] * 3 for index in range(50)
    }


def test_absent_operands_are_kept_in_the_middle_and_dropped_at_the_end():
    """As are results that are passed through a step without a name."""

    def model(ops, weights, x):
        codes = ops.constant(np.uint8([[1], [2], [3], [4]]), "b")
        left, _, zero_point = ops.dynamic_quantize(x)
        first = ops.matmul_integer(left, codes, None, zero_point)
        return {"first": first, "second": ops.matmul_integer(left, codes, zero_point, None)}

    first, second = (record(model).maker(f"matmul_integer{suffix}") for suffix in ("", "_1"))

    assert first.inputs == ("dynamic_quantize", "b", None, "dynamic_quantize.zero_point")
    assert second.inputs == ("dynamic_quantize", "b", "dynamic_quantize.zero_point")


def test_attributes_are_plain_values():
    """Symbols become names, NumPy's numbers Python's, lists tuples; only what the model gave is stored."""

    def model(ops, weights, x):
        y = ops.reshape(x, shape=[x.shape[0], np.int64(2), 2])
        return {"y": ops.l2_normalize(y, epsilon=np.float32(0.5)), "z": ops.slice(x, axis=0, start=0, stop=x.shape[0])}

    reshape, l2_normalize, slice = record(model).steps

    assert reshape.attributes == {"shape": ("batch", 2, 2)}
    assert [type(item) for item in reshape.attributes["shape"]] == [str, int, int]
    assert l2_normalize.attributes == {"epsilon": 0.5}
    assert type(l2_normalize.attributes["epsilon"]) is float
    assert slice.attributes == {"axis": 0, "start": 0, "stop": "batch"}


def test_a_size_that_is_no_integer_is_refused():
    """It would be cut to one otherwise."""
    with pytest.raises(TypeError, match="float"):
        record(lambda ops, _, x: {"y": ops.reshape(x, shape=(x.shape[0], 4.5))})


def test_a_step_that_cannot_run_is_refused_while_it_is_recorded():
    """By the check of the reference operator itself."""
    with refused(ShapeError, "LIN-C1"):
        record(lambda ops, _, x: {"y": ops.linear(x, np.ones((2, 5), np.float32))})


def test_operators_that_do_not_exist_are_refused():
    """By name."""
    with pytest.raises(AttributeError, match="softermax"):
        record(lambda ops, _, x: {"y": ops.softermax(x)})
    with refused(UnsupportedError, "step s needs operator softermax"):
        Builder("p", {"x": X}, {"recipe": "fp32"}).emit("s", "softermax", ["x"])


def test_a_name_means_one_constant():
    """The same values again are the same constant; others, or the name of an input or a step, are refused."""
    builder = Builder("p", {"x": X}, {"recipe": "fp32"})
    builder.emit("y", "negate", ["x"])

    assert builder.constant("w", np.float32([1, 2])) == builder.constant("w", np.float32([1, 2])) == "w"
    for name, array in (("w", np.float32([1, 3])), ("w", np.array([1.0, 2.0])), ("x", np.ones(1)), ("y", np.ones(1))):
        with refused(ProgramError, f"constant {name} "):
            builder.constant(name, array)


def test_a_dimension_must_be_fixed_or_a_symbol():
    """Twice the batch is neither."""
    with refused(SymbolError, "step concat: a dimension is"):
        record(lambda ops, _, x: {"y": ops.concat(x, x, axis=0)})


def test_a_program_replayed_on_the_tracer_is_recorded_again():
    """The tracer is a namespace like any other: values stay, names come from the operators."""
    builder = Builder("again", PROGRAM.inputs, PROGRAM.properties)
    traced = PROGRAM.run(Tracer(builder), {name: Traced(name, spec) for name, spec in PROGRAM.inputs.items()})
    again = builder.finish({label: tensor.name for label, tensor in traced.items()})
    inputs = {"input_ids": np.array([[0, 4, 2]]), "attention_mask": np.array([[1, 1, 0]])}

    assert [step.op for step in again.steps] == [step.op for step in PROGRAM.steps]
    assert [spec.shape for spec in again.tensors.values()] == [spec.shape for spec in PROGRAM.tensors.values()]
    expected, got = PROGRAM.run(ops, inputs), again.run(ops, inputs)
    assert {label: value.tolist() for label, value in got.items()} == {
        label: value.tolist() for label, value in expected.items()
    }


def test_a_tensor_has_no_truth_while_it_is_traced():
    """A program has the same steps for every input."""
    with refused(SymbolError, "tensor x: a model branched on its value"):
        record(lambda ops, _, x: {"y": ops.negate(x) if x else x})


@pytest.mark.parametrize(
    "use",
    [
        bool,
        int,
        float,
        len,
        range,
        *(lambda size, op=op: op(size, 2) for op in (operator.eq, operator.ne, operator.lt, operator.le)),
        *(lambda size, op=op: op(2, size) for op in (operator.eq, operator.ne, operator.gt, operator.ge)),
        *(lambda size, op=op: op(size, 2) for op in (operator.add, operator.sub, operator.mul, operator.mod)),
        *(lambda size, op=op: op(2, size) for op in (operator.add, operator.sub, operator.mul, operator.mod)),
        *(lambda size, op=op: op(size, 2) for op in (operator.floordiv, operator.truediv, operator.pow)),
        *(lambda size, op=op: op(2, size) for op in (operator.floordiv, operator.truediv, operator.pow)),
        operator.neg,
        abs,
        lambda size: max(size, 1),
        lambda size: size in (1, 2),
        lambda size: [1, 2][size],
        lambda size: size + Symbol("sequence"),
        lambda size: Fraction(1, 2) * size,
    ],
)
def test_nothing_can_be_decided_or_calculated_with_a_size_that_is_not_known(use):
    """The message names the symbol and says why."""
    with refused(SymbolError, "symbol batch: .* because a program must be the same for every size"):
        use(Symbol("batch"))


def test_a_symbol_can_be_passed_on_and_shown():
    """Equal dimensions are the same object, so that they can be told apart without a comparison."""
    first, second = (Traced(name, X).shape[0] for name in "ab")

    assert first is second
    assert repr(first) == f"{first}" == "batch"


def test_weights_are_seen_part_by_part():
    """A view has the names of its part, and lifts with the full one."""
    arrays = {"a.b.weight": np.ones(1), "a.b.bias": np.ones(2), "a.c": np.ones(3), "ab.weight": np.ones(4)}
    lifted = []
    view = Weights(arrays, lambda array, name: lifted.append(name) or array.size).at("a")

    assert list(view) == ["b.weight", "b.bias", "c"]
    assert len(view) == 3
    assert "b.weight" in view
    assert "weight" not in view
    assert dict(view.at("b")) == {"weight": 1, "bias": 2}
    assert lifted[-2:] == ["a.b.weight", "a.b.bias"]
    with pytest.raises(KeyError, match=r"a\.d"):
        view["d"]
