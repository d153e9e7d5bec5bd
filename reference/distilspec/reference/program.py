"""``Program``: a compressed Transformer as a flat list of named operator steps over named tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from distilspec.reference.contract.errors import ContractError, DTypeError, RangeError, ShapeError, UnsupportedError
from distilspec.reference.contract.types import Array, Attribute, TensorSpec


class ProgramError(ContractError):
    """A program's steps, names and tensors do not fit together."""


@dataclass(frozen=True)
class Step:
    """
    One application of an operator.

    ``inputs`` and ``outputs`` are tensor names; ``None`` stands for an absent optional operand.
    The first output has the name of the step. ``tags`` say what the step is part of, for example ``encoder``.
    """

    name: str
    op: str
    inputs: tuple[str | None, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """One step that has just been evaluated, with the values that went in and came out."""

    step: Step
    arguments: tuple[Any, ...]
    attributes: Mapping[str, Any]
    results: tuple[Any, ...]


@dataclass(frozen=True)
class Program:
    """
    Steps in the order of evaluation, the tensors between them, and the constants that they use.

    Parameters
    ----------
    name : str
        The model's name or family.
    inputs : mapping of name to TensorSpec
    constants : mapping of name to array
    steps : tuple of Step
    outputs : mapping of the caller's name to a tensor name
    tensors : mapping of name to TensorSpec
        One entry for every output of every step.
    properties : mapping of str to str
        What the program is: ``recipe``, and ``sparsity`` and ``block_shape`` when it is sparse.

    Raises
    ------
    ProgramError
        A step reads a tensor that nothing has made, a name is used twice, an output does not exist, or an attribute
        names a dimension that no input has.
    """

    name: str
    inputs: Mapping[str, TensorSpec]
    constants: Mapping[str, Array]
    steps: tuple[Step, ...]
    outputs: Mapping[str, str]
    tensors: Mapping[str, TensorSpec]
    properties: Mapping[str, str] = field(default_factory=lambda: {"recipe": "fp32"})

    def __post_init__(self) -> None:
        """Refuse a program whose parts do not fit together."""
        known = set(self.inputs) | set(self.constants)
        if len(known) < len(self.inputs) + len(self.constants):
            twice = sorted(set(self.inputs) & set(self.constants))[0]
            raise ProgramError(f"program {self.name}: {twice} is an input and a constant; expected one meaning a name")
        dimensions = _dimensions(self.inputs)
        for step in self.steps:
            for dimension in _dimensions_used(step, dimensions):
                if dimension not in dimensions:
                    raise ProgramError(
                        f"program {self.name}: step {step.name} needs the size of {dimension}; "
                        "expected a dimension of an input"
                    )
            for operand in step.inputs:
                if operand is not None and operand not in known:
                    raise ProgramError(
                        f"program {self.name}: step {step.name} reads {operand}; "
                        "expected an input, a constant or an earlier step's output"
                    )
            if not step.outputs or step.outputs[0] != step.name:
                raise ProgramError(
                    f"program {self.name}: step {step.name} has outputs {step.outputs}; expected its own name first"
                )
            for output in step.outputs:
                if output in known:
                    raise ProgramError(f"program {self.name}: {output} is made twice; expected one maker a tensor")
                if output not in self.tensors:
                    raise ProgramError(f"program {self.name}: {output} has no dtype and shape; expected a TensorSpec")
                known.add(output)
        for label, tensor in self.outputs.items():
            if tensor not in known:
                raise ProgramError(f"program {self.name}: output {label} is {tensor}; expected an existing tensor")

    @property
    def recipe(self) -> str:
        """Return the name of the recipe whose numerics the program has."""
        return self.properties["recipe"]

    def replace(self, **changes: Any) -> Program:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def spec(self, tensor: str) -> TensorSpec:
        """Return dtype and shape of an input, a constant or a step's output; ``ProgramError`` if it is none."""
        if tensor in self.constants:
            array = self.constants[tensor]
            return TensorSpec(str(array.dtype), array.shape)
        found = self.inputs.get(tensor) or self.tensors.get(tensor)
        if found is None:
            raise ProgramError(f"program {self.name}: tensor {tensor} does not exist; expected a name in the program")
        return found

    def maker(self, tensor: str) -> Step | None:
        """Return the step that makes ``tensor``, or None for an input or a constant."""
        return next((step for step in self.steps if tensor in step.outputs), None)

    def evaluate(self, ops: Any, inputs: Mapping[str, Any]) -> Iterator[Evaluation]:
        """
        Evaluate step by step on the operators of ``ops`` and yield each step with its values.

        ``ops`` is any namespace that has the operators as attributes and a function ``constant`` that lifts an array:
        ``distilspec.reference.ops``, bound-carrying operators, torch, the tracer. A value is forgotten after its
        last use.

        Raises
        ------
        ShapeError, DTypeError, RangeError
            An input is missing, unknown, of the wrong shape or type, or a symbol would have two sizes.
        UnsupportedError
            ``ops`` lacks an operator.
        """
        arguments = self.checked(inputs)
        sizes = _sizes(self, arguments)
        last_use = {name: index for index, step in enumerate(self.steps) for name in (*step.outputs, *step.inputs)}
        values: dict[str, Any] = dict(arguments)
        for index, step in enumerate(self.steps):
            operator = getattr(ops, step.op, None)
            if operator is None:
                raise UnsupportedError(
                    f"program {self.name}: step {step.name} needs operator {step.op}; expected it among ops"
                )
            operands = []
            for name in step.inputs:
                if name is not None and name not in values:
                    values[name] = ops.constant(self.constants[name])
                operands.append(None if name is None else values[name])
            attributes = {key: resolve(value, sizes) for key, value in step.attributes.items()}
            result = operator(*operands, **attributes)
            results = tuple(result) if len(step.outputs) > 1 else (result,)
            values.update(zip(step.outputs, results, strict=True))
            for name in (*step.inputs, *step.outputs):
                if name is not None and last_use[name] == index:
                    values.pop(name, None)
            yield Evaluation(step, tuple(operands), attributes, results)

    def run(self, ops: Any, inputs: Mapping[str, Any], *, keep: Sequence[str] = ()) -> dict[str, Any]:
        """
        Evaluate the program and return its outputs by their labels, and the tensors named in ``keep`` by their names.

        The parameters and errors are those of ``evaluate``; ``ProgramError`` if ``keep`` names no tensor.
        """
        for name in keep:
            self.spec(name)
        wanted = set(self.outputs.values()) | set(keep)
        arguments = self.checked(inputs)
        found: dict[str, Any] = {name: value for name, value in arguments.items() if name in wanted}
        found |= {name: ops.constant(array) for name, array in self.constants.items() if name in wanted}
        for evaluation in self.evaluate(ops, arguments):
            made = zip(evaluation.step.outputs, evaluation.results, strict=True)
            found.update((name, value) for name, value in made if name in wanted)
        return {label: found[name] for label, name in self.outputs.items()} | {name: found[name] for name in keep}

    def extract(self, outputs: Sequence[str], given: Sequence[str] = ()) -> Program:
        """
        Return the smallest program that computes the tensors ``outputs`` when the tensors ``given`` are its inputs.

        A tensor of ``given`` is computed, not taken, if it is itself in ``outputs``, or if the step that makes it is
        needed for another of its results. Inputs of this program that are still needed stay inputs, if only for the
        size of a dimension.
        """
        stop = set(given) - set(outputs)
        needed = set(outputs)
        kept: list[Step] = []
        for step in reversed(self.steps):
            if needed & set(step.outputs) - stop:
                kept.append(step)
                needed |= {name for name in step.inputs if name is not None}
        made = {output for step in kept for output in step.outputs}
        sources = needed - made
        kept.reverse()
        inputs = {name: self.spec(name) for name in _ordered(self, sources) if name not in self.constants}
        owners = _dimensions(self.inputs)
        for dimension in (dimension for step in kept for dimension in _dimensions_used(step, owners)):
            if dimension not in _dimensions(inputs):
                inputs[owners[dimension]] = self.inputs[owners[dimension]]
        return Program(
            name=self.name,
            inputs=inputs,
            constants={name: array for name, array in self.constants.items() if name in needed},
            steps=tuple(kept),
            outputs={name: name for name in outputs},
            tensors={output: self.tensors[output] for step in kept for output in step.outputs},
            properties=self.properties,
        )

    def checked(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``inputs`` with masks as booleans and ids as int64; the errors are those of ``evaluate``."""
        for name in self.inputs:
            if name not in inputs:
                raise ShapeError(f"program {self.name}: input {name} is missing; expected {', '.join(self.inputs)}")
        for name in inputs:
            if name not in self.inputs:
                raise ShapeError(f"program {self.name}: unknown input {name}; expected {', '.join(self.inputs)}")
        return {name: _checked_input(self.name, name, inputs[name], spec) for name, spec in self.inputs.items()}

    def __str__(self) -> str:
        """Return the readable form: inputs, steps with the dtype and shape that they make, and outputs."""
        title = ", ".join(f"{key} {value}" for key, value in self.properties.items())
        width = max((len(step.name) for step in self.steps), default=0)
        lines = [f"program {self.name} ({title})", "inputs"]
        lines += [f"  {name}: {spec}" for name, spec in self.inputs.items()]
        lines.append("steps")
        for step in self.steps:
            operands = ["-" if name is None else name for name in step.inputs]
            operands += [f"{key}={_shown(value)}" for key, value in step.attributes.items()]
            made = ", ".join(str(self.tensors[name]) for name in step.outputs)
            lines.append(f"  {step.name:<{width}} = {step.op}({', '.join(operands)}): {made}")
        lines.append("outputs")
        lines += [f"  {label} = {name}: {self.spec(name)}" for label, name in self.outputs.items()]
        count = sum(array.size for array in self.constants.values())
        size = sum(array.nbytes for array in self.constants.values()) / 1e6
        lines.append(f"{len(self.steps)} steps, {len(self.constants)} constants, {count:,} numbers, {size:.1f} MB")
        return "\n".join(lines)


def _ordered(program: Program, names: set[str]) -> list[str]:
    order = [*program.inputs, *program.constants, *program.tensors]
    return [name for name in order if name in names]


def _dimensions(inputs: Mapping[str, TensorSpec]) -> dict[str, str]:
    """Return the named dimensions of the inputs, each with the first input that has it."""
    owners: dict[str, str] = {}
    for name, spec in inputs.items():
        for size in spec.shape:
            if isinstance(size, str):
                owners.setdefault(size, name)
    return owners


def _dimensions_used(step: Step, known: Collection[str]) -> Iterator[str]:
    """Iterate over the dimensions that attributes name: every string in a tuple, and a single string if it is known."""
    for value in step.attributes.values():
        if isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, str))
        elif isinstance(value, str) and value in known:
            yield value


def _shown(value: Attribute) -> str:
    return f"({', '.join(map(str, value))})" if isinstance(value, tuple) else str(value)


def resolve(value: Attribute, sizes: Mapping[str, Any]) -> Any:
    """Replace the names of symbols in an attribute by their sizes."""
    if isinstance(value, tuple):
        return tuple(sizes[item] if isinstance(item, str) else item for item in value)
    return sizes[value] if isinstance(value, str) and value in sizes else value


def _sizes(program: Program, inputs: Mapping[str, Any]) -> dict[str, Any]:
    sizes: dict[str, Any] = {}
    for name, spec in program.inputs.items():
        for dimension, size in zip(spec.shape, inputs[name].shape, strict=True):
            if not isinstance(dimension, str):
                continue
            if dimension in sizes and sizes[dimension] is not size and sizes[dimension] != size:
                raise ShapeError(
                    f"program {program.name}: input {name} has {dimension} = {size}; "
                    f"expected {sizes[dimension]} because another input has it"
                )
            sizes[dimension] = size
    return sizes


def _checked_input(program: str, name: str, value: Any, spec: TensorSpec) -> Any:
    if not hasattr(value, "shape"):
        raise DTypeError(f"program {program}: input {name} is a {type(value).__name__}; expected an array {spec}")
    fits = len(value.shape) == len(spec.shape) and all(
        isinstance(want, str) or size == want for size, want in zip(value.shape, spec.shape, strict=True)
    )
    if not fits:
        raise ShapeError(f"program {program}: input {name} has shape {tuple(value.shape)}; expected {spec}")
    if not isinstance(value, np.ndarray):
        return value
    if spec.dtype == "bool" and np.issubdtype(value.dtype, np.integer):
        if not np.isin(value, (0, 1)).all():
            raise RangeError(f"program {program}: input {name} holds other values than 0 and 1; expected a mask")
        return value.astype(np.bool_)
    kinds = {"float": ("float32", "float64"), "int64": ("int32", "int64")}.get(spec.dtype, (spec.dtype,))
    if str(value.dtype) not in kinds:
        raise DTypeError(f"program {program}: input {name} has dtype {value.dtype}; expected {' or '.join(kinds)}")
    return value.astype(np.int64) if spec.dtype == "int64" else value
