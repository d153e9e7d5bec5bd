"""Reading a file in YAML as a section, and the one line that refuses what is none."""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

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
    except (yaml.YAMLError, RecursionError) as error:
        raise FormatError(f"{path}: {' '.join(str(error).split())}; expected YAML") from None


def validated(path: Path, fields: Any, kind: type[S]) -> S:
    """Return what a file holds as a section; ``FormatError`` for an unknown key, or a value that is refused."""
    try:
        return kind.model_validate_json(json.dumps(fields, allow_nan=False))
    except ValidationError as error:
        raise FormatError(f"{path}: {_line(error)}") from None
    except (TypeError, ValueError) as error:
        raise FormatError(f"{path}: {error}; expected texts, finite numbers, lists and mappings") from None


def _line(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"])) or "the file"
    match first["type"]:
        case "missing":
            return f"{place} is absent; expected it because it has no default"
        case "value_error":
            return f"{place}: {first['ctx']['error']}"
    return f"{place} is {first['input']!r:.60}; expected {first['msg'].removeprefix('Input should be ')}"


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
