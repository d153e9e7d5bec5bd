"""An ONNX graph under construction, and the place in it where one step is being written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array, TensorSpec
from distilspec.reference.program import Program, Step, resolve

#: A protobuf message cannot be larger; bigger models need external data, which is not written.
LARGEST_MODEL = 2**31 - 1

ELEMENT_TYPES: Mapping[str, int] = {
    "float": TensorProto.FLOAT,
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
    "bool": TensorProto.BOOL,
}


#: How products of codes with constant scales can be written.
QUANTISED_FORMS = ("qdq", "qoperator")


def symbols(program: Program) -> tuple[str, ...]:
    """Return the symbolic dimensions of a program, in the order of their first use."""
    specs = (*program.inputs.values(), *program.tensors.values())
    return tuple(dict.fromkeys(size for spec in specs for size in spec.shape if isinstance(size, str)))


class Graph:
    """
    Nodes and initializers in the order in which they were needed.

    A program's tensor keeps its name in the graph. A tensor that only the ONNX form of a step has is
    ``<step>/<part>``. A boolean input is int64 in the graph, as Transformers feeds masks, and cast once.
    """

    def __init__(self, program: Program, opset: int, sizes: Mapping[str, int], form: str) -> None:
        """
        Start an empty graph for ``program``.

        A symbol in ``sizes`` is written as that size; ``form`` is one of ``QUANTISED_FORMS``.
        """
        self.program = program
        self.opset = opset
        self.form = form
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._sizes: dict[str, int | str] = {symbol: symbol for symbol in symbols(program)} | dict(sizes)
        self._operands: dict[str, str] = {}
        self._size_of: dict[str, str] = {}
        self._bytes = 0
        self._taken = {*program.inputs, *program.constants, *program.tensors, *program.outputs}

    def spec(self, tensor: str) -> TensorSpec:
        """Return dtype and shape of a tensor of the program with the static sizes in place."""
        spec = self.program.spec(tensor)
        return TensorSpec(spec.dtype, self.resolve(spec.shape))

    def resolve(self, attribute: Any) -> Any:
        """Replace the symbols that have a static size; the others stay names."""
        return resolve(attribute, self._sizes)

    def add(self, op_type: str, inputs: Iterable[str | None], outputs: Iterable[str], **attributes: Any) -> None:
        """Append a node; a constant of the program becomes an initializer when the first node reads it."""
        operands = ["" if name is None else self._operand(name) for name in inputs]
        outputs = list(outputs)
        self.nodes.append(helper.make_node(op_type, operands, outputs, outputs[0], **attributes))

    def initializer(self, name: str, array: Array) -> str:
        """Add an initializer; float64 is rounded to float32."""
        stored = array.astype(np.float32) if array.dtype == np.float64 else array
        self._bytes += stored.nbytes
        if self._bytes > LARGEST_MODEL:
            raise UnsupportedError(
                f"write_onnx: program {self.program.name} has more than {LARGEST_MODEL} bytes of constants; "
                "expected fewer because a protobuf file cannot hold them and external data is not written"
            )
        self.initializers.append(numpy_helper.from_array(np.asarray(stored, order="C"), name))
        return name

    def unused(self, name: str) -> str:
        """Return ``name``, lengthened where the program already uses it, and reserve it."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def size(self, symbol: str) -> str:
        """Return the name of a one-element int64 tensor that holds the size of a symbolic dimension."""
        if symbol not in self._size_of:
            inputs = self.program.inputs
            source = next((name for name, spec in inputs.items() if symbol in spec.shape), None)
            if source is None:
                raise UnsupportedError(f"write_onnx: the size of {symbol} is needed; expected an input that has it")
            shape, size = self.unused(f"{symbol}/shape"), self.unused(f"{symbol}/size")
            index = self.initializer(self.unused(f"{symbol}/axis"), np.array([inputs[source].shape.index(symbol)]))
            self.add("Shape", [source], [shape])
            self.add("Gather", [shape, index], [size])
            self._size_of[symbol] = size
        return self._size_of[symbol]

    def _operand(self, name: str) -> str:
        if name in self._operands:
            return self._operands[name]
        if name in self.program.constants:
            self._operands[name] = self.initializer(name, self.program.constants[name])
        elif name in self.program.inputs and self.program.inputs[name].dtype == "bool":
            mask = self.unused(f"{name}/bool")
            self.nodes.append(helper.make_node("Cast", [name], [mask], mask, to=TensorProto.BOOL))
            self._operands[name] = mask
        return self._operands.get(name, name)


class StepWriter:
    """Writes the nodes of one step: its helper tensors by their part, and at last its result."""

    def __init__(self, graph: Graph, step: Step) -> None:
        """Write ``step`` into ``graph``."""
        self.graph = graph
        self.step = step
        self.opset = graph.opset

    def node(self, op_type: str, inputs: Iterable[str | None], part: str, **attributes: Any) -> str:
        """Append a node whose output is the helper tensor ``<step>/<part>`` and return its name."""
        name = self._part(part)
        self.graph.add(op_type, inputs, [name], **attributes)
        return name

    def result(self, op_type: str, inputs: Iterable[str | None], output: int = 0, **attributes: Any) -> None:
        """Append the node that makes one of the step's outputs, by default the first."""
        self.graph.add(op_type, inputs, [self.step.outputs[output]], **attributes)

    def chain(self, *stages: tuple[str, list[str], str]) -> None:
        """
        Append nodes that each take the one before as their first operand; the last makes the step's first output.

        A stage is an operator, its operands (after the one before it), and the part that its output is.
        """
        before: list[str] = []
        for op_type, operands, part in stages[:-1]:
            before = [self.node(op_type, [*before, *operands], part)]
        op_type, operands, _ = stages[-1]
        self.result(op_type, [*before, *operands])

    def reduction(self, op_type: str, x: str, axes: Iterable[int], part: str = "", *, keepdims: bool = True) -> str:
        """Append a reduction whose output is ``<step>/<part>``, or the step's first output when no part is named."""
        output = self._part(part) if part else self.step.name
        inputs = [x]
        attributes: dict[str, Any] = {"keepdims": int(keepdims)}
        if op_type == "ReduceSum" or self.opset >= 18:
            inputs.append(self.integers(f"{part}.axes" if part else "axes", axes))
        else:
            attributes["axes"] = list(axes)
        self.graph.add(op_type, inputs, [output], **attributes)
        return output

    def constant(self, part: str, value: Array) -> str:
        """Add the initializer ``<step>/<part>``."""
        return self.graph.initializer(self._part(part), value)

    def integers(self, part: str, values: Iterable[int]) -> str:
        """Add a one-dimensional int64 initializer: axes, a shape, bounds of a slice."""
        return self.constant(part, np.array(list(values), np.int64))

    def number(self, part: str, value: float) -> str:
        """Add a scalar float32 initializer."""
        return self.constant(part, np.array(value, np.float32))

    def array(self, tensor: str) -> Array | None:
        """Return the value of an operand that is a constant of the program, or None."""
        return self.graph.program.constants.get(tensor)

    def spec(self, tensor: str) -> TensorSpec:
        """Return dtype and shape of a tensor of the program."""
        return self.graph.spec(tensor)

    def refuse(self, reason: str) -> UnsupportedError:
        """Return the error that says why this step cannot be written."""
        return UnsupportedError(f"write_onnx: step {self.step.name} ({self.step.op}) {reason}")

    def _part(self, part: str) -> str:
        return self.graph.unused(f"{self.step.name}/{part}")
