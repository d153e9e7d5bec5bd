"""Writing a program as an ONNX model. Needs the package ``onnx`` (``pip install 'distilspec[onnx]'``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx
from onnx import helper

from distilspec.reference.contract.errors import RangeError, UnsupportedError
from distilspec.reference.contract.spec import SPEC_VERSION
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.formats.onnx_forms import FORMS
from distilspec.reference.formats.onnx_forms.graph import ELEMENT_TYPES, QUANTISED_FORMS, Graph, StepWriter, symbols
from distilspec.reference.program import Program, ProgramError, Step

#: The opsets that can be written. 13 is the first with a scale per channel, 17 brings LayerNormalization, 20 Gelu.
OLDEST_OPSET, NEWEST_OPSET = 13, 21


def write_onnx(
    program: Program,
    *,
    opset: int = 17,
    form: str = "qdq",
    static_shapes: Mapping[str, int] | None = None,
    expose: Sequence[str] = (),
) -> onnx.ModelProto:
    """
    Return the program as a checked ONNX model.

    Every tensor of the program has its own name in the graph, so that a runtime can be asked for it. The graph's
    inputs are the program's, with booleans as int64; its outputs are the program's labels, then ``expose``. Writing
    the same program twice gives equal bytes.

    Parameters
    ----------
    program : Program
    opset : int, 13 to 21
        Below 17 ``layer_norm`` is written as its formula, below 20 ``gelu`` and ``gelu_tanh`` are.
    form : {"qdq", "qoperator"}
        How products of codes with constant scales are written: as float products between DequantizeLinear and
        QuantizeLinear, or as MatMulInteger and QLinearMatMul.
    static_shapes : mapping of symbol to size, optional
        Symbols that become fixed sizes, for example ``{"batch": 1, "sequence": 128}``.
    expose : sequence of tensor names
        Tensors that become outputs under their own names.

    Returns
    -------
    onnx.ModelProto
        Checked by ``onnx.checker`` with shape inference; every tensor has the dtype and shape that the program says.

    Raises
    ------
    UnsupportedError
        A step's operator has no ONNX form, the opset is outside the range, or the model would exceed 2 GB.
    ProgramError
        An exposed tensor does not exist, an output's label is the name of another tensor, or nothing makes an output.
    RangeError
        A static size is not positive, or its symbol does not occur; or the form does not exist.

    Examples
    --------
    >>> from distilspec.reference.tracer import trace
    >>> spec = {"x": TensorSpec("float", ("batch", 2))}
    >>> program = trace("sine", lambda ops, weights, x: {"y": ops.tanh(ops.absolute(x))}, spec, {})
    >>> [(node.op_type, *node.output) for node in write_onnx(program).graph.node]
    [('Abs', 'absolute'), ('Tanh', 'tanh'), ('Identity', 'y')]
    """
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise UnsupportedError(f"write_onnx: opset is {opset}; expected {OLDEST_OPSET} to {NEWEST_OPSET}")
    if form not in QUANTISED_FORMS:
        raise RangeError(f"write_onnx: form is {form!r:.60}; expected one of {', '.join(QUANTISED_FORMS)}")
    sizes = dict(static_shapes or {})
    _expect_sizes(program, sizes)
    _expect_outputs(program, expose)
    graph = Graph(program, opset, sizes, form)
    for step in program.steps:
        _write_step(graph, step)
    for label, tensor in program.outputs.items():
        if label != tensor:
            graph.add("Identity", [tensor], [label])
    shown = {name: graph.spec(name) for step in program.steps for name in step.outputs}
    outputs = {label: graph.spec(tensor) for label, tensor in program.outputs.items()}
    outputs |= {name: shown[name] for name in expose}
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            program.name or "program",
            [_value(name, _fed(graph.spec(name))) for name in program.inputs],
            [_value(name, spec) for name, spec in outputs.items()],
            graph.initializers,
            value_info=[_value(name, spec) for name, spec in shown.items() if name not in outputs],
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        producer_name="distilspec",
        producer_version=SPEC_VERSION,
    )
    model.ir_version = helper.find_min_ir_version_for(model.opset_import)
    for key, value in program.properties.items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model, full_check=True)
    return model


def _write_step(graph: Graph, step: Step) -> None:
    form = FORMS.get(step.op)
    if form is None:
        raise UnsupportedError(
            f"write_onnx: step {step.name} needs operator {step.op}, which has no ONNX form; "
            f"expected one of {', '.join(sorted(FORMS))}"
        )
    attributes = {name: graph.resolve(value) for name, value in step.attributes.items()}
    form(StepWriter(graph, step), *step.inputs, **attributes)


def _fed(spec: TensorSpec) -> TensorSpec:
    return TensorSpec("int64", spec.shape) if spec.dtype == "bool" else spec


def _value(name: str, spec: TensorSpec) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, ELEMENT_TYPES[spec.dtype], spec.shape)


def _expect_sizes(program: Program, sizes: Mapping[str, int]) -> None:
    for symbol, size in sizes.items():
        if symbol not in symbols(program):
            raise RangeError(f"write_onnx: static size for {symbol}; expected one of {', '.join(symbols(program))}")
        if size < 1:
            raise RangeError(f"write_onnx: static size of {symbol} is {size}; expected 1 or more")


def _expect_outputs(program: Program, expose: Sequence[str]) -> None:
    for name in expose:
        if name not in program.tensors:
            raise ProgramError(f"write_onnx: exposed tensor {name}; expected the output of a step of {program.name}")
    taken = {*program.inputs, *program.constants, *program.tensors}
    for label, tensor in program.outputs.items():
        if label == tensor and tensor not in program.tensors:
            raise ProgramError(f"write_onnx: output {label} is what goes in; expected the output of a step")
        if label in taken and label != tensor:
            raise ProgramError(
                f"write_onnx: output {label} is the tensor {tensor}; expected another label because a tensor of "
                f"{program.name} has that name"
            )
