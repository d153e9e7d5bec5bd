"""Programs: what they refuse, how they are evaluated, cut and shown."""

from __future__ import annotations

import weakref
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from refusal import refused

from distilspec.reference import ops
from distilspec.reference.contract.errors import DTypeError, RangeError, ShapeError, UnsupportedError
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.program import Program, ProgramError, Step
from distilspec.reference.tracer import Builder

PROGRAM = tiny.program()
IDS = np.array([[0, 4, 2], [1, 1, 3]])
MASK = np.array([[True, True, False], [True, True, True]])
FED = {"input_ids": IDS, "attention_mask": MASK}
TENSORS = [*PROGRAM.inputs, *PROGRAM.tensors]

ROW = TensorSpec("float", ("batch", 2))


def chain(*steps, inputs=None, outputs=None, constants=None):
    """Return a program of the given steps, whose results are all rows."""
    return Program(
        "chain",
        inputs or {"x": ROW},
        constants or {},
        steps,
        outputs or {"y": steps[-1].name},
        {output: ROW for step in steps for output in step.outputs},
    )


def negate(name, operand):
    """Return a step."""
    return Step(name, "negate", (operand,), (name,))


def same(left, right):
    """Return whether two values are equal bit for bit."""
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: chain(negate("y", "z")), "step y reads z; expected an input, a constant or an earlier"),
        (lambda: chain(negate("y", "y")), "step y reads y"),
        (lambda: chain(negate("y", "z"), negate("z", "x")), "step y reads z"),
        (lambda: chain(negate("y", "x"), negate("y", "x")), "y is made twice"),
        (lambda: chain(negate("x", "x")), "x is made twice"),
        (lambda: chain(negate("y", "x"), constants={"y": np.ones(2)}), "y is made twice"),
        (lambda: chain(negate("y", "x"), constants={"x": np.ones(2)}), "x is an input and a constant"),
        (lambda: chain(Step("y", "negate", ("x",), ("z",))), "step y has outputs .*; expected its own name first"),
        (lambda: chain(Step("y", "negate", ("x",), ())), "step y has outputs"),
        (lambda: chain(negate("y", "x"), outputs={"logits": "z"}), "output logits is z; expected an existing tensor"),
        (lambda: chain(negate("y", "x")).replace(tensors={}), "y has no dtype and shape"),
        (
            lambda: chain(Step("y", "reshape", ("x",), ("y",), {"shape": ("sequence", 2)})),
            "step y needs the size of sequence; expected a dimension of an input",
        ),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(make, message):
    """When the program is made, before anything runs."""
    with refused(ProgramError, message):
        make()


def test_an_absent_operand_and_a_constant_output_are_no_mistakes():
    """``None`` stands for the first; a program may return what it was given."""
    step = Step("y", "softmax", ("x", None), ("y",), {"axis": -1})
    program = chain(step, outputs={"y": "y", "x": "x", "w": "w"}, constants={"w": np.float32([7])})

    found = program.run(ops, {"x": np.zeros((1, 2))})

    assert {label: value.tolist() for label, value in found.items()} == {"y": [[0.5, 0.5]], "x": [[0, 0]], "w": [7]}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"input_ids": None}, ShapeError, "input input_ids is missing; expected input_ids, attention_mask"),
        ({"token_type_ids": IDS}, ShapeError, "unknown input token_type_ids; expected input_ids, attention_mask"),
        ({"input_ids": IDS[0]}, ShapeError, r"input input_ids has shape \(3,\); expected int64 \[batch, sequence\]"),
        ({"input_ids": IDS.tolist()}, DTypeError, "input input_ids is a list; expected an array int64"),
        (
            {"input_ids": IDS.astype(np.float32)},
            DTypeError,
            "input_ids has dtype float32; expected int32 or int64",
        ),
        ({"attention_mask": MASK[:1]}, ShapeError, "input attention_mask has batch = 1; expected 2 because another"),
        ({"attention_mask": MASK[:, :2]}, ShapeError, "input attention_mask has sequence = 2; expected 3"),
        ({"attention_mask": MASK + 1}, RangeError, "input attention_mask holds other values than 0 and 1"),
        (
            {"attention_mask": MASK.astype(np.float32)},
            DTypeError,
            "attention_mask has dtype float32; expected bool",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_refused(changes, error, message):
    """By ``run`` and by ``evaluate``."""
    inputs = {name: value for name, value in {**FED, **changes}.items() if value is not None}

    with refused(error, message):
        PROGRAM.run(ops, inputs)
    with refused(error, message):
        next(PROGRAM.evaluate(ops, inputs))


def test_a_fixed_dimension_is_checked():
    """A symbol takes any size, a number only itself."""
    program = chain(negate("y", "x"))

    assert program.run(ops, {"x": np.zeros((5, 2), np.float32)})["y"].shape == (5, 2)
    with refused(ShapeError, r"input x has shape \(5, 3\); expected float \[batch, 2\]"):
        program.run(ops, {"x": np.zeros((5, 3))})


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.int8])
def test_a_mask_of_zeros_and_ones_is_a_mask(dtype):
    """Tokenizers give integers; inside a program masks are boolean, and the caller's array stays as it is."""
    mask = MASK.astype(dtype)
    mask.flags.writeable = False

    found = PROGRAM.run(ops, {**FED, "attention_mask": mask}, keep=["attention_mask"])

    assert found["attention_mask"].dtype == np.bool_
    assert same(found["logits"], PROGRAM.run(ops, FED)["logits"])


def test_ids_may_be_int32():
    """They become int64, so that every operator sees one type."""
    found = PROGRAM.run(ops, {**FED, "input_ids": IDS.astype(np.int32)}, keep=["input_ids"])

    assert found["input_ids"].dtype == np.int64
    assert same(found["logits"], PROGRAM.run(ops, FED)["logits"])


def test_a_sequence_longer_than_the_table_of_positions_is_refused():
    """By the clause of ``slice``: nothing is clipped."""
    length = tiny.POSITIONS + 1
    long = {"input_ids": np.zeros((1, length), np.int64), "attention_mask": np.ones((1, length), np.bool_)}

    with refused(RangeError, "SLC-C3"):
        PROGRAM.run(ops, long)


def test_a_namespace_without_the_operator_is_refused():
    """By the names of the step and of the operator."""
    lacking = SimpleNamespace(constant=ops.constant, embedding=ops.embedding)

    with refused(UnsupportedError, "step embeddings.position needs operator slice"):
        PROGRAM.run(lacking, FED)


def test_every_step_is_yielded_with_its_values():
    """Operands as they went in, absent ones too; attributes with sizes; every result."""
    evaluations = {evaluation.step.name: evaluation for evaluation in PROGRAM.evaluate(ops, FED)}

    assert list(evaluations) == [step.name for step in PROGRAM.steps]
    assert evaluations["layer.reshape"].attributes == {"shape": (2, 3, 2, 2)}
    assert evaluations["embeddings.position"].attributes == {"axis": 0, "start": 0, "stop": 3}
    assert [value.dtype for value in evaluations["layer.dynamic_quantize"].results] == [np.uint8, np.float32, np.uint8]
    assert len(evaluations["layer.scaled_dot_product_attention"].arguments) == 4
    for evaluation in evaluations.values():
        again = getattr(ops, evaluation.step.op)(*evaluation.arguments, **evaluation.attributes)
        again = again if len(evaluation.results) > 1 else (again,)
        assert all(same(left, right) for left, right in zip(again, evaluation.results, strict=True))


def test_an_absent_operand_is_passed_as_none():
    """The mask of attention here."""
    step = Step("y", "softmax", ("x", None), ("y",))

    (evaluation,) = chain(step).evaluate(ops, {"x": np.zeros((1, 2))})

    assert evaluation.arguments[1] is None


def test_values_are_forgotten_after_their_last_use():
    """A long chain holds two values at a time: the operand and the result of the step."""
    length = 20
    names = ["x", *(f"y{index}" for index in range(length))]
    program = chain(*(negate(name, operand) for operand, name in pairwise(names)))
    made = []
    for evaluation in program.evaluate(ops, {"x": np.ones((3, 2))}):
        made.append(weakref.ref(evaluation.results[0]))
        del evaluation
        alive = [index for index, reference in enumerate(made) if reference() is not None]
        assert set(alive) <= {len(made) - 2, len(made) - 1}


def test_results_that_nobody_reads_are_forgotten():
    """The codes of a dynamic quantisation of which only the scale is used, for example."""
    builder = Builder("p", {"x": ROW}, {"recipe": "fp32"})
    _, scale, _ = builder.emit("codes", "dynamic_quantize", ["x"])
    builder.emit("y", "negate", [scale])
    steps = builder.finish({"y": "y"}).evaluate(ops, {"x": np.ones((3, 2))})

    unread = weakref.ref(next(steps).results[0])
    next(steps)

    assert unread() is None


def test_run_keeps_what_it_is_asked_for():
    """Inputs, constants and the second result of a step included, by their own names beside the labels."""
    keep = ["attention_mask", "embeddings.word.weight", "layer.dynamic_quantize.scale", "decoder"]

    found = PROGRAM.run(ops, FED, keep=keep)

    assert list(found) == ["logits", "codes", *keep]
    assert same(found["decoder"], found["logits"])
    assert same(found["embeddings.word.weight"], tiny.weights()["embeddings.word.weight"])
    assert found["layer.dynamic_quantize.scale"].dtype == np.float32


@pytest.mark.parametrize("name", ["logits", "nowhere"])
def test_run_cannot_keep_what_does_not_exist(name):
    """A label of an output is no name of a tensor."""
    with refused(ProgramError, f"tensor {name} does not exist"):
        PROGRAM.run(ops, FED, keep=[name])


def test_inputs_and_constants_are_never_written():
    """Read-only arrays pass through every step."""
    constants = {name: array.copy() for name, array in PROGRAM.constants.items()}
    for array in constants.values():
        array.flags.writeable = False
    inputs = {name: array.copy() for name, array in FED.items()}
    for array in inputs.values():
        array.flags.writeable = False

    assert same(PROGRAM.replace(constants=constants).run(ops, inputs)["logits"], PROGRAM.run(ops, FED)["logits"])


@given(
    tiny.inputs(),
    st.lists(st.sampled_from(TENSORS), min_size=1, max_size=3, unique=True),
    st.lists(st.sampled_from(TENSORS), unique=True),
)
def test_every_cut_computes_the_values_of_the_whole(inputs, outputs, given_names):
    """From any tensors to any others; and no step is in it whose results nobody needs."""
    whole = PROGRAM.run(ops, inputs, keep=TENSORS)

    part = PROGRAM.extract(outputs, given_names)
    found = part.run(ops, {name: whole[name] for name in part.inputs})

    assert list(found) == outputs
    assert all(same(np.asarray(found[name]), np.asarray(whole[name])) for name in outputs)
    read = {name for step in part.steps for name in step.inputs} | set(outputs)
    assert all(set(step.outputs) & read for step in part.steps)
    assert set(part.constants) <= read


@given(st.lists(st.sampled_from(TENSORS), unique=True), st.sampled_from(TENSORS))
def test_given_tensors_are_inputs_unless_they_must_be_made(given_names, output):
    """They are made if they are asked for, or come from a step that is needed for another result."""
    part = PROGRAM.extract([output], given_names)

    for step in part.steps:
        taken = set(step.outputs) & set(given_names) - {output}
        needed = {name for other in part.steps for name in other.inputs} | {output}
        assert not taken or needed & set(step.outputs) - set(given_names) or output in step.outputs
    assert set(part.inputs) <= {*given_names, *PROGRAM.inputs}


def test_a_cut_needs_only_what_lies_between():
    """One linear from the tensor before it."""
    part = PROGRAM.extract(["layer.query"], ["layer.dequantize", "logits"])

    assert [step.name for step in part.steps] == ["layer.query"]
    assert part.inputs == {"layer.dequantize": TensorSpec("float", ("batch", "sequence", 4))}
    assert set(part.constants) == {"layer.query.weight"}
    assert part.properties == PROGRAM.properties


def test_a_step_of_which_only_some_results_are_given_is_evaluated_as_a_whole():
    """Its other results exist nowhere else, and a tensor has one maker."""
    part = PROGRAM.extract(["layer.dequantize"], ["layer.dynamic_quantize", "embeddings.add"])

    assert [step.name for step in part.steps] == ["layer.dynamic_quantize", "layer.dequantize"]
    assert list(part.inputs) == ["embeddings.add"]


def test_a_cut_keeps_an_input_for_the_size_of_a_dimension():
    """The positions depend on no value, but on how long the sequence is."""
    part = PROGRAM.extract(["embeddings.position"])

    assert list(part.inputs) == ["input_ids"]
    assert part.run(ops, {"input_ids": IDS})["embeddings.position"].shape == (3, 4)


def test_a_cut_to_what_does_not_exist_is_refused():
    """By its name."""
    with refused(ProgramError, "output logits is logits; expected an existing tensor"):
        PROGRAM.extract(["logits"])


def test_the_maker_of_a_tensor_is_a_step():
    """Inputs and constants have none."""
    assert PROGRAM.maker("layer.dynamic_quantize.scale").name == "layer.dynamic_quantize"
    assert PROGRAM.maker("input_ids") is None
    assert PROGRAM.maker("layer.query.weight") is None


def test_every_tensor_has_a_dtype_and_a_shape():
    """Inputs, constants and results."""
    assert str(PROGRAM.spec("attention_mask")) == "bool [batch, sequence]"
    assert str(PROGRAM.spec("layer.query.weight")) == "float32 [4, 4]"
    assert str(PROGRAM.spec("layer.transpose")) == "float [batch, 2, sequence, 2]"
    with refused(ProgramError, "tensor nowhere does not exist"):
        PROGRAM.spec("nowhere")


def test_a_replaced_field_is_checked_again():
    """A pass that renames a tensor in one place only is found."""
    assert PROGRAM.replace(properties={"recipe": "w8a8-static"}).recipe == "w8a8-static"
    with refused(ProgramError, "reads input_ids"):
        PROGRAM.replace(inputs={})


def test_the_text_form_fits_a_human():
    """One line a step: name, operator, operands, attributes, and what it makes."""
    assert str(PROGRAM.extract(["layer.query", "layer.dequantize"], ["layer.reshape"])) == (
        "program tiny (recipe fp32)\n"
        "inputs\n"
        "  input_ids: int64 [batch, sequence]\n"
        "steps\n"
        "  embeddings.word        = embedding(input_ids, embeddings.word.weight): float [batch, sequence, 4]\n"
        "  embeddings.position    = slice(embeddings.position.weight, axis=0, start=0, stop=sequence): "
        "float32 [sequence, 4]\n"
        "  embeddings.add         = add(embeddings.word, embeddings.position): float [batch, sequence, 4]\n"
        "  layer.dynamic_quantize = dynamic_quantize(embeddings.add): "
        "uint8 [batch, sequence, 4], float32 [], uint8 []\n"
        "  layer.dequantize       = dequantize(layer.dynamic_quantize, layer.dynamic_quantize.scale, "
        "layer.dynamic_quantize.zero_point): float [batch, sequence, 4]\n"
        "  layer.query            = linear(layer.dequantize, layer.query.weight): float [batch, sequence, 4]\n"
        "outputs\n"
        "  layer.query = layer.query: float [batch, sequence, 4]\n"
        "  layer.dequantize = layer.dequantize: float [batch, sequence, 4]\n"
        "6 steps, 3 constants, 72 numbers, 0.0 MB"
    )
    assert "(input_ids, -, shape=(batch, 2))" in str(
        chain(Step("y", "reshape", ("input_ids", None), ("y",), {"shape": ("batch", 2)}), inputs={"input_ids": ROW})
    )
