"""What a worker says about itself in its first line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from distilspec.conformance.runtimes.worker.words import ProtocolError, parse_line, printable
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.ops import OPERATORS

#: The version of the protocol.
PROTOCOL = 1


class ProgramKind(StrEnum):
    """The form in which a worker takes whole programs."""

    NONE = "none"
    ONNX = "onnx"
    DISTILSPEC = "distilspec"


_TEXT = {"type": "string", "minLength": 1, "maxLength": 100}

_FIRST_LINE = Draft202012Validator(
    {
        "type": "object",
        "properties": {
            "protocol": {"const": PROTOCOL},
            "name": _TEXT,
            "version": _TEXT,
            "ops": {"type": "array", "items": {"enum": list(OPERATORS)}},
            "program": {"enum": list(ProgramKind)},
            "recipes": {"type": "array", "items": {"enum": list(Recipe)}},
            "expose": {"type": "boolean"},
            "threads": {"type": "boolean"},
            "opset": {"type": "integer", "minimum": 13, "maximum": 21},
        },
        "required": ["protocol", "name", "version"],
        "anyOf": [{"required": ["ops"]}, {"required": ["program"]}],
        "additionalProperties": False,
    }
)


@dataclass(frozen=True)
class Capabilities:
    """
    What a worker can be asked for.

    ``ops`` is None where a worker that takes programs does not say which operators they may hold.
    """

    name: str
    version: str
    ops: frozenset[str] | None = None
    program: ProgramKind = ProgramKind.NONE
    recipes: tuple[Recipe, ...] = tuple(Recipe)
    expose: bool = False
    threads: bool = False
    opset: int = 17


def read_capabilities(line: bytes) -> Capabilities:
    """
    Return what a worker's first line says.

    Raises
    ------
    ProtocolError
        The line is no JSON object, has a key too few or too many, or a value that the protocol does not know.

    Examples
    --------
    >>> read_capabilities(b'{"protocol":1,"name":"mine","version":"1.0","ops":["gelu"]}').ops
    frozenset({'gelu'})
    """
    said = parse_line(line, "its first line")
    wrong = best_match(_FIRST_LINE.iter_errors(said))
    if wrong is not None:
        raise ProtocolError(
            f"worker: its first line has a wrong {wrong.json_path.lstrip('$.') or 'set of keys'}: "
            f"{printable(wrong.message)}; expected the capabilities that docs/protocol.md describes"
        )
    values: dict[str, Any] = {key: value for key, value in said.items() if key != "protocol"}
    values |= {key: printable(values[key]) for key in ("name", "version")}
    if "ops" in values:
        values["ops"] = frozenset(values["ops"])
    if "program" in values:
        values["program"] = ProgramKind(values["program"])
    if "recipes" in values:
        values["recipes"] = tuple(Recipe(recipe) for recipe in values["recipes"])
    return Capabilities(**values)
