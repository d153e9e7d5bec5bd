"""What runtimes that read ONNX are given: a model written from a program, or a user's own file as it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from distilspec.conformance.runtimes.adapter import as_float32
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.onnx_forms.graph import ELEMENT_TYPES, LARGEST_MODEL
from distilspec.reference.formats.onnx_reader import program_names
from distilspec.reference.formats.onnx_writer import write_onnx
from distilspec.reference.program import Program


class OnnxSource(ABC):
    """
    A program and its ONNX model, which may show more tensors than its outputs.

    Attributes
    ----------
    program : Program
    labels : mapping of str to str
        The graph's name of every output, by the program's label.
    tensors : mapping of str to str
        The graph's name of every tensor of the program that a node of the graph makes, by the program's name, in the
        order of the program. Tensors that are missing here, inside what one node does, cannot be shown.
    """

    program: Program
    labels: Mapping[str, str]
    tensors: Mapping[str, str]

    @abstractmethod
    def model(self, expose: Sequence[str] = ()) -> onnx.ModelProto:
        """
        Return a model of the caller's own, with all data inside.

        The graph's outputs are those of ``labels``, in that order, then the tensors ``expose`` of the program, which
        must be in ``tensors`` and no output already.

        Raises
        ------
        UnsupportedError
            A step has no ONNX form, or the model would exceed the 2 GB of a protobuf message.
        """

    @abstractmethod
    def feeds(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the program's inputs by the graph's names and in the element types that the graph declares."""

    def values(self, made: Sequence[Array], expose: Sequence[str] = ()) -> dict[str, Array]:
        """Return what a run of ``model(expose)`` made, in the order of its outputs, by the program's names."""
        return dict(zip((*self.labels, *expose), made, strict=True))

    def names(self, expose: Sequence[str] = ()) -> list[str]:
        """Return the graph's names of the outputs of ``model(expose)``."""
        return [*self.labels.values(), *(self.tensors[name] for name in expose)]


class WrittenOnnx(OnnxSource):
    """A program that ``write_onnx`` writes; every tensor of it has its own name in the graph."""

    def __init__(self, program: Program, opset: int = 17, form: str = "qdq") -> None:
        """Write ``program`` in an opset and a form, as ``write_onnx`` takes them."""
        self.program = program
        self.opset = opset
        self.form = form
        self.labels = {label: label for label in program.outputs}
        self.tensors = {name: name for name in program.tensors}

    def model(self, expose: Sequence[str] = ()) -> onnx.ModelProto:
        """Write the program."""
        return write_onnx(self.program, opset=self.opset, form=self.form, expose=expose)

    def feeds(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return masks as int64 and real numbers as float32, as ``write_onnx`` declares them."""
        return {name: _written(array) for name, array in self.program.checked(inputs).items()}


class UserOnnx(OnnxSource):
    """
    A user's own file: his graph, to whose outputs tensors of it are added.

    ``program`` is what ``read_onnx`` made of the file at ``path``.
    """

    def __init__(self, path: Path, program: Program) -> None:
        """Load the file, external data included."""
        self.program = program
        self.path = path
        graph = self._loaded.graph
        own = program_names(graph)
        made = {own[output]: output for node in graph.node for output in node.output if output}
        self.labels = {own[value.name]: value.name for value in graph.output}
        self.tensors = {name: made[name] for name in program.tensors if name in made}
        constants = {tensor.name for tensor in graph.initializer}
        self._inputs = {
            own[value.name]: (value.name, helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
            for value in graph.input
            if value.name not in constants
        }

    @cached_property
    def _loaded(self) -> onnx.ModelProto:
        return onnx.load(self.path)

    def model(self, expose: Sequence[str] = ()) -> onnx.ModelProto:
        """Return the user's model with ``expose`` among its outputs; nothing else about it is changed."""
        model = onnx.ModelProto()
        model.CopyFrom(self._loaded)
        for name in expose:
            element_type = ELEMENT_TYPES[self.program.spec(name).dtype]
            model.graph.output.append(helper.make_tensor_value_info(self.tensors[name], element_type, None))
        if model.ByteSize() > LARGEST_MODEL:
            raise UnsupportedError(
                f"{self.path}: the model has {model.ByteSize()} bytes with its external data; "
                f"expected at most {LARGEST_MODEL} because runtimes are given it as one message"
            )
        return model

    def feeds(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the inputs in the element types of the file."""
        checked = self.program.checked(inputs)
        return {name: checked[own].astype(dtype) for own, (name, dtype) in self._inputs.items()}


def _written(array: Array) -> Array:
    return array.astype(np.int64) if array.dtype == np.bool_ else as_float32(array)
