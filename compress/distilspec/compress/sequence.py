"""Which runs a file asks for: one pipeline, or those of a collection with their seeds, and what they have shown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from transformers.utils import logging

from distilspec.compress.collection import Collection, load_file
from distilspec.compress.embeddings.measure import measure
from distilspec.compress.embeddings.section import Embeddings
from distilspec.compress.latency import with_latency
from distilspec.compress.order import run_stages
from distilspec.compress.pipeline import Pipeline, load_pipeline
from distilspec.compress.record import write_json
from distilspec.compress.run import PausedError, Run
from distilspec.compress.summary import Planned, summarise
from distilspec.compress.summary_picture import draw_pictures, missing
from distilspec.compress.summary_table import as_markdown
from distilspec.reference.contract.errors import FormatError, RangeError, errors_about
from distilspec.reference.formats.compressed import TEACHER


def run_file(path: Path, *, stage: str | None = None, out: Path | None = None) -> None:
    """
    Run a pipeline file, one after the other all that a collection names, or measurements; what is done already stays.

    Every file of a collection is read before the first runs. Once its runs are over, or its hours, what they have
    shown is summarised.

    Raises
    ------
    ContractError, PausedError
        As ``load_file``, ``run_stages``, ``summarise_file`` and ``measure``.
    """
    logging.disable_progress_bar()
    found = load_file(path)
    if isinstance(found, Embeddings):
        if stage is not None:
            raise RangeError(f"stage {stage}: {path} measures embeddings; expected no stage because it has none")
        measure(found, path.parent, out or Path(found.outputs.folder))
        return
    planned = plan(found, path, out)
    if not isinstance(found, Collection):
        for one in planned:
            _run(one, stage)
        return
    try:
        for one in planned:
            with errors_about(str(one.source)):
                _run(one, stage, is_announced=True)
    except PausedError:
        summarise_file(path, out=out)
        raise
    if stage in (None, "evaluate"):
        summarise_file(path, out=out)


def summarise_file(path: Path, *, out: Path | None = None, latency: Sequence[Path] = ()) -> None:
    """
    Write what the runs of a file have shown, as far as they are done, and say where.

    A collection's summary goes into a folder of its name beside those of its runs, a pipeline's into its own.

    Parameters
    ----------
    path : Path
        A pipeline file, or a collection.
    out : Path, optional
        As for ``run_file``.
    latency : sequence of Path
        Files of ``distilspec bench --model FOLDER --json``.

    Raises
    ------
    ContractError
        As ``load_file``, ``summarise`` and ``with_latency``.
    RangeError
        Nothing is evaluated yet and times are to be shown beside accuracy.
    FormatError
        The system refuses to write.
    """
    found = load_file(path)
    planned = plan(found, path, out)
    parent = out or planned[0].folder.parent
    folder = parent / found.name if isinstance(found, Collection) else planned[0].folder
    summary = summarise(found.name, planned)
    console = Console(stderr=True)
    if latency:
        if not summary["students"]:
            raise RangeError(f"{path}: none of its runs is evaluated; expected one to show times beside its accuracy")
        summary = with_latency(summary, latency)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "summary.json", summary)
        (folder / "summary.md").write_text("\n".join(as_markdown(summary)) + "\n", encoding="utf-8")
        reason = missing()
        if reason is None:
            draw_pictures(summary, folder)
    except OSError as error:
        raise FormatError(f"{folder}: {error.strerror}; expected that the summary can be written") from None
    done, absent = sum(len(student["seeds"]) for student in summary["students"]), len(summary["absent"])
    for line in (f"{found.name}: {done} of {done + absent} runs evaluated, {folder / 'summary.md'}", reason):
        if line:
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def plan(found: Pipeline | Collection | Embeddings, path: Path, out: Path | None = None) -> list[Planned]:
    """
    Return the runs that a file asks for, in their order.

    A collection's pipeline goes into its own folder, or with ``out`` into one of its name in that folder.

    Raises
    ------
    ContractError
        As ``load_pipeline``; ``RangeError`` if the file is neither a pipeline nor a collection.
    """
    if isinstance(found, Embeddings):
        raise RangeError(f"{path}: it measures embeddings; expected a pipeline or a collection of them")
    if not isinstance(found, Collection):
        return [Planned(found, path, out or Path(found.outputs.folder))]
    planned = []
    for listed in found.runs:
        source = path.parent / listed.pipeline
        pipeline = load_pipeline(source)
        folder = out / pipeline.name if out else Path(pipeline.outputs.folder)
        if listed.seeds is None:
            planned.append(Planned(pipeline, source, folder))
        planned += [
            Planned(pipeline.model_copy(update={"seed": seed}), source, Path(f"{folder}-seed-{seed}"))
            for seed in listed.seeds or ()
        ]
    return planned


def _run(planned: Planned, stage: str | None, *, is_announced: bool = False) -> None:
    run = Run(planned.pipeline, planned.source.parent, planned.folder)
    if is_announced:
        run.record.say(f"{planned.pipeline.name}, seed {planned.pipeline.seed}: {planned.folder}")
    run_stages(run, stage)
    if run.teacher.exists():
        write_json(run.folder / TEACHER, {"folder": os.path.relpath(run.teacher, run.folder)})
