"""``read_onnx`` of files that are broken, hostile or beyond what is supported: each is one line."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from refusal import refused

from distilspec.reference.contract.errors import ContractError, FormatError, RangeError, UnsupportedError
from distilspec.reference.formats.named_models import load_model
from distilspec.reference.formats.onnx_nodes import node as node_module
from distilspec.reference.formats.onnx_nodes import tensor_file
from distilspec.reference.formats.onnx_reader import read_onnx


def model(*nodes, constants=(), opset=17, shape=("b", "s", 4), outputs=("y",)):
    """Return a model with the float input ``x``."""
    values = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in given]
        for given in ([("x", shape)], [(name, None) for name in outputs])
    ]
    graph = helper.make_graph(list(nodes), "graph", *values, initializer=list(constants))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(op, inputs, output="y", **attributes):
    """Return a node with one output."""
    return helper.make_node(op, inputs.split(), [output], output, **attributes)


def tensor(array, name="c", **changes):
    """Return an initializer with some fields changed."""
    made = numpy_helper.from_array(np.asarray(array), name)
    for field, value in changes.items():
        if field == "dims":
            del made.dims[:]
            made.dims.extend(value)
        else:
            setattr(made, field, value)
    return made


def external(size=4, **entries):
    """Return a float initializer of ``size`` elements that lies in a file of its own."""
    made = TensorProto(name="c", data_type=TensorProto.FLOAT, dims=[size], data_location=TensorProto.EXTERNAL)
    for key, value in entries.items():
        made.external_data.add(key=key, value=str(value))
    return made


def read(proto, folder):
    """Read a message from a file."""
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return read_onnx(path)


ADD = node("Add", "x c")
ONES = np.ones(4, np.float32)

BROKEN_TENSORS = {
    "few bytes": (tensor(ONES, dims=[5]), "has 16 bytes"),
    "many bytes": (tensor(ONES, dims=[3]), "has 16 bytes"),
    "negative": (tensor(ONES, dims=[-4]), "dimensions"),
    "two negatives": (tensor(ONES, dims=[-2, -2]), "dimensions"),
    "huge": (tensor(ONES, dims=[2**62, 2**62]), "dimensions"),
    "huge and empty": (tensor(ONES, dims=[0, 2**62]), "dimensions"),
    "many axes": (tensor(ONES, dims=[1] * 40 + [4]), "dimensions"),
    "few elements": (helper.make_tensor("c", TensorProto.FLOAT, [4], ONES), None),
    "other bytes": (tensor(np.array([True]), raw_data=b"\x02"), "other bytes"),
}


@pytest.mark.parametrize("case", BROKEN_TENSORS)
def test_a_tensor_that_does_not_fit_its_bytes_is_refused(case, tmp_path):
    """Nothing is allocated by what the dimensions claim."""
    broken, message = BROKEN_TENSORS[case]
    if message is None:
        broken.float_data.append(1)
        message = "has 5 elements"

    with refused(FormatError, message):
        read(model(ADD, constants=[broken]), tmp_path)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"location": "/etc/passwd"}, "relative path"),
        ({"location": "../weights"}, "relative path"),
        ({"location": "below/../../weights"}, "relative path"),
        ({"location": ""}, "relative path"),
        ({}, "relative path"),
        ({"location": "a\nb"}, "relative path"),
        ({"location": "link"}, "leads out"),
        ({"location": "missing"}, "which is no file"),
        ({"location": "."}, "which is no file"),
        ({"location": "weights", "offset": 4}, "ends at byte 20"),
        ({"location": "weights", "offset": 2**62}, "ends at byte"),
        ({"location": "weights", "offset": -1}, "offset '-1'"),
        ({"location": "weights", "offset": "9" * 40}, "offset"),
        ({"location": "weights", "length": 8}, "has length 8"),
        ({"location": "weights", "size": 2**40}, "ends at byte"),
    ],
)
def test_external_data_stays_in_its_folder_and_its_file(entries, message, tmp_path):
    """Paths that leave the folder, by themselves or by a link, and more bytes than there are."""
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "weights").write_bytes(ONES.tobytes())
    (folder / "weights").write_bytes(ONES.tobytes())
    (folder / "link").symlink_to(tmp_path / "weights")

    with refused(FormatError, message):
        read(model(ADD, constants=[external(**entries)]), folder)


def test_external_data_is_read(tmp_path):
    """A file beside the model, at an offset; and the same bytes are not claimed by many tensors."""
    (tmp_path / "weights").write_bytes(b"abcd" + ONES.tobytes())
    fitting = external(location="weights", offset=4, length=16)
    another = external(location="weights", offset=4)
    another.name = "d"

    assert np.array_equal(read(model(ADD, constants=[fitting]), tmp_path).constants["c"], ONES)
    with refused(FormatError, "claim more than the 20 bytes"):
        read(model(ADD, constants=[fitting, another]), tmp_path)


def with_change(change):
    """Return a valid model after ``change``."""
    changed = model(ADD, constants=[tensor(ONES)])
    change(changed)
    return changed


BROKEN_MODELS = {
    "cycle": (model(node("Add", "x b", "a"), node("Add", "x a", "b"), node("Add", "a b")), FormatError, "reads 'b'"),
    "missing input": (model(node("Add", "x nothing")), FormatError, "reads 'nothing'"),
    "made twice": (model(node("Abs", "x"), node("Neg", "x")), FormatError, "made twice"),
    "makes an input": (model(node("Abs", "x", "x"), node("Abs", "x")), FormatError, "made twice"),
    "two initializers": (model(ADD, constants=[tensor(ONES), tensor(ONES)]), FormatError, "occurs twice"),
    "absent output": (model(node("Abs", "x", "z")), FormatError, "the outputs are"),
    "no output": (model(helper.make_node("Abs", ["x"], [])), FormatError, "has no output"),
    "two attributes": (
        with_change(lambda m: m.graph.node[0].attribute.extend([helper.make_attribute("axis", 1)] * 2)),
        FormatError,
        "occurs twice",
    ),
    "an attribute of another type": (model(node("Softmax", "x", axis=1.5)), FormatError, "another type"),
    "an unknown attribute": (model(node("Abs", "x", axis=1)), UnsupportedError, "attributes 'axis'"),
    "a second output": (model(helper.make_node("Abs", ["x"], ["y", "z"])), FormatError, "the output 'z'"),
    "functions": (with_change(lambda m: m.functions.add()), UnsupportedError, "functions"),
    "training": (with_change(lambda m: m.training_info.add()), UnsupportedError, "training information"),
    "sparse": (with_change(lambda m: m.graph.sparse_initializer.add()), UnsupportedError, "sparse initializers"),
    "strings": (model(ADD, constants=[helper.make_tensor("c", 8, [1], [b"a"])]), UnsupportedError, "STRING"),
    "half": (
        model(ADD, constants=[tensor(ONES.astype(np.float16))]),
        UnsupportedError,
        "'c' is FLOAT16; expected FLOAT",
    ),
    "double": (
        model(ADD, constants=[tensor(ONES.astype(np.float64))]),
        UnsupportedError,
        "'c' is DOUBLE; expected FLOAT",
    ),
    "a cast to half": (model(node("Cast", "x", to=TensorProto.FLOAT16)), UnsupportedError, "casts to FLOAT16"),
    "zeros of half": (
        model(node("ConstantOfShape", "c", value=tensor(np.float16([0]))), constants=[tensor(np.int64([1]))]),
        UnsupportedError,
        "its value is FLOAT16",
    ),
    "opset 10": (model(node("Abs", "x"), opset=10), UnsupportedError, "the opset is 10"),
    "opset 29": (model(node("Abs", "x"), opset=29), UnsupportedError, "the opset is 29"),
    "no graph": (onnx.ModelProto(), FormatError, "0 opsets"),
    "a free third axis": (model(node("Abs", "x"), shape=("b", "s", "h")), UnsupportedError, "no fixed size on axis 2"),
    "an unnamed third axis": (
        model(node("Abs", "x"), shape=("b", "s", None)),
        UnsupportedError,
        "no fixed size on axis 2",
    ),
    "a huge input": (model(node("Abs", "x"), shape=(2**30, 2**30)), UnsupportedError, "expected at most"),
    "a negative size": (model(node("Abs", "x"), shape=("b", "s", -4)), FormatError, "size -4"),
    "shape of values": (
        model(node("Cast", "x", "i", to=TensorProto.INT64), node("Reshape", "x i")),
        UnsupportedError,
        "depends on the input's values",
    ),
    "a size that is an element": (
        model(node("Shape", "x", "s"), node("Cast", "s", "f", to=TensorProto.FLOAT), node("ReduceSum", "f")),
        UnsupportedError,
        "an element is batch",
    ),
    "clipped positions": (
        model(
            node("Shape", "x", "s", start=1, end=2),
            node("Min", "s c", "m"),
            node("Expand", "x m"),
            constants=[tensor(np.int64([512]))],
        ),
        UnsupportedError,
        "depends on the input",
    ),
    "a shape that does not fit": (
        model(node("Reshape", "x c"), constants=[tensor(np.int64([3, -1]))]),
        UnsupportedError,
        "node 'y' \\(Reshape\\)",
    ),
    "too large": (
        model(node("Expand", "x c"), constants=[tensor(np.int64([2**30, 2**30, 1, 1, 1]))]),
        UnsupportedError,
        "expected at most",
    ),
    "a huge product": (
        model(
            node("Expand", "e c", "a"),
            node("MatMul", "a b"),
            constants=[
                tensor(np.int64([2**18, 1])),
                tensor(np.float32([[1]]), "e"),
                tensor(np.ones((1, 2**18), "f4"), "b"),
            ],
        ),
        UnsupportedError,
        "matmul makes up to",
    ),
    "an axis too far": (model(node("Softmax", "x", axis=7)), RangeError, "SM-C4"),
    "a scale of 0": (
        model(node("QuantizeLinear", "x c"), constants=[tensor(np.float32(0))]),
        RangeError,
        "Q-C3",
    ),
    "growing sizes": (
        model(
            node("Shape", "x", "s0"),
            *(node("Mul", f"s{k} s{k}", f"s{k + 1}") for k in range(12)),
            node("Reshape", "x s12"),
        ),
        UnsupportedError,
        "expected a size",
    ),
}


@pytest.mark.parametrize("case", BROKEN_MODELS)
def test_a_model_that_cannot_be_read_is_refused(case, tmp_path):
    """The line names the file, the node, what was seen and what was expected."""
    broken, error, message = BROKEN_MODELS[case]

    with refused(error, message) as _:
        read(broken, tmp_path)


def test_all_unsupported_kinds_are_named_in_one_line(tmp_path):
    """Before anything runs: the first node, every kind with its domain, and the kinds that are supported."""
    foreign = node("MatMulNBits", "a a", "b", domain="com.microsoft")
    broken = model(node("Celu", "x", "a"), foreign, node("Celu", "b", "c"), node("Add", "c nothing"))

    with refused(
        UnsupportedError, "node 'a' .*: Celu, com.microsoft.MatMulNBits; expected Abs, Add, .*, com.microsoft.Attention"
    ):
        read(broken, tmp_path)


def test_bytes_that_are_no_model_are_refused(tmp_path):
    """Garbage, a truncated model, an empty file, a folder, no file."""
    whole = model(ADD, constants=[tensor(ONES)]).SerializeToString()
    path = tmp_path / "model.onnx"
    for content in (b"garbage" * 9, whole[:-7], b""):
        path.write_bytes(content)
        with refused(FormatError, "model.onnx: "):
            read_onnx(path)
    for missing in (tmp_path, tmp_path / "nothing.onnx"):
        with refused(FormatError, "expected an ONNX model"):
            read_onnx(missing)


def test_flipped_bytes_never_end_in_another_error(tmp_path):
    """A file with a wrong byte anywhere is read, or refused in one line."""
    generator = np.random.default_rng(5)
    whole = np.frombuffer(model(ADD, constants=[tensor(ONES)]).SerializeToString(), np.uint8)
    path, lines = tmp_path / "model.onnx", []
    for place in range(len(whole)):
        wrong = whole.copy()
        wrong[place] = generator.integers(256)
        path.write_bytes(wrong.tobytes())
        try:
            read_onnx(path)
        except ContractError as error:
            lines.append(str(error))

    assert lines
    assert not any("\n" in line for line in lines)


def test_many_large_steps_are_refused(tmp_path, monkeypatch):
    """Each result may be small enough, but not all of them together."""
    monkeypatch.setattr(node_module, "MOST_NUMBERS", 100)

    with refused(UnsupportedError, "absolute makes up to 24 numbers, 112 with those before"):
        read(model(node("Abs", "x", "a"), node("Abs", "a", "b"), node("Abs", "b")), tmp_path)


def test_an_onnx_file_is_no_model_with_a_tokenizer(tmp_path):
    """``load_model`` says what reads it."""
    with refused(UnsupportedError, "read_onnx"):
        load_model(str(tmp_path / "model.onnx"))


def test_names_are_made_printable_and_stay_different(tmp_path):
    """A name with a line break cannot be saved or shown."""
    nodes = [
        helper.make_node("Abs", ["x"], ["a\n"]),
        helper.make_node("Neg", ["a\n"], ["a_"]),
        helper.make_node("Add", ["a\n", "a_"], ["y"]),
    ]

    program = read(model(*nodes), tmp_path)

    assert [(step.name, step.inputs) for step in program.steps] == [
        ("a_", ("x",)),
        ("a__", ("a_",)),
        ("y", ("a_", "a__")),
    ]


def test_every_element_type_of_a_file_is_one_of_programs():
    """The types are found by number, and unknown numbers are shown as they are."""
    assert [tensor_file.type_name(number) for number in (1, 8, 99)] == ["FLOAT", "STRING", "99"]
