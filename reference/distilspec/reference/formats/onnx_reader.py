"""Reading an ONNX model as a program. Needs the package ``onnx`` (``pip install 'distilspec[onnx]'``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from math import prod
from pathlib import Path

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from distilspec.reference.contract.errors import ContractError, DTypeError, FormatError, UnsupportedError
from distilspec.reference.contract.symbols import BATCH, SEQUENCE
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.formats.found_recipe import found_recipe
from distilspec.reference.formats.onnx_nodes import NODES
from distilspec.reference.formats.onnx_nodes.node import LARGEST_TENSOR, Node, Reading
from distilspec.reference.formats.onnx_nodes.size import Undecided
from distilspec.reference.formats.onnx_nodes.tensor_file import PROGRAM_TYPES, TensorFile, type_name
from distilspec.reference.program import Program

#: The opsets that can be read.
OLDEST_OPSET, NEWEST_OPSET = 11, 28

#: A protobuf message cannot be larger; bigger models have external data.
LARGEST_FILE = 2**31 - 1
MOST_NODES = 100_000

_DOMAINS = ("", "ai.onnx")
_SYMBOLS = (BATCH, SEQUENCE)

#: What NumPy and Python raise when a hostile node has operands or attributes of no use.
_CANNOT_RUN = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)


def read_onnx(path: Path, *, name: str = "") -> Program:
    """
    Return the model in the file ``path`` as a program.

    A node becomes one step or a few; the last has the name of the node's output, and the others are
    ``<output>/<part>``. Inputs keep their types: a mask of int64 stays int64. An axis of an input without a fixed size
    is ``batch`` if it is the first and ``sequence`` if it is the second, and so are all axes with that name. What a
    graph calculates with sizes is calculated while it is read, for all sizes at once; a program has no tensors of
    shapes. Floats become real numbers, of which the model's float32 is a rounding. FLOAT16 and DOUBLE are read where
    they are constants that the graph casts to float32; what is calculated in them is refused.

    Where ONNX clips the bounds of a slice, or lets an id count from the end of a table of embeddings, the program
    raises ``RangeError`` instead; it never gives another value.

    Parameters
    ----------
    path : Path
        External data is read from the same folder or below it.
    name : str
        The program's name; by default that of the file.

    Returns
    -------
    Program
        Its property ``recipe`` is what ``found_recipe`` finds in its steps.

    Raises
    ------
    FormatError
        The file is missing, truncated, inconsistent or hostile, which is found before memory is taken for its tensors.
    UnsupportedError
        It has kinds of nodes that are not supported, all of which are named; or a node calculates with sizes in a way
        that no formula says, or has another opset, element type, or attribute.
    ContractError
        An operator refuses the operands of a node.

    Examples
    --------
    >>> read_onnx(Path("no such file"))
    Traceback (most recent call last):
        ...
    distilspec.reference.contract.errors.FormatError: no such file: No such file or directory; expected an ONNX model
    """
    model = _parsed(path)
    try:
        return _program(model, path, name or path.stem)
    except ContractError as error:
        message = " ".join(str(error).split())
        raise type(error)(message if message.startswith(str(path)) else f"{path}: {message}") from None


def program_names(graph: GraphProto) -> dict[str, str]:
    """
    Return the name in the program that is kept for each name in the file.

    It is the same name, unless that cannot be printed or would mean two things then. A tensor of the program with one
    of these names is that tensor of the file.
    """
    constants = [tensor.name for tensor in graph.initializer]
    inputs = (value.name for value in graph.input if value.name not in set(constants))
    made = (output for node in graph.node for output in node.output if output)
    names: dict[str, str] = {}
    taken: set[str] = set()
    for name in chain(inputs, constants, made):
        own = "".join(character if character.isprintable() else "_" for character in name)
        while own in taken:
            own += "_"
        taken.add(own)
        names[name] = own
    for node in graph.node:
        if _kind(node) == "DynamicQuantizeLinear" and node.output and node.output[0]:
            fields = zip(node.output[1:], ("scale", "zero_point"), strict=False)
            names |= {output: f"{names[node.output[0]]}.{field}" for output, field in fields if output}
    return names


def _parsed(path: Path) -> ModelProto:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}; expected an ONNX model") from None
    if len(data) > LARGEST_FILE:
        raise FormatError(f"{path}: the file is larger than {LARGEST_FILE} bytes; expected at most that")
    try:
        model: ModelProto = ModelProto.FromString(data)
    except (DecodeError, RecursionError):
        raise FormatError(f"{path}: the file is no protobuf message; expected an ONNX model") from None
    return model


def _program(model: ModelProto, path: Path, name: str) -> Program:
    graph = model.graph
    opset = _opset(model)
    _expect_supported(model)
    _expect_names(graph)
    tensors = TensorFile(path)
    tensors.claim(graph.initializer)
    constants = {tensor.name for tensor in graph.initializer}
    given = [value for value in graph.input if value.name not in constants]
    dimensions = _dimensions(given)
    inputs = {value.name: _input_spec(value, dimensions) for value in given}
    reading = Reading(name, inputs, tensors, opset, program_names(graph))
    for tensor in graph.initializer:
        reading.hold(tensor.name, tensors.read(tensor))
    for proto in graph.node:
        _read_node(reading, proto)
    outputs = {}
    for value in graph.output:
        try:
            outputs[reading.own_name(value.name)] = reading.tensor(value.name)
        except Undecided as error:
            raise UnsupportedError(f"output {error}") from None
    program = reading.builder.finish(outputs)
    return program.replace(properties={"recipe": found_recipe(program)})


def _read_node(reading: Reading, proto: NodeProto) -> None:
    node = Node(reading, proto)
    subject = f"node {_shown(proto)} ({proto.op_type})"
    try:
        NODES[_kind(proto)](node)
        node.expect_nothing_left()
        left = [output for output in proto.output if output and output not in reading.values]
        if left:
            raise FormatError(f"it has the output {left[0]!r:.60}; expected none that its kind lacks")
    except Undecided as error:
        raise UnsupportedError(f"{subject}: {error}") from None
    except ContractError as error:
        raise type(error)(f"{subject}: {error}") from None
    except _CANNOT_RUN as error:
        raise FormatError(f"{subject} cannot run: {error}; expected fitting operands") from None


def _opset(model: ModelProto) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in _DOMAINS]
    if not model.HasField("graph") or len(versions) != 1:
        raise FormatError(f"the message has {len(versions)} opsets of ONNX; expected a model with one")
    if not OLDEST_OPSET <= versions[0] <= NEWEST_OPSET:
        raise UnsupportedError(f"the opset is {versions[0]}; expected {OLDEST_OPSET} to {NEWEST_OPSET}")
    return int(versions[0])


def _expect_supported(model: ModelProto) -> None:
    graph = model.graph
    for what, there in (
        ("functions", model.functions),
        ("training information", model.training_info),
        ("sparse initializers", graph.sparse_initializer),
    ):
        if there:
            raise UnsupportedError(f"the model has {what}; expected a graph of nodes and dense initializers")
    if len(graph.node) > MOST_NODES:
        raise FormatError(f"the graph has {len(graph.node)} nodes; expected at most {MOST_NODES}")
    unsupported: dict[str, NodeProto] = {}
    for node in graph.node:
        if _kind(node) not in NODES:
            unsupported.setdefault(_kind(node), node)
    if unsupported:
        first = next(iter(unsupported.values()))
        kinds = ", ".join(f"{kind!r:.60}".strip("'") for kind in unsupported)
        raise UnsupportedError(
            f"node {_shown(first)} ({first.op_type}) is not supported, and of all kinds these are not: {kinds}; "
            f"expected {', '.join(sorted(NODES))}"
        )


def _kind(node: NodeProto) -> str:
    return node.op_type if node.domain in _DOMAINS else f"{node.domain}.{node.op_type}"


def _expect_names(graph: GraphProto) -> None:
    """Refuse names that are used twice, and operands that nothing before has made, as in a cycle."""
    known = {value.name for value in graph.input} | {""}
    if len(known) <= len(graph.input):
        raise FormatError("the graph has two inputs of one name; expected different names")
    constants: set[str] = set()
    for tensor in graph.initializer:
        if tensor.name in constants or not tensor.name:
            raise FormatError(f"initializer {tensor.name!r:.60} occurs twice or has no name; expected different names")
        constants.add(tensor.name)
    known |= constants
    made = set(known)
    for node in graph.node:
        for operand in node.input:
            if operand not in made:
                raise FormatError(
                    f"node {_shown(node)} ({node.op_type}) reads {operand!r:.60}; expected an input, an initializer "
                    "or an output of an earlier node"
                )
        if not any(node.output):
            raise FormatError(f"node {_shown(node)} ({node.op_type}) has no output; expected one")
        for output in filter(None, node.output):
            if output in made:
                raise FormatError(f"{output!r:.60} is made twice; expected one maker a name")
            made.add(output)
    names = [value.name for value in graph.output]
    absent = [name for name in names if name not in made or not name]
    if absent or len(set(names)) < len(names) or not names:
        raise FormatError(f"the outputs are {names!r:.60}; expected different names that something makes")


def _dimensions(inputs: Sequence[ValueInfoProto]) -> dict[str, str]:
    """Return the symbol of each named dimension: that of the axis on which it stands, first in inputs of many axes."""
    shapes = sorted((value.type.tensor_type.shape.dim for value in inputs), key=len, reverse=True)
    found = {symbol: symbol for symbol in _SYMBOLS}
    for shape in shapes:
        for symbol, dim in zip(_SYMBOLS, shape, strict=False):
            if dim.dim_param:
                found.setdefault(dim.dim_param, symbol)
    return found


def _input_spec(value: ValueInfoProto, dimensions: Mapping[str, str]) -> TensorSpec:
    subject = f"input {value.name!r:.60}"
    if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
        raise UnsupportedError(f"{subject} has no shape; expected a tensor with one")
    tensor = value.type.tensor_type
    if tensor.elem_type not in PROGRAM_TYPES:
        raise DTypeError(
            f"{subject} has element type {type_name(tensor.elem_type)}; "
            f"expected {' or '.join(map(type_name, PROGRAM_TYPES))}"
        )
    shape: list[int | str] = []
    for axis, dim in enumerate(tensor.shape.dim):
        if dim.HasField("dim_value"):
            if not 0 <= dim.dim_value < 2**31:
                raise FormatError(f"{subject} has size {dim.dim_value}; expected 0 or more")
            shape.append(dim.dim_value)
        elif dim.dim_param in dimensions:
            shape.append(dimensions[dim.dim_param])
        elif axis < len(_SYMBOLS):
            shape.append(_SYMBOLS[axis])
        else:
            raise UnsupportedError(f"{subject} has no fixed size on axis {axis}; expected one from the third axis on")
    least = prod(size for size in shape if isinstance(size, int))
    if least * 2 ** len(shape) > LARGEST_TENSOR:
        raise UnsupportedError(f"{subject} has {least} numbers or more; expected at most {LARGEST_TENSOR}")
    dtype = PROGRAM_TYPES[tensor.elem_type].name
    return TensorSpec("float" if tensor.elem_type == TensorProto.FLOAT else dtype, tuple(shape))


def _shown(node: NodeProto) -> str:
    return f"{node.name or next(iter(node.output), '')!r:.80}"
