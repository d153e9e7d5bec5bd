"""A file being read, and the place in it where one node becomes steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np
from onnx import AttributeProto, NodeProto, helper

from distilspec.reference.contract.errors import FormatError, UnsupportedError
from distilspec.reference.contract.types import Array, Attribute, TensorSpec
from distilspec.reference.formats.onnx_nodes.known import KNOWN_TYPES, MOST_CELLS, Known, known_array
from distilspec.reference.formats.onnx_nodes.size import Dim, Size, Undecided, symbol_of, variable
from distilspec.reference.formats.onnx_nodes.tensor_file import TensorFile
from distilspec.reference.tracer import WITNESSES, Builder

#: A step is refused if its result has more numbers than this for the small inputs with which programs are built.
LARGEST_TENSOR = 2**28

#: All results together have at most so many numbers then.
MOST_NUMBERS = 2**30

#: The NumPy types of floats that programs do not have, with their names in ONNX.
OTHER_FLOATS: Mapping[str, str] = {"float16": "FLOAT16", "float64": "DOUBLE"}


@dataclass(frozen=True)
class Merged:
    """
    A tensor that is another one with neighbouring axes seen as one.

    Its size may be a product of symbols, which no tensor of a program has: batch * heads for example. Axis i stands
    for the axes ``groups[i]`` of ``base``. It exists while a file is read, until the axes are taken apart again.
    """

    base: str
    groups: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Rounded:
    """
    A number rounded half to even, plus a zero point if there is one, until it is clipped to codes.

    ``x`` is the number before that, and ``zero_point`` a tensor of whole numbers.
    """

    x: str
    zero_point: str | None = None


@dataclass(frozen=True)
class OtherFloat:
    """
    A constant of FLOAT16 or DOUBLE, until it is cast.

    Programs calculate in float32, and so say their bounds; sums and products of these types would round elsewhere.
    """

    array: Array


#: What a name in the file stands for: a tensor of the program, or something that has no tensor there (yet).
Value: TypeAlias = str | Known | Merged | Rounded | OtherFloat

#: An operator of one operand, and its attributes.
Stage: TypeAlias = tuple[str, Mapping[str, Attribute]]


class Reading:
    """The program under construction, and what the names of the file stand for."""

    def __init__(
        self, name: str, inputs: Mapping[str, TensorSpec], tensors: TensorFile, opset: int, names: Mapping[str, str]
    ) -> None:
        """Start the program ``name`` with the inputs of the file; ``names`` are the program's, by those in the file."""
        self.tensors = tensors
        self.opset = opset
        self._names = names
        self._taken = set(names.values())
        self._lifted: dict[str, str] = {}
        self._made = 0
        own = {self._names[given]: spec for given, spec in inputs.items()}
        self.builder = Builder(name, own, {"recipe": "fp32"})
        self.values: dict[str, Value] = {given: self._names[given] for given in inputs}
        #: The limits of tensors of the program that a Clip keeps within 8 bits.
        self.clipped: dict[str, tuple[float, float]] = {}

    def own_name(self, name: str) -> str:
        """Return the name in the program that is kept for a name in the file."""
        return self._names[name]

    def unused(self, name: str) -> str:
        """Return ``name``, lengthened where it is taken, and reserve it."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def hold(self, name: str, array: Array) -> None:
        """Let a name stand for a constant: known if it may be a shape, else one of the program."""
        dtype = str(array.dtype)
        if dtype in KNOWN_TYPES and array.size <= MOST_CELLS:
            self.values[name] = known_array(array)
        elif dtype in OTHER_FLOATS:
            self.values[name] = OtherFloat(array)
        else:
            self.values[name] = self.builder.constant(self.own_name(name), array)

    def shape(self, value: str | Known | Merged) -> tuple[Dim, ...]:
        """Return the sizes of a value."""
        if isinstance(value, Known):
            return value.shape
        if isinstance(value, Merged):
            sizes = self.shape(value.base)
            return tuple(prod_of(sizes[axis] for axis in group) for group in value.groups)
        return tuple(variable(size) if isinstance(size, str) else size for size in self.builder.spec(value).shape)

    def value(self, name: str) -> str | Known | Merged:
        """Return what a name in the file stands for, which must be something to calculate with."""
        value = self.values[name]
        if isinstance(value, OtherFloat):
            raise UnsupportedError(
                f"{name!r:.60} is {OTHER_FLOATS[str(value.array.dtype)]}; expected FLOAT, or a Cast to it, because "
                "programs calculate in float32"
            )
        if isinstance(value, Rounded):
            raise UnsupportedError(f"{name!r:.60} is rounded; expected a Clip to 8 bits first, which makes it codes")
        return value

    def tensor(self, name: str) -> str:
        """Return the program's tensor for a name in the file; a known one becomes a constant."""
        value = self.value(name)
        if isinstance(value, str):
            return value
        if isinstance(value, Merged):
            raise Undecided(f"{name} has shape ({', '.join(map(str, self.shape(value)))}); expected sizes of programs")
        if name not in self._lifted:
            self._lifted[name] = self._lift(self.own_name(name), value)
        return self._lifted[name]

    def _lift(self, name: str, value: Known) -> str:
        if not any(isinstance(size, Size) for size in value.shape):
            return self.builder.constant(name, value.array())
        numeric = [1 if isinstance(size, Size) else size for size in value.shape]
        few = Known(value.dtype, tuple(numeric), value.cells).array()
        element = self.builder.constant(self.unused(f"{name}/element"), few)
        self.emit(name, "expand", [element], {"shape": tuple(symbol_of(size) for size in value.shape)})
        return name

    def emit(self, name: str, op: str, operands: Sequence[str | None], attributes: Mapping[str, Attribute]) -> str:
        """Append a step, unless its result would be too large to build the program."""
        for sizes in WITNESSES:
            shapes = [self._witnessed(operand, sizes) for operand in operands if operand is not None]
            count = _most_numbers(op, shapes, attributes, sizes)
            self._made += count
            if count > LARGEST_TENSOR or self._made > MOST_NUMBERS:
                raise UnsupportedError(
                    f"{op} makes up to {count} numbers, {self._made} with those before; "
                    f"expected at most {LARGEST_TENSOR}, and {MOST_NUMBERS} in all"
                )
        return self.builder.emit(name, op, operands, attributes)[0]

    def _witnessed(self, name: str, sizes: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(sizes[size] if isinstance(size, str) else size for size in self.builder.spec(name).shape)


def prod_of(sizes: Iterable[Dim]) -> Dim:
    """Return the product of sizes."""
    product: Dim = 1
    for size in sizes:
        product = product * size
    return product


class Node:
    """One node: its operands and attributes, and the steps that it becomes."""

    def __init__(self, reading: Reading, proto: NodeProto) -> None:
        """Read ``proto``."""
        self.reading = reading
        self.proto = proto
        self.opset = reading.opset
        self._attributes: dict[str, AttributeProto] = {attribute.name: attribute for attribute in proto.attribute}
        if len(self._attributes) < len(proto.attribute):
            raise FormatError("an attribute occurs twice; expected each once")

    @property
    def count(self) -> int:
        """The number of operands, absent ones at the end left out."""
        present = [place for place, name in enumerate(self.proto.input) if name]
        return present[-1] + 1 if present else 0

    def has(self, place: int) -> bool:
        """Return whether there is an operand at this place."""
        return place < len(self.proto.input) and self.proto.input[place] != ""

    def value(self, place: int) -> str | Known | Merged:
        """Return what an operand stands for, which must be something to calculate with."""
        if not self.has(place):
            raise FormatError(f"operand {place} is absent; expected it")
        return self.reading.value(self.proto.input[place])

    def raw(self, place: int) -> Value | None:
        """Return what an operand stands for, None if it is absent."""
        return self.reading.values[self.proto.input[place]] if self.has(place) else None

    def known(self, place: int) -> Known | None:
        """Return an operand that is known, or None."""
        value = self.value(place)
        return value if isinstance(value, Known) else None

    def all_known(self) -> list[Known] | None:
        """Return all operands if they are known."""
        values = [self.value(place) for place in range(self.count)]
        known = [value for value in values if isinstance(value, Known)]
        return known if len(known) == len(values) and known else None

    def tensor(self, place: int) -> str:
        """Return an operand as a tensor of the program."""
        self.value(place)
        return self.reading.tensor(self.proto.input[place])

    def optional(self, place: int) -> str | None:
        """Return an operand as a tensor of the program, or None if it is absent."""
        return self.tensor(place) if self.has(place) else None

    def tensors(self) -> list[str]:
        """Return all operands as tensors of the program."""
        return [self.tensor(place) for place in range(self.count)]

    def integers(self, place: int, attribute: str, since: int) -> list[int] | None:
        """Return a list of integers that is an attribute before an opset and a constant operand from it on."""
        if self.opset < since:
            return self.get(attribute, None, AttributeProto.INTS)  # type: ignore[no-any-return]
        if not self.has(place):
            return None
        known = self.known(place)
        if known is None:
            raise Undecided(f"{attribute} depends on the input; expected constants")
        return [int(number) for number in known.array().ravel()]

    def get(self, name: str, default: Any, kind: int) -> Any:
        """Return the value of an attribute and forget it; ``default`` if the node does not have it."""
        attribute = self._attributes.pop(name, None)
        if attribute is None:
            return default
        if attribute.type != kind or attribute.ref_attr_name:
            raise FormatError(f"attribute {name} has another type; expected {AttributeProto.AttributeType.Name(kind)}")
        value = helper.get_attribute_value(attribute)
        if kind == AttributeProto.TENSOR:
            return self.reading.tensors.read(value)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

    def integer(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        return int(self.get(name, default, AttributeProto.INT))

    def number(self, name: str, default: float) -> float:
        """Return a float attribute, which is a float32."""
        return float(np.float32(self.get(name, default, AttributeProto.FLOAT)))

    def text(self, name: str, default: str) -> str:
        """Return a text attribute."""
        return str(self.get(name, default, AttributeProto.STRING))

    def expect_nothing_left(self) -> None:
        """Refuse attributes that nothing has asked for: they would change the meaning."""
        if self._attributes:
            names = ", ".join(self._attributes)
            raise UnsupportedError(f"attributes {names!r:.80} are not supported; expected none of them")

    def shape(self, place: int) -> tuple[Dim, ...]:
        """Return the sizes of an operand."""
        return self.reading.shape(self.value(place))

    def symbol(self, place: int, axis: int) -> int | str:
        """Return a size of an operand as programs write it: an integer or a symbol."""
        return symbol_of(self.shape(place)[axis])

    def spec(self, tensor: str) -> TensorSpec:
        """Return dtype and shape of a tensor of the program."""
        return self.reading.builder.spec(tensor)

    def is_float(self, place: int) -> bool:
        """Return whether an operand holds floats."""
        value = self.value(place)
        return not isinstance(value, Known) and self.spec(
            value.base if isinstance(value, Merged) else value
        ).dtype.startswith("float")

    def constant(self, part: str, array: Array) -> str:
        """Add a constant of the program that the file does not have."""
        return self.reading.builder.constant(self._part(part), array)

    def float_constant(self, part: str, value: float) -> str:
        """Add a scalar float32 constant."""
        return self.constant(part, np.array(value, np.float32))

    def step(self, part: str, op: str, operands: Sequence[str | None], /, **attributes: Attribute) -> str:
        """Append a step whose result the file has no name for, and return its tensor."""
        return self.reading.emit(self._part(part), op, operands, attributes)

    def result(self, op: str, operands: Sequence[str | None], /, **attributes: Attribute) -> str:
        """Append the step that makes the node's first output, and return its tensor."""
        return self.result_at(0, op, operands, **attributes)

    def result_at(self, output: int, op: str, operands: Sequence[str | None], /, **attributes: Attribute) -> str:
        """Append the step that makes an output of the node, and return its tensor."""
        name = self.reading.own_name(self.proto.output[output])
        self.give(self.reading.emit(name, op, operands, attributes), output)
        return name

    def chain(self, x: str, stages: Sequence[Stage], part: str = "") -> str:
        """
        Append steps that each take the result of the one before, and return the last tensor.

        That is the node's first output, or the tensor ``part`` that the file has no name for.
        """
        for place, (op, attributes) in enumerate(stages):
            if place < len(stages) - 1:
                x = self.step(f"{part}.{op}" if part else op, op, [x], **attributes)
            else:
                x = self.step(part, op, [x], **attributes) if part else self.result(op, [x], **attributes)
        if not stages and not part:
            self.give(x)
        return x

    def hold(self, array: Array) -> None:
        """Let the first output stand for a constant."""
        self.reading.hold(self.proto.output[0], array)

    def give(self, value: Value, output: int = 0) -> None:
        """Let an output of the node stand for ``value``, without a step."""
        self.reading.values[self.proto.output[output]] = value

    def gives(self, output: int) -> bool:
        """Return whether the node has this output."""
        return output < len(self.proto.output) and self.proto.output[output] != ""

    def _part(self, part: str) -> str:
        return self.reading.unused(f"{self.reading.own_name(self.proto.output[0])}/{part}")


def _most_numbers(
    op: str, shapes: Sequence[Sequence[int]], attributes: Mapping[str, Attribute], sizes: Mapping[str, int]
) -> int:
    """Return how many numbers a step may make; whether the shapes fit together is for the operator to say."""
    asked = attributes.get("shape")
    if isinstance(asked, tuple):
        wanted = [sizes[size] if isinstance(size, str) else max(size, 1) for size in asked]
        return prod(wanted) if op == "reshape" else _broadcast([*shapes, wanted])
    if op == "embedding":
        return prod(shapes[0]) * prod(shapes[1][1:])
    if op == "gather":
        return prod(shapes[0]) * prod(shapes[1]) // max(1, shapes[0][int(str(attributes["axis"]))])
    if op in ("matmul", "matmul_integer"):
        return _broadcast([shape[:-2] for shape in shapes[:2]]) * prod(shapes[0][-2:-1]) * prod(shapes[1][-1:])
    return sum(prod(shape) for shape in shapes) if op == "concat" else _broadcast(shapes)


def _broadcast(shapes: Sequence[Sequence[int]]) -> int:
    rank = max(map(len, shapes), default=0)
    columns = zip(*([1] * (rank - len(shape)) + list(shape) for shape in shapes), strict=True)
    return prod(max(column) for column in columns)
