"""Recording a program: ``Builder`` appends steps, ``trace`` runs a model function and records what it does."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from distilspec.reference import ops
from distilspec.reference.contract.errors import SymbolError, UnsupportedError
from distilspec.reference.contract.scope import current_names, current_tags
from distilspec.reference.contract.symbols import BATCH, SEQUENCE, Symbol, symbol
from distilspec.reference.contract.types import Array, Attribute, TensorSpec, dtype_name
from distilspec.reference.program import Program, ProgramError, Step, resolve

#: Two sizes for every symbol. A dimension is symbolic if it follows the symbol's size from one witness to the other.
#: The symbols change by different amounts, so that sequence - 1, for example, is not taken for batch.
WITNESSES: tuple[Mapping[str, int], ...] = ({BATCH: 2, SEQUENCE: 4}, {BATCH: 3, SEQUENCE: 2})

_NUMPY_TYPE = {"float": np.float64, "bool": np.bool_}


class Builder:
    """
    Append steps to a program under construction.

    The dtype and shape of a step's results are what the reference operator gives for two small witness inputs, so no
    operator has a second, separate shape rule that could disagree with it.
    """

    def __init__(self, name: str, inputs: Mapping[str, TensorSpec], properties: Mapping[str, str]) -> None:
        """Start a program with the given inputs and no steps."""
        self.name = name
        self.inputs = dict(inputs)
        self.properties = dict(properties)
        self.constants: dict[str, Array] = {}
        self.steps: list[Step] = []
        self.tensors: dict[str, TensorSpec] = {}
        self._witnesses: dict[str, tuple[Array, ...]] = {
            name: tuple(_witness(spec, sizes) for sizes in WITNESSES) for name, spec in inputs.items()
        }

    def has(self, name: str) -> bool:
        """Return whether an input, constant or step output has this name."""
        return name in self._witnesses

    def spec(self, name: str) -> TensorSpec:
        """Return dtype and shape of any tensor known so far."""
        if name in self.constants:
            return TensorSpec(str(self.constants[name].dtype), self.constants[name].shape)
        return self.inputs[name] if name in self.inputs else self.tensors[name]

    def is_constant(self, operand: str | None) -> bool:
        """Return whether a tensor is a constant or calculated from constants alone, by one array for both witnesses."""
        return operand is None or self._witnesses[operand][0] is self._witnesses[operand][1]

    def constant(self, name: str, array: Array) -> str:
        """Add a constant and return its name; ``ProgramError`` if the name already means something else."""
        known = self.constants.get(name)
        if known is None and self.has(name):
            raise ProgramError(
                f"program {self.name}: constant {name} is also an input or a step; expected its own name"
            )
        if known is None:
            self.constants[name] = array
            self._witnesses[name] = (array,) * len(WITNESSES)
        elif known is not array and not (known.dtype == array.dtype and np.array_equal(known, array)):
            raise ProgramError(f"program {self.name}: constant {name} has two values; expected one meaning a name")
        return name

    def emit(
        self,
        name: str,
        op: str,
        inputs: Sequence[str | None],
        attributes: Mapping[str, Attribute] | None = None,
        tags: Sequence[str] = (),
    ) -> tuple[str, ...]:
        """Append one step and return the names of its outputs; several outputs are ``name``, ``name.field``, ..."""
        attributes = dict(attributes or {})
        if op not in ops.OPERATORS:
            raise UnsupportedError(f"program {self.name}: step {name} needs operator {op}; expected one that exists")
        results: list[Any] = []
        for index, sizes in enumerate(WITNESSES):
            operands = [None if operand is None else self._witnesses[operand][index] for operand in inputs]
            resolved = {key: resolve(value, sizes) for key, value in attributes.items()}
            if results and resolved == dict(attributes) and all(self.is_constant(operand) for operand in inputs):
                results.append(results[0])
                continue
            with np.errstate(all="ignore"):
                results.append(ops.OPERATORS[op](*operands, **resolved))
        fields: tuple[str, ...] = getattr(results[0], "_fields", ())
        outputs = (name, *(f"{name}.{field}" for field in fields[1:]))
        values = tuple(zip(*results, strict=True)) if fields else (tuple(results),)
        for output, witnessed in zip(outputs, values, strict=True):
            self._witnesses[output] = tuple(np.asarray(value) for value in witnessed)
            self.tensors[output] = _spec_of(name, self._witnesses[output])
        self.steps.append(Step(name, op, tuple(inputs), outputs, attributes, tuple(tags)))
        return outputs

    def finish(self, outputs: Mapping[str, str]) -> Program:
        """Return the program; constants that no step reads are left out."""
        used = {name for step in self.steps for name in step.inputs} | set(outputs.values())
        constants = {name: array for name, array in self.constants.items() if name in used}
        return Program(
            self.name, self.inputs, constants, tuple(self.steps), dict(outputs), self.tensors, self.properties
        )


class Traced:
    """A tensor inside a model function while it is traced: it has a name and a shape, and no value."""

    def __init__(self, name: str, spec: TensorSpec, label: str = "") -> None:
        """Wrap the tensor ``name``; ``label`` is what the model calls it when several names share one array."""
        self.name = name
        self.label = label
        self.shape: tuple[int | Symbol, ...] = tuple(
            symbol(size) if isinstance(size, str) else size for size in spec.shape
        )

    def __bool__(self) -> bool:
        """Refuse to branch."""
        raise SymbolError(f"tensor {self.name}: a model branched on its value; expected the same steps for every input")


class Tracer:
    """The operator namespace that records: ``tracer.softmax(x)`` appends a softmax step and returns its result."""

    def __init__(self, builder: Builder) -> None:
        """Record into ``builder``."""
        self._builder = builder
        self._lifted: dict[int, tuple[str, Array]] = {}

    def constant(self, array: Array, label: str = "") -> Traced:
        """Lift an array into the program; the same array lifted again is the same constant."""
        # An entry holds its array too, because the id of an array that is gone may be another's.
        name, _ = self._lifted.setdefault(id(array), (label or f"constant_{len(self._lifted)}", array))
        self._builder.constant(name, array)
        return Traced(name, self._builder.spec(name), label)

    def __getattr__(self, op: str) -> Callable[..., Any]:
        """Return the recording form of the operator ``op``."""
        if op not in ops.OPERATORS:
            raise AttributeError(op)

        def record(*operands: Any, **keywords: Any) -> Any:
            bound = inspect.signature(ops.OPERATORS[op]).bind(*operands, **keywords)
            attributes: dict[str, Attribute] = {}
            tensors: list[Traced | None] = []
            for name, parameter in bound.signature.parameters.items():
                if parameter.kind is parameter.KEYWORD_ONLY:
                    if name in bound.arguments:
                        attributes[name] = _plain(bound.arguments[name])
                elif parameter.kind is parameter.VAR_POSITIONAL:
                    tensors += [self._lift(value) for value in bound.arguments.get(name, ())]
                else:
                    tensors.append(self._lift(bound.arguments.get(name)))
            while tensors and tensors[-1] is None:
                tensors.pop()
            outputs = self._builder.emit(
                self._name(op, tensors),
                op,
                [None if tensor is None else tensor.name for tensor in tensors],
                attributes,
                current_tags(),
            )
            results = tuple(Traced(output, self._builder.spec(output)) for output in outputs)
            return results if len(results) > 1 else results[0]

        return record

    def _lift(self, value: Any) -> Traced | None:
        return value if value is None or isinstance(value, Traced) else self.constant(np.asarray(value))

    def _name(self, op: str, tensors: Sequence[Traced | None]) -> str:
        weights = [tensor.label for tensor in tensors if tensor is not None and tensor.label.endswith(".weight")]
        base = weights[0].removesuffix(".weight") if weights else ".".join((*current_names(), op))
        name, count = base, 1
        while self._builder.has(name):
            name, count = f"{base}_{count}", count + 1
        return name


class Weights(Mapping[str, Any]):
    """
    The weights of a model by name, with a view of one part: ``weights.at("encoder.layer.0")["output.dense.weight"]``.

    Values are arrays, or what a namespace lifts them to.
    """

    def __init__(self, arrays: Mapping[str, Array], lift: Callable[[Array, str], Any], prefix: str = "") -> None:
        """View ``arrays`` below ``prefix``; ``lift(array, name)`` makes the value that a model function sees."""
        self._arrays = arrays
        self._lift = lift
        self.prefix = prefix

    def at(self, part: str) -> Weights:
        """Return the view of one part of the model."""
        return Weights(self._arrays, self._lift, f"{self.prefix}{part}.")

    def __getitem__(self, name: str) -> Any:
        """Return one weight."""
        full = self.prefix + name
        return self._lift(self._arrays[full], full)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names in this part."""
        return (name.removeprefix(self.prefix) for name in self._arrays if name.startswith(self.prefix))

    def __len__(self) -> int:
        """Return the number of weights in this part."""
        return sum(1 for _ in self)


def trace(
    name: str,
    function: Callable[..., Mapping[str, Any]],
    inputs: Mapping[str, TensorSpec],
    weights: Mapping[str, Array],
) -> Program:
    """
    Run ``function(ops, weights, **inputs)`` on the recording namespace and return the program that it described.

    The function returns its outputs by name.
    """
    builder = Builder(name, inputs, {"recipe": "fp32"})
    tracer = Tracer(builder)
    view = Weights(weights, tracer.constant)
    outputs = function(tracer, view, **{name: Traced(name, spec) for name, spec in inputs.items()})
    return builder.finish({label: tensor.name for label, tensor in outputs.items()})


def _witness(spec: TensorSpec, sizes: Mapping[str, int]) -> Array:
    shape = tuple(sizes[size] if isinstance(size, str) else size for size in spec.shape)
    if spec.dtype in ("int64", "int32", "int8", "uint8"):
        return np.zeros(shape, spec.dtype)
    return np.ones(shape, _NUMPY_TYPE.get(spec.dtype, spec.dtype))


def _plain(value: Any) -> Attribute:
    if isinstance(value, Symbol):
        return value.name
    if isinstance(value, (tuple, list)):
        return tuple(item.name if isinstance(item, Symbol) else operator.index(item) for item in value)
    return value.item() if isinstance(value, np.generic) else value  # type: ignore[no-any-return]


def _spec_of(step: str, witnessed: tuple[Array, ...]) -> TensorSpec:
    first, second = witnessed
    shape: list[int | str] = []
    for sizes in zip(first.shape, second.shape, strict=True):
        symbols = [symbol for symbol in WITNESSES[0] if sizes == tuple(witness[symbol] for witness in WITNESSES)]
        if sizes[0] != sizes[1] and not symbols:
            raise SymbolError(
                f"step {step}: a dimension is {sizes[0]} for {dict(WITNESSES[0])} and {sizes[1]} for "
                f"{dict(WITNESSES[1])}; expected a fixed size or one symbol"
            )
        shape.append(symbols[0] if symbols else sizes[0])
    return TensorSpec(dtype_name(first), tuple(shape))
