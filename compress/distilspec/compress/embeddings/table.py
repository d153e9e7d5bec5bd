"""A result as Markdown: what each variant reaches, and how far it is from the dense model in float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def table_of(result: Mapping[str, Any]) -> str:
    """Return two tables, the values with their intervals and the differences with theirs, and a line on each."""
    models = result["models"]
    names = list(models[0]["measures"])
    texts = ", ".join(f"{name} {count}" for name, count in result["texts"].items())
    per_cent = round(100 * result["confidence"])
    head = ["pruned", "recipe", *names]
    values = [
        [_weights(one), one["recipe"], *(_value(one["measures"][name]["value"]) for name in names)] for one in models
    ]
    differences = [
        [
            _weights(one),
            one["recipe"],
            *(_difference(one["measures"][name]["difference"]) for name in names),
            f"{one['cosine']:.4f}",
        ]
        for one in models
    ]
    return "\n".join(
        [
            f"Sentence embeddings of {result['model']}, pruned without training in blocks of "
            f"{tuple(result['block_shape'])}.",
            f"Texts: {texts}.",
            f"In brackets is the {per_cent} % interval of {result['draws']:,} draws of documents or questions.",
            "",
            *_rows(head, values),
            "",
            "The difference from the dense model in float32, all on the same draws; cosine is the mean of the angles' "
            "cosines to its embeddings.",
            "",
            *_rows([*head, "cosine"], differences),
            "",
        ]
    )


def _rows(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---", "---", *["--:"] * (len(head) - 2)], *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def _weights(model: Mapping[str, Any]) -> str:
    return "dense" if model["sparsity"] == 0 else f"{100 * model['sparsity']:g} %, {model['pruning']}"


def _value(interval: Mapping[str, float]) -> str:
    return f"{interval['value']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"


def _difference(interval: Mapping[str, float]) -> str:
    return f"{interval['value']:+.3f} [{interval['low']:+.3f}, {interval['high']:+.3f}]"
