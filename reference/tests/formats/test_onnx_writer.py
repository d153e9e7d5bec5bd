"""``write_onnx`` in ONNX's own evaluator: every operator alone, symbolic sizes, and what is refused."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from float32_bounds import float32_bound
from hypothesis import given
from hypothesis import strategies as st
from onnx_evaluation import assert_within, evaluate
from operator_cases import BLOCK_SPARSE, CASES, Constant, one_step, real, small
from refusal import refused

from distilspec.reference import ops
from distilspec.reference.contract.errors import RangeError, UnsupportedError
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.formats.onnx_forms import FORMS, graph
from distilspec.reference.formats.onnx_writer import write_onnx
from distilspec.reference.program import ProgramError
from distilspec.reference.tracer import trace

#: 13 has neither LayerNormalization nor Gelu, 17 has the first, 20 both; from 18 on, reductions take axes as an input.
OPSETS = (13, 17, 18, 20, 21)


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize(("op", "operands", "attributes"), CASES)
def test_an_operator_means_in_onnx_what_it_means_here(op, operands, attributes, opset):
    """The written model, in ONNX's own evaluator, stays within the operator's float32 bound of the reference."""
    program, inputs = one_step(op, operands, attributes)

    got = evaluate(write_onnx(program, opset=opset), inputs)

    arrays = [operand.array if isinstance(operand, Constant) else operand for operand in operands]
    with np.errstate(all="ignore"):
        expected = program.run(ops, inputs)
        for label, value in expected.items():
            assert_within(got[label], value, float32_bound(op, tuple(arrays), attributes, value))


PRODUCTS = [case for case in CASES if case[0].startswith("quantized_")]


@pytest.mark.parametrize(("op", "operands", "attributes"), PRODUCTS)
def test_a_product_of_codes_means_the_same_on_operators_of_codes(op, operands, attributes):
    """Form qoperator: no DequantizeLinear is left, and the reference is as near as in the other form."""
    program, inputs = one_step(op, operands, attributes)

    written = write_onnx(program, form="qoperator")

    arrays = [operand.array if isinstance(operand, Constant) else operand for operand in operands]
    assert not [node for node in written.graph.node if node.op_type == "DequantizeLinear"]
    got = evaluate(written, inputs)
    for label, value in program.run(ops, inputs).items():
        assert_within(got[label], value, float32_bound(op, tuple(arrays), attributes, value))


def test_a_product_without_a_bias_that_gives_codes_is_one_operator():
    """QL-S4: QLinearMatMul quantises what MatMulInteger, Cast, Mul and QuantizeLinear do in the form with a bias."""
    rng = np.random.default_rng(4)
    weight, scales = rng.integers(-127, 128, (5, 16)).astype(np.int8), np.float32([0.02, 0.03, 0.05, 0.07, 0.11])
    scale, zero_point, y_scale = np.float32(0.13), np.uint8(131), np.float32(9.7)
    x = rng.integers(0, 256, (2, 3, 16)).astype(np.uint8)

    def product(ops, weights, x):
        given = [weights[name] for name in ("scale", "zero", "weight", "scales", "y_scale", "y_zero")]
        return {"y": ops.quantized_linear(x, *given[:4], None, *given[4:])}

    held = {"scale": scale, "zero": zero_point, "weight": weight, "scales": scales, "y_scale": y_scale}
    held = {name: np.asarray(array) for name, array in held.items()} | {"y_zero": np.asarray(zero_point)}
    program = trace("product", product, {"x": TensorSpec("uint8", ("batch", "sequence", 16))}, held)

    written = write_onnx(program, form="qoperator")

    assert [node.op_type for node in written.graph.node] == ["QLinearMatMul", "Identity"]
    real = (np.float64(x) - 131) @ weight.T * scales * np.float64(scale) / y_scale
    assert np.array_equal(evaluate(written, {"x": x})["y"], np.clip(np.rint(real) + 131, 0, 255))


def test_another_form_is_refused():
    """The two forms are named."""
    program, _ = one_step("absolute", [np.ones(2, np.float32)], {})

    with refused(RangeError, "form is 'qop'; expected one of qdq, qoperator"):
        write_onnx(program, form="qop")


def test_every_operator_has_a_form_with_its_own_parameters_or_prepares_weights():
    """The attributes' names and defaults in a form are the operator's, and each form is tested above."""
    for name, form in FORMS.items():
        _, *written = inspect.signature(form).parameters.values()
        specified = inspect.signature(ops.OPERATORS[name]).parameters.values()
        assert [(p.name, p.kind, p.default) for p in written] == [(p.name, p.kind, p.default) for p in specified], name
    assert {op for op, _, _ in CASES} == set(FORMS)


def moved(ops, weights, x):
    """Move the elements of ``x`` [batch, sequence, 4] about, with every kind of symbolic size."""
    batch, sequence, _ = x.shape
    split = ops.reshape(x, shape=(batch, sequence, 2, 2))
    swapped = ops.transpose(split, axes=(2, 1, 0, 3))
    return {
        "same place": split,
        "inferred": ops.reshape(swapped, shape=(2, sequence, 2, -1)),
        "read": ops.reshape(swapped, shape=(4, batch, sequence)),
        "expanded": ops.expand(ops.reshape(weights["row"], shape=(1, 1, 8)), shape=(sequence, batch, 8)),
        "kept": ops.expand(x, shape=(3, batch, 1, 4)),
        "sliced": ops.slice(weights["row"], axis=0, start=0, stop=sequence),
        "backwards": ops.slice(x, axis=1, start=-1, stop=None, step=-1),
    }


MOVED = trace("moved", moved, {"x": TensorSpec("float", ("batch", "sequence", 4))}, {"row": real(8)})


@pytest.mark.parametrize("opset", OPSETS)
@given(batch=st.integers(1, 3), sequence=st.integers(1, 8))
def test_symbolic_sizes_follow_the_input(opset, batch, sequence):
    """One written model serves every batch and every sequence length."""
    x = np.arange(batch * sequence * 4, dtype=np.float32).reshape(batch, sequence, 4)

    got = evaluate(write_onnx(MOVED, opset=opset), {"x": x})

    for label, expected in MOVED.run(ops, {"x": x}).items():
        assert_within(got[label], expected, 0.0)


@given(data=st.data(), size=st.integers(0, 6))
def test_slices_have_the_bounds_of_python(data, size):
    """Negative bounds, an absent stop and steps of both signs."""
    step = data.draw(st.sampled_from([-3, -1, 1, 2]))
    start = data.draw(st.integers(-size, size if step > 0 else size - 1)) if size else 0
    stop = data.draw(st.none() | st.integers(-size, size))
    if step < 0 and size == 0:
        step = 1
    attributes = {"axis": 0, "start": start, "stop": stop, "step": step}
    program, inputs = one_step("slice", [np.arange(size)], attributes)

    got = evaluate(write_onnx(program), inputs)["result 0"]

    assert got.tolist() == list(range(size))[start:stop:step]


def test_static_sizes_leave_nothing_symbolic():
    """With both sizes given, no dimension has a name, no Shape is computed, and the values are the same."""
    model = write_onnx(MOVED, static_shapes={"batch": 2, "sequence": 3})
    x = real(2, 3, 4)

    values = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    assert all(size.dim_value for value in values for size in value.type.tensor_type.shape.dim)
    assert "Shape" not in {node.op_type for node in model.graph.node}
    for label, expected in MOVED.run(ops, {"x": x}).items():
        assert_within(evaluate(model, {"x": x})[label], expected, 0.0)


def tanh_program(label="y", shape=("batch", 2)):
    """Return a program of one step ``tanh`` on ``x``."""
    return trace("one tanh", lambda ops, _, x: {label: ops.tanh(x)}, {"x": TensorSpec("float", shape)}, {})


def test_names_that_would_collide_are_lengthened():
    """A program may itself have a tensor with the name of a helper tensor."""
    weights = {"linear/weight": small(3, 4), "linear/product": small(3)}

    def function(ops, weights, x):
        return {"y": ops.linear(x, weights["linear/weight"], weights["linear/product"])}

    program = trace("collision", function, {"x": TensorSpec("float", ("batch", 4))}, weights)
    x = small(2, 4)

    model = write_onnx(program)

    assert [node.output[0] for node in model.graph.node] == ["linear/product_", "linear", "y"]
    assert_within(evaluate(model, {"x": x})["y"], program.run(ops, {"x": x})["y"], 0.0)


def test_what_cannot_be_written_is_refused(monkeypatch):
    """An operator without a form, an opset outside the range, unknown tensors and sizes, and more than 2 GB."""
    pack, _ = one_step("pack_block_sparse", [real(4, 4)], {"block_shape": (2, 2)})
    moving, _ = one_step("block_sparse_linear", [small(3, 6), BLOCK_SPARSE[0].array, *BLOCK_SPARSE[1:]], {})
    program = tanh_program()

    with refused(UnsupportedError, "step step needs operator pack_block_sparse"):
        write_onnx(pack)
    with refused(UnsupportedError, "is not constant"):
        write_onnx(moving)
    with refused(UnsupportedError, "tokens without elements"):
        write_onnx(one_step("dynamic_quantize_token", [real(2, 0)], {})[0])
    with refused(UnsupportedError, "opset is 12"):
        write_onnx(program, opset=12)
    with refused(ProgramError, "exposed tensor relu"):
        write_onnx(program, expose=["relu"])
    with refused(RangeError, "static size for sequence"):
        write_onnx(program, static_shapes={"sequence": 3})
    with refused(RangeError, "static size of batch is 0"):
        write_onnx(program, static_shapes={"batch": 0})
    with refused(ProgramError, "output x is what goes in"):
        write_onnx(program.replace(outputs={"x": "x"}))
    with refused(ProgramError, "output x is the tensor tanh"):
        write_onnx(tanh_program(label="x"))
    monkeypatch.setattr(graph, "LARGEST_MODEL", 20)
    with refused(UnsupportedError, "more than 20 bytes"):
        write_onnx(MOVED)
