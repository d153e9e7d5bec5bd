"""OpenVINO on the CPU, on written programs and on a user's own file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import onnx
import openvino

from distilspec.conformance.runtimes.adapter import (
    Executable,
    Runtime,
    expect_known,
    expect_number,
    expect_option,
    expect_version,
)
from distilspec.conformance.runtimes.onnx_source import OnnxSource, UserOnnx, WrittenOnnx
from distilspec.conformance.runtimes.shown import harmless_to_show
from distilspec.reference.contract.errors import ContractError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.onnx_forms import FORMS
from distilspec.reference.formats.onnx_forms.graph import QUANTISED_FORMS
from distilspec.reference.program import Program

#: ``free`` leaves the precision to OpenVINO, which takes bf16 or f16 on processors that have it; ``f32`` forbids that.
PRECISIONS = ("f32", "free")

#: ``dynamic`` leaves symbolic sizes symbolic; ``static`` compiles the model again for every shape that comes.
SHAPES = ("dynamic", "static")

DEFAULTS = {"opset": "17", "form": "qdq", "precision": "f32", "shapes": "dynamic", "threads": "1"}

LONGEST_ERROR = 300

#: What tells one graph from another: how often it has each kind of node, with the names of what was fused into it.
Signature = Counter[tuple[str, str, str]]

#: OpenVINO numbers the operators that it makes itself, differently in each graph.
_NUMBER = re.compile(r"_\d+(?=,|$)")

Shapes = Mapping[str, tuple[int, ...]]


class OpenVinoError(ContractError):
    """OpenVINO refused a model or stopped while it ran one."""


class OpenVinoRuntime(Runtime):
    """
    Runs programs on OpenVINO's CPU device.

    Options: ``opset`` and ``form`` (qdq, qoperator), in which a program is written while a user's file has its own;
    ``precision`` (f32, free), ``shapes`` (dynamic, static), ``threads``, and any property of the device by its own name
    in capitals, which is passed on as it is.
    """

    name = "openvino"
    version = openvino.__version__.partition("-")[0]
    recipes = MappingProxyType(
        {
            Recipe.FP32: "float nodes",
            Recipe.W8A8_STATIC: "low-precision transformations of QuantizeLinear, DequantizeLinear and MatMul",
            Recipe.W7A8_STATIC: "the same, with weights in [-64, 64]",
            Recipe.W8A8_STATIC_ATTN: "as w8a8-static, and MatMulInteger of codes of attention, multiplied in float32",
            Recipe.W8A8_DYNAMIC: "DynamicQuantizeLinear and MatMulInteger, multiplied in float32",
            Recipe.W8A8_DYNAMIC_TOKEN: "QuantizeLinear on an axis and MatMulInteger; needs shapes=static",
            Recipe.W8A32: "weights decompressed as they are read",
        }
    )

    def __init__(self, options: Mapping[str, str]) -> None:
        """Set the options."""
        expect_version(self.name, self.version, "2025.0")
        own = {key: value for key, value in options.items() if not key.isupper()}
        expect_known(self.name, own, tuple(DEFAULTS))
        self.options = {**DEFAULTS, **options}
        expect_option(self.name, "precision", self.options["precision"], PRECISIONS)
        expect_option(self.name, "form", self.options["form"], QUANTISED_FORMS)
        expect_option(self.name, "shapes", self.options["shapes"], SHAPES)
        for key in ("opset", "threads"):
            expect_number(self.name, key, self.options[key])

    def supports(self, op: str) -> bool:
        """Return whether the operator has an ONNX form."""
        return op in FORMS

    def load(self, program: Program) -> Executable:
        """Write the program as ONNX and compile it."""
        source = WrittenOnnx(program, int(self.options["opset"]), self.options["form"])
        return OpenVinoExecutable(source, self.options)

    def load_onnx(self, path: Path, program: Program) -> Executable:
        """Compile the user's file."""
        return OpenVinoExecutable(UserOnnx(path, program), self.options)

    def with_threads(self, threads: int) -> OpenVinoRuntime:
        """Return OpenVINO with another number of threads."""
        return OpenVinoRuntime({**self.options, "threads": str(threads)})


class OpenVinoExecutable(Executable):
    """
    One compiled model with nothing shown, and the last one with tensors shown.

    A tensor survives if a node of the graph that OpenVINO runs ends in it, and if the graph that OpenVINO makes when
    the tensor is an output has the same nodes, with the same operators fused into each.
    """

    def __init__(self, source: OnnxSource, options: Mapping[str, str]) -> None:
        """Compile the model of ``source``; with static shapes that happens again for every shape that comes."""
        self._source = source
        self._properties = _properties(options)
        self._is_static = options["shapes"] == "static"
        self._core = openvino.Core()
        self._shapes: Shapes = {}
        self._model = self._read()
        self._plain = self._compile()
        self._exposed: tuple[tuple[str, ...], openvino.CompiledModel] = ((), self._plain)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the model in which nothing is shown."""
        return self._run(inputs, ())

    def survivors(self) -> tuple[str, ...]:
        """Return the tensors in which nodes of OpenVINO's graph end, without those whose showing changes it."""
        return self._survivors

    def run_exposed(self, inputs: Mapping[str, Array], expose: Sequence[str]) -> dict[str, Array]:
        """Run a model in which ``expose`` are outputs."""
        labels = {tensor: label for label, tensor in self._source.program.outputs.items()}
        shown = tuple(name for name in expose if name not in labels)
        values = self._run(inputs, shown)
        return values | {name: values[labels[name]] for name in expose if name in labels}

    def _run(self, inputs: Mapping[str, Array], shown: tuple[str, ...]) -> dict[str, Array]:
        feeds = self._source.feeds(inputs)
        shapes = {name: array.shape for name, array in feeds.items()}
        if self._is_static and shapes != self._shapes:
            self._shapes = shapes
            self._model = self._read()
            self._plain = self._compile()
            self._exposed = ((), self._plain)
        if shown and self._exposed[0] != shown:
            self._exposed = (shown, self._compile(shown))
        compiled = self._exposed[1] if shown else self._plain
        with _errors_in_one_line():
            made = compiled(feeds)
        return self._source.values([made[index].copy() for index in range(len(compiled.outputs))], shown)

    def _read(self) -> openvino.Model:
        """Read the model with the shapes of its inputs that are known, which OpenVINO uses as it reads."""
        model = self._source.model()
        for value in model.graph.input:
            _fix_sizes(value, self._shapes.get(value.name, ()))
        with _errors_in_one_line():
            return self._core.read_model(model.SerializeToString())

    def _compile(self, expose: Sequence[str] = ()) -> openvino.CompiledModel:
        model = self._model.clone()
        if expose:
            model.add_outputs([self._source.tensors[name] for name in expose])
        with _errors_in_one_line():
            return self._core.compile_model(model, "CPU", self._properties)

    @cached_property
    def _survivors(self) -> tuple[str, ...]:
        program, tensors = self._source.program, self._source.tensors
        outputs = set(program.outputs.values())
        plain, ends, makers = _signature(self._plain), _ends(self._plain), _makers(self._model)
        candidates = [name for name, own in tensors.items() if makers.get(own) in ends and name not in outputs]
        shown = harmless_to_show(program, candidates, lambda names: _signature(self._compile(names)) == plain)
        return tuple(name for name in program.tensors if name in {*shown, *outputs})


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """Raise ``OpenVinoError`` with what OpenVINO says, without the places in its code that it says first."""
    try:
        yield
    except RuntimeError as error:
        said = [line for line in str(error).splitlines() if line.strip() and not line.startswith("Exception from")]
        raise OpenVinoError(f"openvino: {' '.join(' '.join(said).split())[:LONGEST_ERROR]}") from None


def _properties(options: Mapping[str, str]) -> dict[str, str]:
    properties = {"INFERENCE_NUM_THREADS": options["threads"]}
    if options["precision"] == "f32":
        properties["INFERENCE_PRECISION_HINT"] = "f32"
    return properties | {key: value for key, value in options.items() if key.isupper()}


def _fix_sizes(value: onnx.ValueInfoProto, shape: tuple[int, ...]) -> None:
    for dimension, size in zip(value.type.tensor_type.shape.dim, shape, strict=False):
        dimension.dim_value = size


def _signature(compiled: openvino.CompiledModel) -> Signature:
    """Count the nodes of the graph by kind, fused operators and precision, without those that only serve outputs."""
    return Counter(
        (_text(node, "layerType"), _NUMBER.sub("", _text(node, "originalLayersNames")), _text(node, "runtimePrecision"))
        for node in compiled.get_runtime_model().get_ordered_ops()
        if not _serves_outputs_only(node)
    )


def _makers(model: openvino.Model) -> dict[str, str]:
    """Return the operator that makes each tensor that has a name."""
    operators = model.get_ordered_ops()
    return {
        name: operator.get_friendly_name()
        for operator in operators
        for output in operator.outputs()
        for name in output.get_names()
    }


def _ends(compiled: openvino.CompiledModel) -> set[str]:
    """Return the operators in which the nodes of the graph end: the last of those that were fused into each."""
    nodes = compiled.get_runtime_model().get_ordered_ops()
    return {_text(node, "originalLayersNames").split(",")[-1] for node in nodes}


def _serves_outputs_only(node: openvino.Node) -> bool:
    """Return whether a node is an output, or a change of layout before one, which has no operator of its own."""
    if _text(node, "layerType") == "Output":
        return True
    readers = [reader.get_node() for output in node.outputs() for reader in output.get_target_inputs()]
    is_ours = bool(_text(node, "originalLayersNames"))
    return not is_ours and bool(readers) and all(_text(reader, "layerType") == "Output" for reader in readers)


def _text(node: openvino.Node, key: str) -> str:
    return str(node.get_rt_info()[key].astype(str))


create = OpenVinoRuntime
