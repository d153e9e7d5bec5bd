"""Options that several subcommands have, and how their values are read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from distilspec.reference.contract.errors import RangeError

RUNTIME_HELP = "A name that docs/runtimes.md lists, or exec:COMMAND for a program that speaks the protocol."
MODEL_HELP = (
    "minilm, minilm-distilbert, random-FAMILY-NUMBER (family bert, distilbert or tinybert), a Hugging Face folder, "
    "a folder that distilspec compress has made, or an ONNX file of your own."
)
NAMED_MODEL_HELP = "minilm, minilm-distilbert, a Hugging Face folder, or a folder that distilspec compress has made."

SparsityOption = Annotated[float, typer.Option(help="Prune the model's encoder by block magnitude first.")]
BlockShapeOption = Annotated[str, typer.Option(help="out,in of a pruned block.")]
PrunedOption = Annotated[str, typer.Option(help="all: every Linear of the encoder; ffn: the feed-forward ones.")]
TokenizerOption = Annotated[Path | None, typer.Option(help="The folder of the tokenizer of an ONNX file.")]
RuntimeOption = Annotated[list[str] | None, typer.Option(help="KEY=VALUE for the runtime, e.g. level=basic.")]
SeedOption = Annotated[int, typer.Option(help="Decides every random input.", min=0)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def parse_options(pairs: Sequence[str]) -> Mapping[str, str]:
    """Return KEY=VALUE pairs as a mapping."""
    for pair in pairs:
        if not re.fullmatch(r"[^=]+=.+", pair):
            raise RangeError(f"option: {pair!r} is not KEY=VALUE; expected for example level=basic")
    return dict(pair.split("=", 1) for pair in pairs)


def parse_block_shape(text: str) -> tuple[int, int]:
    """Return ``out,in`` as two positive integers."""
    if not re.fullmatch(r"[1-9]\d*,[1-9]\d*", text):
        raise RangeError(f"block shape: {text!r} is not two positive integers; expected out,in, for example 4,1")
    out, in_ = text.split(",")
    return int(out), int(in_)
