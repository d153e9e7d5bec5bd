"""Which runs a file asks for: one pipeline, or those of a collection with their seeds, and what they have shown."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from transformers.utils import logging

from distilspec.compress.collection import Collection, load_file, load_listed
from distilspec.compress.embeddings.measure import measure
from distilspec.compress.embeddings.section import Embeddings
from distilspec.compress.latency import with_latency
from distilspec.compress.order import run_stages
from distilspec.compress.pipeline import Pipeline
from distilspec.compress.record import Voice, write_json, write_whole
from distilspec.compress.run import PausedError, Run
from distilspec.compress.summary import Measured, Planned, summarise
from distilspec.compress.summary_picture import draw_pictures, missing
from distilspec.compress.summary_table import as_markdown
from distilspec.reference.contract.errors import ContractError, FormatError, RangeError, errors_about
from distilspec.reference.formats.compressed import TEACHER


def run_file(path: Path, *, stage: str | None = None, out: Path | None = None) -> None:
    """
    Run a pipeline file, one after the other all that a collection names, or measurements; what is done already stays.

    Every file of a collection is read before the first runs. One that cannot run, because another process works in its
    folder or a package is not installed, is left to the next call: a line says why, and the others run. Once all are
    over, or their hours, what they have shown is summarised.

    Raises
    ------
    ContractError, PausedError
        As ``load_file``, ``run_stages``, ``summarise_file`` and ``measure``; of a collection the first, at the end.
    """
    logging.disable_progress_bar()
    found = load_file(path)
    planned = plan(found, path, out)
    if isinstance(found, Embeddings) and stage is not None:
        raise RangeError(f"stage {stage}: {path} measures embeddings; expected no stage because it has none")
    if not isinstance(found, Collection):
        for one in planned:
            _run(one, stage)
        return
    failed: list[ContractError] = []
    try:
        for one in planned:
            if isinstance(one, Measured) and stage is not None:
                continue
            try:
                with errors_about(str(one.source)):
                    _run(one, stage, is_announced=True)
            except ContractError as error:
                failed.append(error)
                _say(f"{error}; the next runs")
    except PausedError:
        summarise_file(path, out=out)
        raise
    if stage in (None, "evaluate"):
        summarise_file(path, out=out)
    if failed:
        raise failed[0]


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
        The file measures embeddings, or nothing is evaluated yet and times are to be shown beside accuracy.
    FormatError
        The system refuses to write.
    """
    found = load_file(path)
    if isinstance(found, Embeddings):
        raise RangeError(f"{path}: it measures embeddings; expected a pipeline or a collection of them")
    planned = plan(found, path, out)
    parent = out or planned[0].folder.parent
    folder = parent / found.name if isinstance(found, Collection) else planned[0].folder
    runs = [one for one in planned if isinstance(one, Planned)]
    summary = summarise(found.name, runs, [one for one in planned if isinstance(one, Measured)])
    if latency:
        if not summary["students"]:
            raise RangeError(f"{path}: none of its runs is evaluated; expected one to show times beside its accuracy")
        summary = with_latency(summary, latency)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "summary.json", summary)
        write_whole(folder / "summary.md", ("\n".join(as_markdown(summary)) + "\n").encode())
        reason = missing()
        if reason is None:
            draw_pictures(summary, folder)
    except OSError as error:
        raise FormatError(f"{folder}: {error.strerror}; expected that the summary can be written") from None
    done = sum(len(student["seeds"]) for student in summary["students"])
    _say(f"{found.name}: {done} of {len(runs)} runs evaluated, {folder / 'summary.md'}")
    if reason:
        _say(reason)


def plan(found: Pipeline | Collection | Embeddings, path: Path, out: Path | None = None) -> list[Planned | Measured]:
    """
    Return what a file asks for, in its order.

    What a collection names goes into its own folder, or with ``out`` into one of its name in that folder.

    Raises
    ------
    FormatError
        As ``load_listed``; a collection names a run twice.
    """
    if isinstance(found, Embeddings):
        return [Measured(found, path, out or Path(found.outputs.folder))]
    if isinstance(found, Pipeline):
        return [Planned(found, path, out or Path(found.outputs.folder))]
    planned: list[Planned | Measured] = []
    for listed in found.runs:
        source, one = path.parent / listed.pipeline, load_listed(listed, path.parent)
        folder = out / one.name if out else Path(one.outputs.folder)
        if isinstance(one, Embeddings):
            planned.append(Measured(one, source, folder))
        elif listed.seeds is None:
            planned.append(Planned(one, source, folder))
        else:
            planned += [
                Planned(one.model_copy(update={"seed": seed}), source, Path(f"{folder}-seed-{seed}"))
                for seed in listed.seeds
            ]
    _expect_each_once(path, planned)
    return planned


def _expect_each_once(path: Path, planned: Sequence[Planned | Measured]) -> None:
    files = [one.pipeline if isinstance(one, Planned) else one.section for one in planned]
    for (name, seed), count in Counter((file.name, file.seed) for file in files).items():
        if count > 1:
            raise FormatError(
                f"{path}: it names {name} with seed {seed} {count} times; expected each run once because means over "
                "seeds count what is named"
            )


def _run(planned: Planned | Measured, stage: str | None, *, is_announced: bool = False) -> None:
    if isinstance(planned, Measured):
        if is_announced:
            _say(f"{planned.section.name}: {planned.folder}")
        measure(planned.section, planned.source.parent, planned.folder)
        return
    run = Run(planned.pipeline, planned.source.parent, planned.folder)
    if is_announced:
        run.record.say(f"{planned.pipeline.name}, seed {planned.pipeline.seed}: {planned.folder}")
    run_stages(run, stage)
    if run.teacher.exists():
        write_json(run.folder / TEACHER, {"folder": os.path.relpath(run.teacher, run.folder)})


def _say(line: str) -> None:
    Voice().say(line)
