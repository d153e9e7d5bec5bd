"""Saving and loading programs: every byte comes back, and hostile folders are refused."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusal import refused

from distilspec.reference import ops
from distilspec.reference.contract.errors import DTypeError, FormatError, RangeError, ShapeError, UnsupportedError
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.formats import load_program, save_program
from distilspec.reference.formats.safetensors_file import SafetensorsFile, write_safetensors
from distilspec.reference.models import HEADS, BertConfig, DistilBertConfig, build_program, random_weights
from distilspec.reference.program import ProgramError
from distilspec.reference.tracer import Builder

FILES = ("program.json", "constants.safetensors")
SIZES = {"vocab_size": 11, "hidden_size": 6, "num_layers": 1, "num_heads": 2, "intermediate_size": 8}


def unusual_program():
    """Return a program with absent operands, several outputs, symbols, tags, and numbers that are easily lost."""
    builder = Builder(
        "unusual", {"x": TensorSpec("float", ("batch", "sequence", 3))}, {"recipe": "w8a8-dynamic", "sparsity": "0.8"}
    )
    payload = np.array([0x7FC00001, 0xFFC12345, 0x80000000], np.uint32).view(np.float32)
    builder.constant("payload", payload)
    builder.constant("weight", np.array([[1, -0.0, 5e-324]]))
    builder.constant("flags", np.array([True, False, True]))
    builder.constant("scalar", np.array(3, np.int64))
    builder.constant("empty", np.zeros((0, 3), np.int8))
    builder.emit("linear", "linear", ["x", "weight", None], tags=("encoder", "first"))
    builder.emit("linear.quantized", "dynamic_quantize", ["linear"])
    builder.emit("sum", "add", ["x", "payload"])
    builder.emit("normal", "l2_normalize", ["sum"], {"axis": -1, "epsilon": 0.1 + 0.2})
    builder.emit("wide", "expand", ["flags"], {"shape": ("batch", "sequence", 3)})
    program = builder.finish(
        {"codes": "linear.quantized", "scale": "linear.quantized.scale", "y": "normal", "mask": "wide"}
    )
    constants = {**builder.constants, "empty": builder.constants["empty"], "scalar": builder.constants["scalar"]}
    return program.replace(constants=constants)


def model_programs():
    """Return programs of every family and head."""
    configs = (BertConfig(**SIZES), DistilBertConfig(**SIZES))
    return [
        build_program(config, head, random_weights(config, head, 0))
        for config, head in itertools.product(configs, HEADS)
    ]


def bits(arrays):
    """Return what must be equal bit for bit, in its order."""
    return [(name, str(array.dtype), array.shape, array.tobytes()) for name, array in arrays.items()]


@pytest.mark.parametrize("program", [*model_programs(), unusual_program()], ids=lambda program: program.name)
def test_round_trip_is_byte_exact(tmp_path, program):
    """Loading gives an equal program, and saving that one gives equal bytes."""
    save_program(program, tmp_path / "first")

    loaded = load_program(tmp_path / "first")

    save_program(loaded, tmp_path / "second")
    for name in FILES:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    assert str(loaded) == str(program)
    assert loaded.steps == program.steps
    assert loaded.inputs == program.inputs
    assert list(loaded.tensors.items()) == list(program.tensors.items())
    assert list(loaded.outputs.items()) == list(program.outputs.items())
    assert list(loaded.properties.items()) == list(program.properties.items())
    assert bits(loaded.constants) == bits(program.constants)


def test_a_loaded_program_gives_the_same_bits(tmp_path):
    """The loaded program evaluates to the same values."""
    config = BertConfig(**SIZES)
    program = build_program(config, "question-answering", random_weights(config, "question-answering", 0))
    ids = np.arange(10).reshape(2, 5)
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    save_program(program, tmp_path / "saved")

    got = load_program(tmp_path / "saved").run(ops, inputs)

    assert bits(got) == bits(program.run(ops, inputs))


@settings(max_examples=100, deadline=None)
@given(epsilon=st.floats(0, 1e300, exclude_min=True))
def test_attributes_keep_every_bit(epsilon, tmp_path_factory):
    """A float attribute comes back exactly, and an integer does not become a float."""
    builder = Builder("p", {"x": TensorSpec("float", ("batch", 3))}, {"recipe": "fp32"})
    builder.emit("y", "l2_normalize", ["x"], {"axis": 1, "epsilon": epsilon})
    folder = tmp_path_factory.mktemp("saved") / "p"

    save_program(builder.finish({"y": "y"}), folder)

    attributes = load_program(folder).steps[0].attributes
    assert attributes["epsilon"].hex() == epsilon.hex()
    assert type(attributes["axis"]) is int


def test_a_folder_may_be_a_string(tmp_path):
    """As paths are elsewhere in the field."""
    save_program(unusual_program(), f"{tmp_path}/saved")
    assert load_program(f"{tmp_path}/saved").name == "unusual"


def test_the_tokenizer_is_copied(tmp_path):
    """A tokenizer that is given is in the folder, unchanged."""
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0"}')

    save_program(unusual_program(), tmp_path / "saved", tokenizer=tmp_path / "tokenizer.json")

    assert (tmp_path / "saved" / "tokenizer.json").read_text() == '{"version": "1.0"}'


def test_nothing_is_overwritten_or_left_half_written(tmp_path):
    """An existing name is refused; after a failure neither the folder nor a temporary one is there."""
    program = unusual_program()
    (tmp_path / "empty").mkdir()
    with refused(FormatError, "exists already"):
        save_program(program, tmp_path / "empty")
    (tmp_path / "empty").rmdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with refused(FormatError, "exists already"):
        save_program(program, tmp_path / "link")
    (tmp_path / "link").unlink()
    with refused(FormatError, "expected an existing parent"):
        save_program(program, tmp_path / "absent" / "saved")
    with refused(FormatError, "No such file"):
        save_program(program, tmp_path / "saved", tokenizer=tmp_path / "absent.json")
    with refused(DTypeError, "has dtype complex128"):
        save_program(program.replace(constants=program.constants | {"z": np.ones(1, complex)}), tmp_path / "saved")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [float("inf"), float("nan"), np.float32(1), [1, 2], {"a": 1}, (1.5,), "a\nb"])
def test_attributes_that_would_not_come_back_are_refused(tmp_path, value):
    """A program is not saved if loading could not give it back."""
    program = unusual_program()
    index = next(index for index, step in enumerate(program.steps) if step.name == "normal")
    steps = list(program.steps)
    steps[index] = type(steps[index])("normal", "l2_normalize", ("sum",), ("normal",), {"epsilon": value})

    with refused(FormatError, "expected"):
        save_program(program.replace(steps=tuple(steps)), tmp_path / "saved")

    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def folder(tmp_path):
    """Return the folder of the unusual program."""
    save_program(unusual_program(), tmp_path / "saved")
    return tmp_path / "saved"


def step(**fields):
    """Return a change of the first step."""

    def change(content):
        content["steps"][0] |= fields

    return change


def top(**fields):
    """Return a change of the whole."""
    return lambda content: content.update(fields)


def swap_steps(content):
    """Put the first step after the one that reads it."""
    content["steps"][0], content["steps"][1] = content["steps"][1], content["steps"][0]


def cycle(content):
    """Let the first two steps read each other."""
    content["steps"][0]["inputs"][0] = content["steps"][1]["name"]


LINEAR = {"linear": {"dtype": "float", "shape": ["batch", "sequence", 1]}}

HOSTILE = {
    "another schema": (top(schema=2), FormatError, "schema is 2; expected 1"),
    "no schema": (top(schema=None), FormatError, "schema is None"),
    "steps is an object": (top(steps={}), FormatError, r"steps is \{\}; expected a list"),
    "step is a text": (top(steps=["linear"]), FormatError, "a step is 'linear'"),
    "name is a number": (top(name=3), FormatError, "name is 3; expected printable text"),
    "no recipe": (top(properties={}), FormatError, "expected a recipe in it"),
    "property is a number": (top(properties={"recipe": 3}), FormatError, "recipe is 3"),
    "unknown operator": (step(op="system"), UnsupportedError, "step linear needs operator system"),
    "operator is private": (step(op="__class__"), UnsupportedError, "needs operator __class__"),
    "step of two lines": (step(name="a\nb"), FormatError, "a step's name is "),
    "steps in another order": (swap_steps, ProgramError, "step linear.quantized reads linear; expected"),
    "cycle": (cycle, ProgramError, "step linear reads linear.quantized; expected"),
    "reads itself": (step(inputs=["linear", "weight"]), ProgramError, "step linear reads linear; expected"),
    "unknown operand": (step(inputs=["nothing", "weight"]), ProgramError, "reads nothing"),
    "operand is a number": (step(inputs=[0, "weight"]), FormatError, "an operand is 0"),
    "too many operands": (step(inputs=["x"] * 9), FormatError, "step linear: linear cannot run"),
    "too few operands": (step(inputs=["x"]), FormatError, "step linear: linear cannot run"),
    "operand of another shape": (step(inputs=["x", "payload"]), ShapeError, "step linear: linear: weight has shape"),
    "operand of another type": (step(inputs=["x", "empty"]), DTypeError, "step linear: linear: weight has dtype int8"),
    "unknown attribute": (step(attributes={"axis": 0}), FormatError, "linear cannot run"),
    "attribute is an object": (step(attributes={"axis": {}}), FormatError, r"an attribute is \{\}"),
    "nested attribute": (step(attributes={"axis": [[0]]}), FormatError, r"an attribute is \[\[0\]\]"),
    "output of another type": (
        step(outputs={"linear": {"dtype": "int8", "shape": ["batch", "sequence", 1]}}),
        FormatError,
        r"outputs are linear int8 \[batch, sequence, 1\]; expected linear float \[batch, sequence, 1\]",
    ),
    "output of another shape": (
        step(outputs={"linear": {"dtype": "float", "shape": ["batch", 3, 1]}}),
        FormatError,
        "expected linear float",
    ),
    "one output more": (step(outputs=LINEAR | {"other": LINEAR["linear"]}), FormatError, "expected linear float"),
    "no output": (step(outputs={}), ProgramError, "expected its own name first"),
    "output named otherwise": (step(outputs={"y": LINEAR["linear"]}), ProgramError, "expected its own name first"),
    "unknown dtype": (step(outputs={"linear": {"dtype": "O", "shape": []}}), FormatError, "a dtype is 'O'"),
    "dtype is a list": (step(outputs={"linear": {"dtype": [], "shape": []}}), FormatError, r"a dtype is \[\]"),
    "unknown symbol": (step(outputs={"linear": {"dtype": "float", "shape": ["n"]}}), FormatError, "a shape is "),
    "negative size": (step(outputs={"linear": {"dtype": "float", "shape": [-1]}}), FormatError, "a shape is "),
    "spec without shape": (step(outputs={"linear": {"dtype": "float"}}), FormatError, "expected dtype and shape"),
    "enormous input": (
        top(inputs={"x": {"dtype": "float", "shape": ["batch", "sequence", 2**40]}}),
        FormatError,
        "tensor x is 'float .*; expected at most 67,108,864 numbers",
    ),
    "step is made twice": (lambda content: content["steps"].append(content["steps"][0]), ProgramError, "made twice"),
    "output does not exist": (top(outputs={"y": "nothing"}), ProgramError, "output y is nothing"),
    "constant is missing": (top(constants=["payload"]), FormatError, "constant .* is not once in both files"),
    "constant is listed twice": (
        lambda content: content["constants"].append("weight"),
        FormatError,
        "is not once in both files",
    ),
    "constant is an input": (
        top(inputs={"weight": {"dtype": "float", "shape": []}}),
        ProgramError,
        "is an input and a",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_programs_are_refused(folder, name):
    """Each inconsistency is refused in one line with a named error."""
    change, error, match = HOSTILE[name]
    content = json.loads((folder / "program.json").read_text())
    change(content)
    (folder / "program.json").write_text(json.dumps(content))

    with refused(error, match):
        load_program(folder)


def test_values_that_an_operator_refuses_are_refused(folder):
    """An attribute outside an operator's range is that operator's error, with the step's name in front."""
    content = json.loads((folder / "program.json").read_text())
    next(step for step in content["steps"] if step["name"] == "normal")["attributes"]["axis"] = 7
    (folder / "program.json").write_text(json.dumps(content))

    with refused(RangeError, "step normal: l2_normalize: axis is 7"):
        load_program(folder)


@pytest.mark.parametrize("name", FILES)
def test_missing_and_truncated_files_are_refused(folder, name):
    """Each file is named, whether it is cut in the middle or gone."""
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with refused(FormatError, name):
        load_program(folder)
    (folder / name).unlink()
    with refused(FormatError, name):
        load_program(folder)


def test_a_constant_of_another_dtype_is_noticed(folder):
    """A weight that is exchanged for integers does not fit the step that reads it."""
    file = SafetensorsFile(folder / "constants.safetensors")
    arrays = {name: file.read(name) for name in file.entries} | {"weight": np.ones((1, 3), np.int32)}
    (folder / "constants.safetensors").unlink()
    write_safetensors(folder / "constants.safetensors", arrays)

    with refused(DTypeError, "weight has dtype int32"):
        load_program(folder)
