"""Which runs a file asks for: one pipeline, or those of a collection with their seeds."""

from __future__ import annotations

from pathlib import Path

from transformers.utils import logging

from distilspec.compress.pipeline import Collection, Pipeline, load_file, load_pipeline
from distilspec.compress.stages import Run, run_stages
from distilspec.reference.contract.errors import errors_about


def run_file(path: Path, *, stage: str | None = None, out: Path | None = None) -> None:
    """
    Run a pipeline file, or one after the other all that a collection names; what is done already stays.

    Every file of a collection is read before the first runs. A collection's pipeline goes into its own folder, or
    with ``out`` into one of its name in that folder.

    Raises
    ------
    ContractError, PausedError
        As ``load_file`` and ``run_stages``.
    """
    logging.disable_progress_bar()
    found = load_file(path)
    if not isinstance(found, Collection):
        run_stages(Run(found, path.parent, out or Path(found.outputs.folder)), stage)
        return
    planned: list[tuple[Pipeline, Path, Path]] = []
    for listed in found.runs:
        source = path.parent / listed.pipeline
        pipeline = load_pipeline(source)
        folder = out / pipeline.name if out else Path(pipeline.outputs.folder)
        if listed.seeds is None:
            planned.append((pipeline, source, folder))
        planned += [
            (pipeline.model_copy(update={"seed": seed}), source, Path(f"{folder}-seed-{seed}"))
            for seed in listed.seeds or ()
        ]
    for pipeline, source, folder in planned:
        with errors_about(str(source)):
            run = Run(pipeline, source.parent, folder)
            run.record.say(f"{pipeline.name}, seed {pipeline.seed}: {folder}")
            run_stages(run, stage)
