"""What an adapter is given: a written program, or a user's own file with more outputs and nothing else changed."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from refusal import refused
from small_encoder import BATCH, ENCODER

from distilspec.conformance.runtimes import find_runtime, onnx_source
from distilspec.conformance.runtimes.onnx_source import UserOnnx, WrittenOnnx
from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.formats.onnx_reader import read_onnx

TABLE = np.arange(24, dtype=np.float32).reshape(6, 4) / 8
CODES = np.arange(-8, 8, dtype=np.int8).reshape(4, 4)

NODES = [
    ("Gather", "table ids", "rows", {"axis": 0}),
    ("Unsqueeze", "mask last", "kept", {}),
    ("Where", "kept rows zero", "masked", {}),
    ("DynamicQuantizeLinear", "masked", "codes the_scale the_zero", {}),
    ("MatMulInteger", "codes weight the_zero", "sums", {}),
    ("Cast", "sums", "real", {"to": TensorProto.FLOAT}),
    ("Mul", "real the_scale", "line\nbreak", {}),
    ("BiasGelu", "line\nbreak bias", "gelu", {"domain": "com.microsoft"}),
    ("Identity", "gelu", "answer", {}),
]
INPUTS = {"ids": (TensorProto.INT32, ["rows", "tokens"]), "mask": (TensorProto.BOOL, ["rows", "tokens"])}
FED = {"ids": np.array([[1, 5, 2], [4, 0, 3]], np.int32), "mask": np.array([[True, True, False], [True, False, True]])}


@pytest.fixture
def path(tmp_path):
    """Return a user's file: other input types than ours, an alias, a name that cannot be printed, data outside."""
    constants = {"table": TABLE, "last": np.int64([2]), "zero": np.float32(0), "weight": CODES, "bias": TABLE[0]}
    graph = helper.make_graph(
        [
            helper.make_node(op, inputs.split(" "), outputs.split(" "), **attributes)
            for op, inputs, outputs, attributes in NODES
        ],
        "graph",
        [helper.make_tensor_value_info(name, *described) for name, described in INPUTS.items()],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, None)],
        initializer=[numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    onnx.save(model, tmp_path / "mine.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    return tmp_path / "mine.onnx"


def test_a_users_file_keeps_its_names_and_shows_what_its_nodes_make(path):
    """The results of DynamicQuantizeLinear have names of the program; what is inside BiasGelu cannot be shown."""
    source = UserOnnx(path, read_onnx(path))

    assert source.labels == {"answer": "answer"}
    shown = source.tensors
    assert shown["codes.scale"] == "the_scale"
    assert shown["codes.zero_point"] == "the_zero"
    assert shown["line_break"] == "line\nbreak"
    assert "gelu/biased" in source.program.tensors
    assert "gelu/biased" not in shown
    assert list(shown) == [name for name in source.program.tensors if name in shown]


def test_showing_adds_outputs_and_changes_nothing_else(path):
    """Everything that can be shown becomes an output of the type that it has; the file itself stays as it was."""
    source, before = UserOnnx(path, read_onnx(path)), path.read_bytes()

    plain, shown = source.model(), source.model(list(source.tensors))

    assert [value.name for value in plain.graph.output] == ["answer"]
    assert [value.name for value in shown.graph.output] == ["answer", *source.tensors.values()]
    types = {value.name: value.type.tensor_type.elem_type for value in shown.graph.output}
    assert types["the_zero"] == TensorProto.UINT8
    assert types["sums"] == TensorProto.INT32
    assert types["rows"] == TensorProto.FLOAT
    del shown.graph.output[1:]
    assert shown == plain
    assert path.read_bytes() == before


def test_external_data_is_inside_the_model(path):
    """A runtime is given one message, wherever the file lies."""
    model = UserOnnx(path, read_onnx(path)).model()

    assert not [tensor for tensor in model.graph.initializer if tensor.data_location == TensorProto.EXTERNAL]
    assert np.array_equal(numpy_helper.to_array(model.graph.initializer[0]), TABLE)


def test_inputs_have_the_types_of_the_file(path):
    """A mask of 0 and 1 becomes boolean where the file wants it so, and ids int32; ours are int64."""
    given = {"ids": FED["ids"], "mask": FED["mask"].astype(np.int64)}

    feeds = UserOnnx(path, read_onnx(path)).feeds(given)

    assert {name: array.dtype for name, array in feeds.items()} == {"ids": np.int32, "mask": np.bool_}
    written = WrittenOnnx(ENCODER).feeds(BATCH | {"attention_mask": BATCH["attention_mask"].astype(bool)})
    assert {array.dtype for array in written.values()} == {np.dtype(np.int64)}


def test_real_numbers_are_fed_in_float32(tmp_path):
    """The reference holds them in float64, which a file that declares FLOAT does not take."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", 2]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "graph", values[:1], values[1:])
    path = tmp_path / "abs.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    program = read_onnx(path)

    for source in (UserOnnx(path, program), WrittenOnnx(program)):
        assert source.feeds({"x": np.float64([[0.1, -2.0]])})["x"].dtype == np.float32


def test_a_model_that_no_message_can_hold_is_refused(path, monkeypatch):
    """External data may be larger than what a runtime can be given at once."""
    program = read_onnx(path)
    monkeypatch.setattr(onnx_source, "LARGEST_MODEL", 100)

    with refused(
        UnsupportedError, "mine.onnx: the model has [0-9]+ bytes with its external data; expected at most 100"
    ):
        UserOnnx(path, program).model()


@pytest.mark.parametrize("level", ["disable", "all"])
def test_onnx_runtime_computes_and_shows_the_users_own_graph(level, path):
    """Integers are equal, and every tensor that survives has the program's value to a few roundings."""
    program = read_onnx(path)
    executable = find_runtime("onnxruntime", {"level": level}).load_onnx(path, program)

    survivors = executable.survivors()
    got = executable.run_exposed(FED, survivors)

    expected = program.run(ops, FED, keep=survivors)
    assert {"answer", *survivors} == set(got)
    if level == "disable":
        assert {"codes", "codes.scale", "codes.zero_point", "sums", "line_break", "gelu"} < set(survivors)
    for name, value in got.items():
        want = expected[name]
        assert value.dtype == (np.float32 if want.dtype == np.float64 else want.dtype)
        tolerance = 2.0**-20 * np.abs(want).max() if want.dtype.kind == "f" else 0
        assert np.abs(np.subtract(value, want, dtype=np.float64)).max() <= tolerance
    assert got["answer"].tobytes() == executable.run(FED)["answer"].tobytes()


def test_a_written_program_shows_all_of_its_tensors():
    """Every tensor has its own name in the graph, and the outputs come first."""
    source = WrittenOnnx(ENCODER, 20)
    last = list(ENCODER.tensors)[-3]

    model = source.model([last])

    assert list(source.tensors) == list(ENCODER.tensors)
    assert [value.name for value in model.graph.output] == ["sentence_embedding", last] == source.names([last])
    assert model.opset_import[0].version == 20
    assert source.values([np.zeros(1), np.ones(2)], [last])[last].size == 2
