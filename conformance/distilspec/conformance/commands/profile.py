"""``distilspec profile``: where the time of the fast engine goes."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from distilspec.conformance.commands.options import (
    NAMED_MODEL_HELP,
    BlockShapeOption,
    JsonOption,
    PrunedOption,
    parse_block_shape,
)
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe


def profile(
    model: Annotated[
        str, typer.Option(help=f"distilbert-base (random weights), {NAMED_MODEL_HELP}")
    ] = "distilbert-base",
    recipe: Annotated[Recipe, typer.Option(help="The numerics.")] = Recipe.W8A8_STATIC,
    sparsity: Annotated[float, typer.Option(help="Share of pruned blocks; not of a pipeline's student.")] = 0.0,
    block_shape: BlockShapeOption = "4,1",
    pruned: PrunedOption = "all",
    shape: Annotated[str, typer.Option(help="BATCHxTOKENS.")] = "1x128",
    threads: Annotated[int, typer.Option(help="Threads of the engine.", min=1)] = 1,
    seconds: Annotated[float, typer.Option(help="Time for the rounds, of which the least counts.", min=0.0)] = 10.0,
    as_json_text: JsonOption = False,
) -> None:
    """
    Time every operation of a forward of the fast engine, beside what the machine's limits allow.

    Example: distilspec profile --shape 1x128 --threads 2 --sparsity 0.8
    """
    from distilspec.conformance.bench.profile import profile as measured
    from distilspec.conformance.bench.profile_table import print_profile
    from distilspec.conformance.bench.workloads import Shape, compression, workloads
    from distilspec.reference.formats.named_models import compressed_of

    result = compressed_of(model)
    if result is None:
        (workload,) = workloads(model, [sparsity], [parse_block_shape(block_shape)], pruned)
    elif sparsity or pruned != "all":
        raise RangeError(
            f"profile: {result.folder} is timed as its pipeline has made it; expected no --sparsity or --pruned"
        )
    else:
        workload = compression(result)[-1]
    found = measured(workload, recipe, Shape.parse(shape), threads, seconds)
    if as_json_text:
        print(json.dumps(found.as_json(), indent=1, allow_nan=False))
    else:
        print_profile(found, Console())
