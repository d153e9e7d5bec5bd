"""``distilspec run``: a real answer from a real model."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from distilspec.conformance.answers import answer, arrange
from distilspec.conformance.check import load_subject
from distilspec.conformance.commands.options import NAMED_MODEL_HELP, RUNTIME_HELP, RuntimeOption, parse_options
from distilspec.conformance.runtimes import find_runtime
from distilspec.conformance.subject import Subject, compress
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.named_models import compressed_of, load_model


def run(
    model: Annotated[str, typer.Argument(help=NAMED_MODEL_HELP)],
    texts: Annotated[list[str], typer.Argument(help="Texts; for question answering a question and its context.")],
    runtime: Annotated[str, typer.Option(help=RUNTIME_HELP)] = "reference",
    recipe: Annotated[Recipe, typer.Option(help="The numerics to run under.")] = Recipe.FP32,
    truncate: Annotated[bool, typer.Option(help="Cut texts that are longer than the model's positions.")] = False,
    option: RuntimeOption = None,
    as_json_text: Annotated[bool, typer.Option("--json", help="Print records as JSON.")] = False,
) -> None:
    """
    Ask a model: similarities, labels, an answer or masked words, whichever its head gives.

    Example: distilspec run minilm "A cat sleeps." "A kitten is napping."
    """
    adapter = find_runtime(runtime, parse_options(option or []))
    loaded = load_model(model)
    inputs = loaded.encode(arrange(loaded, texts), truncate=truncate)
    program = compress(loaded, recipe, result=compressed_of(model))
    outputs = load_subject(adapter, Subject(loaded.name, program, {}, loaded)).run(inputs)
    adapter.close()
    records = answer(loaded, inputs, outputs)
    if as_json_text:
        print(json.dumps(records, indent=1))
        return
    for record in records:
        print(_line(record, texts))


def _line(record: dict[str, Any], texts: list[str]) -> str:
    if "similarity" in record:
        first, second = (texts[index] for index in record["texts"])
        return f"{record['similarity']:.4f}  {first!r} ~ {second!r}"
    if "proposals" in record:
        words = ", ".join(f"{word['token']} {word['score']:.3f}" for word in record["proposals"])
        return f"{texts[record['text']]!r}: {words}"
    if "answer" in record:
        return f"{record['answer']}  ({record['score']:.3f})"
    return "  ".join(
        f"{key} {value:.4f}" if isinstance(value, float) else f"{key} {value}" for key, value in record.items()
    )
