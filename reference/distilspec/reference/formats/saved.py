"""
Our saved form of a program: a folder with ``program.json`` and ``constants.safetensors``.

Equal programs give equal bytes, and a program that was loaded saves to the bytes that it was loaded from.
``program.json`` has one step a line; a string in a shape names a symbol, and an absent operand is null.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

from distilspec.reference.contract.errors import ContractError, FormatError
from distilspec.reference.contract.types import DTYPES, Array, Attribute, TensorSpec
from distilspec.reference.formats.json_file import read_json
from distilspec.reference.formats.new_folder import new_folder
from distilspec.reference.formats.safetensors_file import SafetensorsFile, write_safetensors
from distilspec.reference.program import Program, Step
from distilspec.reference.tracer import WITNESSES, Builder

T = TypeVar("T")

SCHEMA = 1

#: A loaded program is refused if a tensor has more numbers than this for the small inputs that it is checked with.
LARGEST_TENSOR = 2**26

#: What NumPy and Python raise when a hostile step has operands or attributes of no use.
_CANNOT_RUN = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)


def save_program(program: Program, folder: str | Path, *, tokenizer: str | Path | None = None) -> None:
    """
    Write ``program`` into the new folder ``folder``, with a copy of the file ``tokenizer`` when given.

    Raises
    ------
    FormatError
        The folder exists already, its parent does not, or a part of the program could not be read back unchanged.
    DTypeError
        A constant has an element type that the file format lacks.
    """
    try:
        text = _to_json(program)
    except (TypeError, ValueError) as error:
        raise FormatError(f"program {program.name}: {error}; expected attributes that JSON can hold") from None
    again = _from_json(json.loads(text), program.constants)
    for part in ("name", "inputs", "steps", "tensors", "outputs", "properties"):
        if getattr(again, part) != getattr(program, part):
            raise FormatError(
                f"program {program.name}: its {part} would not be read back unchanged; expected they were"
            )
    with new_folder(Path(folder)) as temporary:
        (temporary / "program.json").write_text(text, encoding="utf-8")
        write_safetensors(temporary / "constants.safetensors", program.constants)
        if tokenizer is not None:
            shutil.copyfile(tokenizer, temporary / "tokenizer.json")


def load_program(folder: str | Path) -> Program:
    """
    Return the program that was saved into ``folder``.

    Every step is evaluated on small inputs, and refused unless it gives the dtypes and shapes that the file states.

    Raises
    ------
    FormatError
        A file is missing, truncated, inconsistent or hostile, or has another schema version.
    ContractError
        The program's parts do not fit together, an operator does not exist, or it refuses its operands.
    """
    folder = Path(folder)
    try:
        fields = read_json(folder / "program.json", dict)
        if fields.get("schema") != SCHEMA:
            raise FormatError(f"schema is {fields.get('schema')!r:.60}; expected {SCHEMA}")
        file = SafetensorsFile(folder / "constants.safetensors")
        names = [_text(name, "a constant's name") for name in _field(fields, "constants", list)]
        if sorted(names) != sorted(file.entries):
            different = sorted(set(names) ^ set(file.entries)) or names
            raise FormatError(f"constant {different[0]} is not once in both files; expected the same names in both")
        program = _from_json(fields, {name: file.read(name) for name in names})
        _verify(program)
    except ContractError as error:
        message = str(error)
        raise type(error)(message if message.startswith(str(folder)) else f"{folder}: {message}") from None
    return program


def _to_json(program: Program) -> str:
    steps = [
        {
            "name": step.name,
            "op": step.op,
            "inputs": step.inputs,
            "outputs": {name: _spec_to_json(program.tensors[name]) for name in step.outputs},
            "attributes": dict(step.attributes),
            "tags": step.tags,
        }
        for step in program.steps
    ]
    blocks = {
        "schema": SCHEMA,
        "name": program.name,
        "properties": dict(program.properties),
        "inputs": {name: _spec_to_json(spec) for name, spec in program.inputs.items()},
        "outputs": dict(program.outputs),
        "constants": list(program.constants),
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)},\n" for key, value in blocks.items()]
    listed = ",\n".join(json.dumps(step, allow_nan=False) for step in steps)
    return "{\n" + "".join(lines) + f'"steps": [\n{listed}\n]\n}}\n'


def _spec_to_json(spec: TensorSpec) -> dict[str, Any]:
    return {"dtype": spec.dtype, "shape": spec.shape}


def _from_json(fields: Mapping[str, Any], constants: Mapping[str, Array]) -> Program:
    steps = []
    tensors: dict[str, TensorSpec] = {}
    for step in _field(fields, "steps", list):
        _expect(isinstance(step, dict), "a step", step, "an object")
        made = _specs(_field(step, "outputs", dict))
        tensors |= made
        steps.append(
            Step(
                name=_text(step.get("name"), "a step's name"),
                op=_text(step.get("op"), "a step's op"),
                inputs=tuple(
                    None if name is None else _text(name, "an operand") for name in _field(step, "inputs", list)
                ),
                outputs=tuple(made),
                attributes={
                    _text(key, "an attribute's name"): _attribute(value)
                    for key, value in _field(step, "attributes", dict).items()
                },
                tags=tuple(_text(tag, "a tag") for tag in _field(step, "tags", list)),
            )
        )
    properties = _texts(_field(fields, "properties", dict))
    _expect("recipe" in properties, "properties", properties, "a recipe in it")
    return Program(
        name=_text(fields.get("name"), "name"),
        inputs=_specs(_field(fields, "inputs", dict)),
        constants=constants,
        steps=tuple(steps),
        outputs=_texts(_field(fields, "outputs", dict)),
        tensors=tensors,
        properties=properties,
    )


def _verify(program: Program) -> None:
    for name, spec in {**program.inputs, **program.tensors}.items():
        numbers = prod(WITNESSES[-1][size] if isinstance(size, str) else size for size in spec.shape)
        _expect(numbers <= LARGEST_TENSOR, f"tensor {name}", str(spec), f"at most {LARGEST_TENSOR:,} numbers")
    builder = Builder(program.name, program.inputs, program.properties)
    for name, array in program.constants.items():
        builder.constant(name, array)
    for step in program.steps:
        try:
            outputs = builder.emit(step.name, step.op, step.inputs, step.attributes, step.tags)
        except ContractError as error:
            raise type(error)(f"step {step.name}: {error}") from None
        except _CANNOT_RUN as error:
            reason = " ".join(str(error).split())
            raise FormatError(f"step {step.name}: {step.op} cannot run: {reason}; expected fitting operands") from None
        stated = {name: program.tensors[name] for name in step.outputs}
        given = {name: builder.tensors[name] for name in outputs}
        if stated != given:
            raise FormatError(f"step {step.name}: outputs are {_listed(stated)}; expected {_listed(given)}")


def _listed(specs: Mapping[str, TensorSpec]) -> str:
    return ", ".join(f"{name} {spec}" for name, spec in specs.items())


def _expect(condition: bool, what: str, seen: object, expected: str) -> None:
    if not condition:
        raise FormatError(f"{what} is {seen!r:.60}; expected {expected}")


def _field(fields: Mapping[str, Any], key: str, kind: type[T]) -> T:
    value = fields.get(key)
    if not isinstance(value, kind):
        raise FormatError(f"{key} is {value!r:.60}; expected a {kind.__name__}")
    return value


def _text(value: object, what: str) -> str:
    if not value or not _is_line(value):
        raise FormatError(f"{what} is {value!r:.60}; expected printable text")
    return value


def _texts(fields: Mapping[str, Any]) -> dict[str, str]:
    return {_text(key, "a name"): _text(value, key) for key, value in fields.items()}


def _specs(fields: Mapping[str, Any]) -> dict[str, TensorSpec]:
    specs = {}
    for name, spec in fields.items():
        _expect(isinstance(spec, dict) and set(spec) == {"dtype", "shape"}, "a spec", spec, "dtype and shape")
        _expect(spec["dtype"] in DTYPES, "a dtype", spec["dtype"], f"one of {', '.join(DTYPES)}")
        shape = _field(spec, "shape", list)
        known = all(
            size in WITNESSES[0] if isinstance(size, str) else type(size) is int and size >= 0 for size in shape
        )
        _expect(known, "a shape", shape, f"sizes and {', '.join(WITNESSES[0])}")
        specs[_text(name, "a tensor's name")] = TensorSpec(spec["dtype"], tuple(shape))
    return specs


def _attribute(value: object) -> Attribute:
    if isinstance(value, list) and all(type(item) is int or _is_line(item) for item in value):
        return tuple(value)
    if value is None or isinstance(value, (bool, int, float)) or _is_line(value):
        return value
    raise FormatError(f"an attribute is {value!r:.60}; expected a number, text, null, or a list of sizes")


def _is_line(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.isprintable()
