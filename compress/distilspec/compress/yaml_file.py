"""Reading a file in YAML as a section, and the one line that refuses what is none."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from distilspec.reference.contract.errors import FormatError

_LARGEST = 100_000

S = TypeVar("S", bound=BaseModel)


def read_yaml(path: Path) -> Any:
    """Return what a file holds; ``FormatError`` if it cannot be read, is no YAML or too large, or has a key twice."""
    try:
        text = path.read_bytes()[: _LARGEST + 1].decode()
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}; expected a readable YAML file") from None
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: {error}; expected a readable YAML file") from None
    if len(text) > _LARGEST:
        raise FormatError(f"{path}: the file is larger than {_LARGEST:,} characters; expected a pipeline")
    try:
        return yaml.load(text, Loader=_Loader)
    except Exception as error:  # noqa: BLE001 - PyYAML raises whatever a tag or a date leads to that is none
        raise FormatError(f"{path}: {' '.join(str(error).split())}; expected YAML") from None


def validated(path: Path, fields: Any, kind: type[S]) -> S:
    """Return what a file holds as a section; ``FormatError`` for an unknown key, or a value that is refused."""
    try:
        text = json.dumps(fields, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise FormatError(f"{path}: {error}; expected texts, finite numbers, lists and mappings") from None
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise FormatError(f"{path}: {_line(error, json.loads(text), kind)}") from None


def _line(error: ValidationError, fields: Any, kind: type[BaseModel]) -> str:
    """Return what is wrong with the first value that is refused: of one that may be several things, all of those."""
    found = [(_place(one, fields), one) for one in error.errors()]
    first = found[0][0]
    # What may be several things has an error for each of them; that which fits best was refused at its deepest.
    place = max((place for place, _ in found if place[: len(first)] == first), key=len)
    refused = [one for where, one in found if where == place]
    name = ".".join(map(str, place)) or "the file"
    match refused[0]["type"]:
        case "missing":
            return f"{name} is absent; expected it because it has no default"
        case "value_error":
            return f"{name}: {refused[0]['ctx']['error']}"
    meaning, sections = _meant(kind, place)
    wanted = " or ".join(dict.fromkeys(_wanted(one, sections) for one in refused))
    because = f" because it means: {meaning.removesuffix('.')}" if meaning else ""
    return f"{name} is {refused[0]['input']!r:.60}; expected {wanted}{because}"


def _place(error: ErrorDetails, fields: Any) -> tuple[int | str, ...]:
    """Return where in the file an error is, without pydantic's names of the things that a value may be."""
    place: list[int | str] = []
    for item in error["loc"]:
        there = range(len(fields)) if isinstance(fields, list) else fields if isinstance(fields, dict) else ()
        if item in there:
            fields = fields[item]
        elif error["type"] != "missing" or item != error["loc"][-1]:
            continue
        place.append(item)
    return tuple(place)


def _meant(kind: type[BaseModel], place: tuple[int | str, ...]) -> tuple[str, list[type[BaseModel]]]:
    """Return what a value means, and the sections that it may be."""
    meaning, sections = "", [kind]
    for item in place:
        named = [section.model_fields[item] for section in sections if item in section.model_fields]
        if named:
            meaning, sections = named[0].description or "", list(_sections(named[0].annotation))
    return meaning, sections


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)


def _wanted(error: ErrorDetails, sections: Sequence[type[BaseModel]]) -> str:
    told = error.get("ctx", {})
    match error["type"]:
        case "too_short":
            return f"{told['min_length']} or more entries"
        case "too_long":
            return f"no more than {told['max_length']} entries"
        case "list_type" | "tuple_type":
            return "a list"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "a mapping"
        case "int_type" | "int_from_float":
            return "a whole number"
        case "float_type":
            return "a number"
        case "string_type":
            return "a text"
        case "bool_type":
            return "true or false"
        case "string_pattern_mismatch":
            return f"a text of the form {told['pattern']}"
        case "union_tag_not_found" | "union_tag_invalid":
            kinds = [name for one in sections for name in get_args(one.model_fields["kind"].annotation)]
            return f"a mapping whose kind is {', '.join(kinds[:-1])} or {kinds[-1]}"
    return error["msg"].removeprefix("Input should be ")


class _Loader(yaml.SafeLoader):
    """YAML without keys that stand twice, of which PyYAML takes the last, and without aliases, which can explode."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node; ``yaml.MarkedYAMLError`` for an alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(
                None, None, "an alias is not allowed", parent.start_mark if parent else None
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return the mapping; ``yaml.MarkedYAMLError`` for a key that stands twice."""
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key stands twice", node.start_mark)
        return mapping
