"""``read_onnx`` of what ``write_onnx`` wrote: operators, encoders under every recipe, calculations with sizes."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest
from encoders import batch, small_bert
from float32_bounds import float32_bound
from onnx import TensorProto, helper, numpy_helper
from onnx_evaluation import assert_within, evaluate
from operator_cases import CASES, Constant, one_step
from refusal import refused

from distilspec.reference import ops
from distilspec.reference.contract.errors import DTypeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.formats.onnx_reader import read_onnx
from distilspec.reference.formats.onnx_writer import write_onnx
from distilspec.reference.formats.saved import load_program, save_program
from distilspec.reference.models.build import build_program, random_weights
from distilspec.reference.models.config import DistilBertConfig
from distilspec.reference.program import resolve
from distilspec.reference.recipes import apply_recipe, calibrate, prune

#: Float64 rounds at 2**-53 where float32 rounds at 2**-24; a bound that is linear in the unit roundoff shrinks by that.
FLOAT64 = 2.0**-29

DISTILBERT = build_program(
    config := DistilBertConfig(
        vocab_size=40, hidden_size=32, num_layers=2, num_heads=4, intermediate_size=64, max_positions=16
    ),
    "sequence-classification",
    random_weights(config, "sequence-classification", seed=3),
)


def again(program, folder, **options):
    """Return the program written, saved as a file, and read."""
    path = folder / "model.onnx"
    onnx.save(write_onnx(program, **options), path)
    return read_onnx(path)


def fed(inputs):
    """Return the inputs as a user of the ONNX model feeds them: masks as int64."""
    return {name: value.astype(np.int64) if value.dtype == np.bool_ else value for name, value in inputs.items()}


def _rounded(value):
    return float(np.float32(value)) if isinstance(value, float) else value


def in_float32(program):
    """Return the program with the attributes that ONNX rounds to float32 rounded already."""
    steps = [
        dataclasses.replace(step, attributes={key: _rounded(value) for key, value in step.attributes.items()})
        for step in program.steps
    ]
    return program.replace(steps=tuple(steps))


@pytest.mark.parametrize("opset", [13, 17, 18, 20, 21])
@pytest.mark.parametrize(("op", "operands", "attributes"), CASES)
def test_an_operator_is_read_back(op, operands, attributes, opset, tmp_path):
    """The operator's ONNX form, with constants in float32, is within its float32 bound when evaluated in float64."""
    program, inputs = one_step(op, operands, attributes)
    arrays = tuple(operand.array if isinstance(operand, Constant) else operand for operand in operands)
    kinds = {node.op_type for node in write_onnx(program, opset=opset).graph.node}
    if op == "matmul_integer" and "MatMul" in kinds:
        with refused(DTypeError, "int32"):
            again(program, tmp_path, opset=opset)
        return

    read = again(program, tmp_path, opset=opset)

    with np.errstate(all="ignore"):
        expected, got = program.run(ops, inputs), read.run(ops, fed(inputs))
        for label, value in expected.items():
            bound = float32_bound(op, arrays, attributes, value) + 2.0**-23 * np.abs(value)
            result = got[label]
            assert (result.dtype.kind, result.shape) == (value.dtype.kind, value.shape)
            same = (result == value) | (np.isnan(result) & np.isnan(value))
            assert (same | (np.abs(np.subtract(result, value, dtype=np.float64)) <= bound)).all()


def compressed(program, recipe, block_shape):
    """Return the program under a recipe, block-sparse if a block shape is given."""
    if block_shape:
        program = prune(program, sparsity=0.5, block_shape=block_shape, pack=True)
    inputs = {name: value for name, value in batch().items() if name in program.inputs}
    ranges = calibrate(program, [inputs], recipe=recipe) if Recipe(recipe).is_calibrated else None
    return apply_recipe(program, recipe, calibration=ranges)


@pytest.mark.parametrize("recipe", list(Recipe))
@pytest.mark.parametrize("base", [small_bert(), DISTILBERT], ids=["bert", "distilbert"])
def test_every_step_of_an_encoder_is_read_back(base, recipe, tmp_path):
    """
    Given the operands of the original's step, the steps that were read give its result.

    Integers are equal, and floats within the bound of an evaluation of the step's formula, in any order, in float64.
    The exception is a scale a token, which ONNX spells with a real division: it may be the float32 next to that of
    the recipe, and a code one beside its own.
    """
    program = in_float32(compressed(base, recipe, None))
    read = again(program, tmp_path, opset=20)
    inputs = program.checked({name: value for name, value in batch().items() if name in program.inputs})
    sizes = dict(zip(("batch", "sequence"), inputs["input_ids"].shape, strict=True))
    values = program.run(ops, inputs, keep=tuple(program.tensors)) | inputs

    assert read.recipe == recipe
    for step in program.steps:
        made = [name for name in step.outputs if name in read.tensors]
        given = [name for name in step.inputs if name in values and name not in program.constants]
        part = read.extract(made, given)
        results = part.run(ops, fed({name: values[name] for name in part.inputs}))
        operands = tuple(program.constants.get(name, values.get(name)) for name in step.inputs)
        attributes = {key: resolve(value, sizes) for key, value in step.attributes.items()}
        for name in made:
            expected, got = values[name], results[name]
            if step.op == "dynamic_quantize_token":
                ulp = 1 if expected.dtype == np.int8 else 2.0**-23 * np.abs(expected)
                assert (np.abs(np.subtract(got, expected, dtype=np.float64)) <= ulp).all()
            elif expected.dtype.kind == "f":
                bound = FLOAT64 * float32_bound(step.op, operands, attributes, expected)
                assert (np.abs(got - expected) <= bound).all(), step.name
            else:
                assert np.array_equal(got, expected), step.name


@pytest.mark.parametrize("block_shape", [(4, 1), (4, 4), (16, 4)])
@pytest.mark.parametrize("recipe", list(Recipe))
def test_a_sparse_encoder_is_read_as_the_dense_one_with_zeros(recipe, block_shape, tmp_path):
    """ONNX has no block-sparse matrix, so what is read of both is the same program with the same results."""
    sparse = prune(DISTILBERT, sparsity=0.5, block_shape=block_shape, pack=True)
    dense = prune(DISTILBERT, sparsity=0.5, block_shape=block_shape, pack=False)
    inputs = {name: value for name, value in batch().items() if name in DISTILBERT.inputs}
    ranges = calibrate(dense, [inputs], recipe=recipe) if Recipe(recipe).is_calibrated else None

    results = [
        again(apply_recipe(program, recipe, calibration=ranges), tmp_path, opset=20).run(ops, fed(inputs))["logits"]
        for program in (sparse, dense)
    ]

    assert results[0].tobytes() == results[1].tobytes()


def test_a_program_that_was_read_can_be_saved(tmp_path):
    """Names, attributes and shapes are those that the saved form takes."""
    read = again(DISTILBERT, tmp_path)

    save_program(read, tmp_path / "saved")

    assert load_program(tmp_path / "saved").steps == read.steps
    assert read.inputs["attention_mask"] == TensorSpec("int64", ("batch", "sequence"))
    assert read.name == "model"


def graph(nodes, inputs, outputs, *, constants=None, opset=17):
    """Return a model of ``nodes``; ``inputs`` and ``outputs`` are name: (element type, shape)."""
    values = [
        [helper.make_tensor_value_info(name, *described) for name, described in given.items()]
        for given in (inputs, outputs)
    ]
    arrays = [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
    made = helper.make_graph(nodes, "graph", *values, initializer=arrays)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def read(model, folder):
    """Return the program of a model that lies in a file."""
    onnx.save(model, folder / "model.onnx")
    return read_onnx(folder / "model.onnx")


IDS = {"ids": (TensorProto.INT64, ["b", "s"])}
X = {"x": (TensorProto.FLOAT, ["b", "s", 6])}
Y = {"y": (TensorProto.FLOAT, None)}


def node(op, inputs, output, **attributes):
    """Return a node with one output."""
    return helper.make_node(op, inputs.split(), [output], output, **attributes)


SIZES = {
    "merged heads": (
        X,
        [
            node("Shape", "x", "shape"),
            node("Gather", "shape zero", "b"),
            node("Gather", "shape one", "s"),
            node("Unsqueeze", "b first", "b1"),
            node("Unsqueeze", "s first", "s1"),
            node("Concat", "b1 s1 two last", "split", axis=0),
            node("Reshape", "x split", "heads"),
            node("Transpose", "heads", "swapped", perm=[0, 2, 1, 3]),
            node("Concat", "minus s1 last", "flat", axis=0),
            node("Reshape", "swapped flat", "merged"),
            node("Transpose", "merged", "turned", perm=[0, 2, 1]),
            node("Concat", "b1 two last s1", "apart", axis=0),
            node("Reshape", "turned apart", "y"),
        ],
        ["reshape", "transpose", "transpose"],
    ),
    "positions": (
        IDS,
        [
            node("Shape", "ids", "shape"),
            node("Gather", "shape one", "s"),
            node("Range", "zero s one", "range"),
            node("Unsqueeze", "range first", "positions"),
            node("Gather", "table positions", "rows"),
            node("Gather", "table ids", "words"),
            node("Add", "rows words", "y"),
        ],
        ["slice", "unsqueeze", "embedding", "add"],
    ),
    "flat mask": (
        IDS,
        [
            node("Shape", "ids", "shape"),
            node("Gather", "shape zero", "b"),
            node("Gather", "shape one", "s"),
            node("Range", "zero b one", "rows"),
            node("Range", "zero s one", "columns"),
            node("Unsqueeze", "rows ends", "rows2"),
            node("Mul", "rows2 s", "starts"),
            node("Add", "starts columns", "places"),
            node("GreaterOrEqual", "places zero", "inside"),
            node("Flatten", "ids", "flat", axis=2),
            node("Gather", "flat places", "taken", axis=0),
            node("Squeeze", "taken minus", "bare"),
            node("Where", "inside bare zero", "kept"),
            node("Cast", "kept", "y", to=TensorProto.FLOAT),
        ],
        ["unsqueeze", "unsqueeze", "squeeze", "expand", "where", "cast"],
    ),
    "expanded by -1": (
        IDS,
        [
            node("Shape", "ids", "shape"),
            node("Shape", "shape", "rank"),
            node("ConstantOfShape", "rank", "ones", value=helper.make_tensor("", TensorProto.INT64, [1], [1])),
            node("Mul", "ones minus", "negative"),
            node("Equal", "shape negative", "asks"),
            node("Where", "asks ones shape", "whole"),
            node("Expand", "half whole", "y"),
        ],
        ["expand"],
    ),
}


@pytest.mark.parametrize("case", SIZES)
def test_calculations_with_sizes_are_done_while_reading(case, tmp_path):
    """Only the steps that move or calculate data are left, and they are right for every batch and sequence."""
    inputs, nodes, expected = SIZES[case]
    constants = {
        "zero": np.int64(0),
        "one": np.int64(1),
        "first": np.int64([0]),
        "ends": np.int64([1, 2]),
        "two": np.int64([2]),
        "last": np.int64([3]),
        "minus": np.int64([-1]),
        "table": np.arange(48, dtype=np.float32).reshape(12, 4),
        "half": np.float32(0.5),
    }
    model = graph(nodes, inputs, Y, constants=constants)

    program = read(model, tmp_path)

    if case != "flat mask":
        assert [step.op for step in program.steps] == expected
    for shape in ((1, 1), (3, 2), (2, 5)):
        feed = {"ids": np.arange(np.prod(shape)).reshape(shape)} if inputs is IDS else {}
        feed = feed or {"x": np.arange(np.prod(shape) * 6, dtype=np.float32).reshape(*shape, 6)}
        assert_within(program.run(ops, feed)["y"].astype(np.float32), evaluate(model, feed)["y"], 0.0)


OTHER_NODES = {
    "clip": ([node("Clip", "x low", "y")], 13),
    "split": ([helper.make_node("Split", ["x"], ["left", "y"], axis=-1)], 13),
    "old split": ([helper.make_node("Split", ["x"], ["left", "y"], axis=2, split=[2, 4])], 11),
    "gemm": ([node("Squeeze", "rows", "m", axes=[0]), node("Gemm", "m w b", "y", transB=1, alpha=0.5)], 11),
    "old softmax": ([node("Softmax", "x", "y", axis=2)], 11),
    "nan": ([node("Sqrt", "x", "r"), node("IsNaN", "r", "n"), node("Where", "n low r", "y")], 13),
    "pairs": ([node("Max", "x low b6", "m"), node("Sum", "m m x", "y")], 13),
    "not less": ([node("LessOrEqual", "x low", "below"), node("Not", "below", "n"), node("Where", "n x low", "y")], 13),
    "dropout": ([node("Dropout", "x", "d", ratio=0.5), node("Identity", "d", "y")], 11),
    "reduce all": ([node("ReduceMax", "x", "y", keepdims=0)], 13),
    "slice": ([node("Slice", "x from to axes steps", "y")], 13),
    "qlinear": (
        [
            node("QuantizeLinear", "x scale zp", "q"),
            node("QLinearMatMul", "q scale zp c scale zc scale zp", "p"),
            node("DequantizeLinear", "p scale zp", "y"),
        ],
        13,
    ),
}


@pytest.mark.parametrize("case", OTHER_NODES)
def test_nodes_that_are_not_written_are_read(case, tmp_path):
    """Their steps agree with ONNX's own evaluator to a few roundings of float32."""
    nodes, opset = OTHER_NODES[case]
    constants = {
        "low": np.float32(0.25),
        "b6": np.float32([0, 1, -1, 2, -2, 0]),
        "rows": np.arange(12, dtype=np.float32).reshape(1, 2, 6),
        "w": np.arange(18, dtype=np.float32).reshape(3, 6),
        "b": np.float32([1, 2, 3]),
        "from": np.int64([-1, 0]),
        "to": np.int64([-(2**63), 2**63 - 1]),
        "axes": np.int64([2, 1]),
        "steps": np.int64([-2, 1]),
        "scale": np.float32(0.5),
        "zp": np.uint8(7),
        "c": np.arange(-6, 6, dtype=np.int8).reshape(6, 2),
        "zc": np.int8(1),
    }
    model = graph(nodes, X, Y, constants=constants, opset=opset)
    x = np.random.default_rng(2).standard_normal((2, 3, 6)).astype(np.float32)

    program = read(model, tmp_path)

    with np.errstate(invalid="ignore"):
        got, expected = program.run(ops, {"x": x})["y"], evaluate(model, {"x": x})["y"]
    assert got.shape == expected.shape
    assert np.allclose(got, expected, rtol=2.0**-20, atol=0)


ROUNDED = {
    "shifted, then clipped": (
        [
            node("Div", "x scale", "q"),
            node("Round", "q", "r"),
            node("Add", "r zero", "s"),
            node("Clip", "s low high", "c"),
            node("Sub", "c zero", "d"),
            node("Mul", "d scale", "y"),
        ],
        0,
        255,
    ),
    "symmetric, in seven bits": (
        [node("Round", "x", "r"), node("Clip", "r low high", "c"), node("Mul", "c scale", "y")],
        -63,
        63,
    ),
    "clipped before": (
        [node("Clip", "x low high", "c"), node("Round", "c", "r"), node("Mul", "r scale", "y")],
        -1,
        2,
    ),
}


@pytest.mark.parametrize("case", ROUNDED)
def test_a_quantisation_that_is_spelt_out_is_one_step(case, tmp_path):
    """Q-S3: Round is half to even, and the codes are those between the limits; ties of both signs are among them."""
    nodes, low, high = ROUNDED[case]
    constants = {"scale": np.float32(0.5), "zero": np.float32(7), "low": np.float32(low), "high": np.float32(high)}
    x = np.arange(-72, 72, dtype=np.float32).reshape(4, 6, 6) / 4
    model = graph(nodes, X, Y, constants=constants)

    program = read(model, tmp_path)

    assert [step.op for step in program.steps].count("quantize") == 1
    assert np.array_equal(program.run(ops, {"x": x})["y"], evaluate(model, {"x": x})["y"])


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("Round", "x", "r"), node("Mul", "r scale", "y")], "'r' is rounded; expected a Clip to 8 bits first"),
        ([node("Round", "x", "y")], "'y' is rounded"),
        ([node("Round", "x", "r"), node("Clip", "r low wide", "y")], "limits within those of 8 bits"),
        ([node("Round", "x", "r"), node("Clip", "r low", "y")], "limits within those of 8 bits"),
        ([node("Round", "x", "r"), node("Add", "r scale", "a"), node("Clip", "a low high", "y")], "is no uint8"),
        (
            [node("Round", "x", "r"), node("Add", "r x", "a"), node("Clip", "a low high", "y")],
            "is calculated; expected a zero point of uint8",
        ),
        ([node("Round", "x", "r"), node("Add", "r r", "y")], "adds two rounded numbers"),
        (
            [
                node("Round", "x", "r"),
                node("Add", "r zero", "a"),
                node("Add", "a zero", "b"),
                node("Clip", "b low high", "y"),
            ],
            "adds to a rounded number again",
        ),
    ],
)
def test_rounding_without_codes_is_refused(nodes, message, tmp_path):
    """Programs round to codes of 8 bits and to nothing else."""
    numbers = {"scale": 0.5, "zero": 7, "low": 0, "high": 255, "wide": 300}
    model = graph(nodes, X, Y, constants={name: np.float32(number) for name, number in numbers.items()})

    with refused(UnsupportedError, message):
        read(model, tmp_path)
