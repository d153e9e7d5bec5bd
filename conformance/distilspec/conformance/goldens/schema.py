"""JSON Schemas of the two kinds of JSON file in a golden folder; ``make`` writes them beside the cases."""

from __future__ import annotations

from typing import Any

from distilspec.reference.contract.recipes import Recipe

#: The number of this form of the files; another form is another folder, ``v2``.
FORMAT = 1

_TENSOR = {
    "name": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
    "dtype": {"enum": ["float64", "float32", "int64", "int32", "int8", "uint8", "bool"]},
    "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "maxItems": 8},
    "values": {"type": "array", "items": {"type": ["number", "boolean", "string"]}},
}

_INPUT = {
    "type": "object",
    "properties": {**_TENSOR, "absent": {"const": True}},
    "required": ["name"],
    "oneOf": [{"required": ["dtype", "shape"]}, {"required": ["absent"]}],
    "additionalProperties": False,
}

_OUTPUTS = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "properties": {**_TENSOR, "judgement": {"enum": ["exact", "set", "bound"]}, "open": {"const": True}},
        "required": ["name", "dtype", "shape", "judgement"],
        "additionalProperties": False,
    },
}

_ATTRIBUTE = {"anyOf": [{"type": ["boolean", "number", "string", "null"]}, {"type": "array"}]}

_ID = {"type": "string", "pattern": "^[a-z0-9_]+(-[a-z0-9]+)+$"}

_CASE = {
    "type": "object",
    "properties": {
        "id": _ID,
        "clauses": {"type": "array", "items": {"type": "string", "pattern": "^[A-Z0-9]+-S[0-9]+$"}},
        "origin": {"enum": ["hand", "exact", "reference"]},
        "recipe": {"enum": [recipe.value for recipe in Recipe]},
        "program": {"type": "string", "pattern": "^programs/[a-z0-9_]+$"},
        "notes": {"type": "string", "minLength": 1},
        "attributes": {"type": "object", "additionalProperties": _ATTRIBUTE},
        "inputs": {"type": "array", "items": _INPUT},
        "expected": _OUTPUTS,
        "allowed": {"type": "array", "minItems": 1, "items": _OUTPUTS},
        "superseded_by": _ID,
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    },
    "required": ["id", "clauses", "origin", "notes", "attributes", "inputs", "expected", "sha256"],
    "additionalProperties": False,
}

CASES: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "The golden cases of one operator",
    "type": "object",
    "properties": {
        "format": {"const": FORMAT},
        "operator": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
        "cases": {"type": "array", "minItems": 1, "items": _CASE},
    },
    "required": ["format", "operator", "cases"],
    "additionalProperties": False,
}

MANIFEST: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Every file of a golden folder, except the manifest itself",
    "type": "object",
    "properties": {
        "format": {"const": FORMAT},
        "cases": {"type": "integer", "minimum": 1},
        "files": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "path": {
                        "type": "string",
                        "pattern": "^([a-z0-9_]+/)*[a-z0-9_]+([.]schema)?[.](json|safetensors)$",
                    },
                    "bytes": {"type": "integer", "minimum": 1, "maximum": 4194304},
                    "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                },
                "required": ["path", "bytes", "sha256"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["format", "cases", "files"],
    "additionalProperties": False,
}
