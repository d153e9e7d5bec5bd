"""``distilspec bench``: runtimes side by side on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from distilspec.conformance.commands.options import NAMED_MODEL_HELP, JsonOption, PrunedOption, parse_block_shape
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe


def bench(
    runtimes: Annotated[
        list[str] | None, typer.Argument(help="Runtimes or forms of them, e.g. fast openvino; all for everything.")
    ] = None,
    model: Annotated[
        str, typer.Option(help=f"distilbert-base (random weights), {NAMED_MODEL_HELP}")
    ] = "distilbert-base",
    shapes: Annotated[str, typer.Option(help="BATCHxTOKENS, separated by commas.")] = "1x128",
    threads: Annotated[list[int] | None, typer.Option(help="Threads of each runtime; repeatable.", min=1)] = None,
    sparsity: Annotated[
        list[float] | None, typer.Option(help="Share of pruned blocks; repeatable; not of a pipeline's student.")
    ] = None,
    block_shape: Annotated[list[str] | None, typer.Option(help="out,in of a pruned block; repeatable.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Calibrated recipe of every static INT8 form, instead of w8a8-static.")
    ] = None,
    pruned: PrunedOption = "all",
    base: Annotated[str | None, typer.Option(help="Against whom the ratios are: openvino-int8 if timed.")] = None,
    seconds: Annotated[float, typer.Option(help="Time for the rounds of each table.", min=0.0)] = 20.0,
    latency_limit: Annotated[
        float | None, typer.Option(help="Milliseconds: find the most texts a second whose p99 latency is under it.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw latency, throughput and roofline, .svg or .png.")] = None,
    saved: Annotated[
        list[Path] | None, typer.Option("--from", help="Time nothing, and show what --json has printed; repeatable.")
    ] = None,
    as_json_text: JsonOption = False,
    as_markdown_text: Annotated[bool, typer.Option("--markdown", help="Print Markdown instead of tables.")] = False,
) -> None:
    """
    Time runtimes in rounds on one machine, each in a process of its own, after comparing what they compute.

    A runtime whose results are wrong is timed as well, with its verdict beside its time. A student that distilspec
    compress has made is timed beside its teacher.

    Example: distilspec bench --shapes 1x32,1x128 --threads 2 --sparsity 0 --sparsity 0.8
    """
    from distilspec.conformance.bench.output import show_results
    from distilspec.conformance.bench.peers import FLOAT32_BASE, chosen, missing, of_a_student, under
    from distilspec.conformance.bench.picture import expect_drawable
    from distilspec.conformance.bench.rows import LeftOut
    from distilspec.conformance.bench.saved import expect_one_machine, read_saved
    from distilspec.conformance.bench.serving import Serving, serve
    from distilspec.conformance.bench.session import Question, default_threads
    from distilspec.conformance.bench.session import bench as run
    from distilspec.conformance.bench.workloads import Shape, compression, workloads
    from distilspec.conformance.report.environment import this_environment
    from distilspec.reference.formats.named_models import compressed_of

    if as_json_text and as_markdown_text:
        raise RangeError("bench: --json and --markdown are two forms of one output; expected one of them")
    if picture is not None:
        expect_drawable(picture)
    if saved:
        if runtimes or as_json_text:
            raise RangeError("bench: --from shows what was timed; expected no runtimes and no --json")
        read = [read_saved(path) for path in saved]
        expect_one_machine(read)
        if picture is not None and all(isinstance(one, Serving) for one in read):
            raise RangeError("bench: --picture draws times; expected a file that was made without --latency-limit")
        show_results(read, False, as_markdown_text, picture)
        return
    result = compressed_of(model)
    if result is None:
        peers = chosen(runtimes or [])
        blocks = [parse_block_shape(text) for text in block_shape or ["4,1"]]
        what = workloads(model, sparsity or [0.0, 0.8], blocks, pruned)
        comparison = ""
    else:
        if sparsity or block_shape or pruned != "all":
            raise RangeError(
                f"bench: {result.folder} is timed as its pipeline has made it; "
                "expected no --sparsity, --block-shape or --pruned"
            )
        peers = chosen(runtimes) if runtimes else of_a_student(result.programs)
        if base is None and FLOAT32_BASE in [peer.name for peer in peers]:
            base = FLOAT32_BASE
        what = compression(result)
        comparison = str(result.folder)
    if recipe is not None:
        peers = under(peers, Recipe(recipe))
    sizes = [Shape.parse(text) for text in shapes.split(",")]
    counts = threads or default_threads()
    if latency_limit is None:
        with _status() as show:
            report = run(Question(peers, what, sizes, counts, base, seconds, comparison), show)
        show_results([report], as_json_text, as_markdown_text, picture)
        return
    if len({shape.sequence for shape in sizes}) > 1 or len(counts) > 1 or picture is not None:
        raise RangeError(
            "bench: --latency-limit chooses batch sizes and threads itself; "
            "expected one shape, one --threads and no --picture"
        )
    left_out = [LeftOut(peer.name, reason) for peer in peers if (reason := missing(peer)) is not None]
    present = [peer for peer in peers if missing(peer) is None]
    served = what[-1:] if comparison else what
    with _status() as show:
        tried = list(serve(present, served, sizes[0].sequence, counts[0], latency_limit, seconds, show))
    show_results([Serving(this_environment(), latency_limit, tried, left_out)], as_json_text, as_markdown_text, picture)


@contextmanager
def _status() -> Iterator[Callable[[str], object]]:
    """Yield what shows what is being done, on a terminal only."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("") as status:
        yield status.update
