"""Files that name pipelines and measurements, and which kind of file one is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from distilspec.compress.embeddings.section import Embeddings
from distilspec.compress.pipeline import Pipeline
from distilspec.compress.sections.section import NAME, Section
from distilspec.compress.yaml_file import read_yaml, validated
from distilspec.reference.contract.errors import FormatError


class Listed(Section):
    """A pipeline of a collection, or a file of measurements."""

    pipeline: str = Field(description="Its file, relative to this one.")
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | None = Field(
        default=None, description="Run it once with each, into a folder with -seed-N at its end; absent: its own seed."
    )


class Collection(Section):
    """A file that names pipelines, which run one after the other."""

    name: str = Field(pattern=NAME, description="Of the collection.")
    runs: Annotated[list[Listed], Field(min_length=1)] = Field(description="What to run, in this order.")


def load_file(path: Path) -> Pipeline | Collection | Embeddings:
    """
    Read a file that is a pipeline, with the key ``runs`` a collection, or with ``kind`` a file of measurements.

    Raises
    ------
    FormatError
        As ``load_pipeline``.
    """
    fields = read_yaml(path)
    keys = fields if isinstance(fields, dict) else {}
    if "kind" in keys:
        return validated(path, fields, Embeddings)
    return validated(path, fields, Collection) if "runs" in keys else validated(path, fields, Pipeline)


def load_listed(listed: Listed, folder: Path) -> Pipeline | Embeddings:
    """
    Read a file that a collection in ``folder`` names.

    Raises
    ------
    FormatError
        As ``load_file``; it is a collection too, or it measures and there are seeds.
    """
    path = folder / listed.pipeline
    found = load_file(path)
    if isinstance(found, Collection):
        raise FormatError(f"{path}: it has runs; expected a pipeline or measurements because a collection names it")
    if isinstance(found, Embeddings) and listed.seeds is not None:
        raise FormatError(
            f"{path}: it measures embeddings and seeds are {listed.seeds}; expected none because nothing is trained"
        )
    return found
