"""Every model of a file of measurements: embedded once, judged on the same draws, written as data, table, picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from distilspec.compress.data import read_table
from distilspec.compress.embeddings.encoder import Encoder
from distilspec.compress.embeddings.judgement import CONFIDENCE, DRAWS, Measure, intervals, judge_pairs, judge_search
from distilspec.compress.embeddings.picture import draw, expect_drawable
from distilspec.compress.embeddings.sets import JudgedPairs, Search, file_of, read_judged_pairs, read_search
from distilspec.compress.embeddings.table import table_of
from distilspec.compress.pipeline import Calibration, Embeddings
from distilspec.compress.quantised import Ranges
from distilspec.compress.record import Record, write_json
from distilspec.reference.contract.errors import FormatError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array, Float32Array
from distilspec.reference.formats.json_file import read_json
from distilspec.reference.formats.new_folder import new_folder
from distilspec.reference.formats.safetensors_file import SafetensorsFile, write_safetensors

#: Names of the tensors of a search set behind the set's name.
_QUESTIONS, _DOCUMENTS = ".questions", ".documents"


class Variant(NamedTuple):
    """A model that is asked: the share of its blocks that is dropped, and its numerics."""

    sparsity: float
    recipe: Recipe

    @property
    def name(self) -> str:
        """The name of its file of embeddings."""
        return f"{self.sparsity:g}-{self.recipe}"


#: What every other variant is compared with; it is measured whether or not a file names it.
BASE = Variant(0.0, Recipe.FP32)


def measure(section: Embeddings, source: Path, folder: Path) -> None:
    """
    Measure every sparsity in every recipe, and write ``embeddings.json``, ``.md`` and ``.svg`` into a folder.

    The embeddings of each variant are kept there, and not computed again.

    Parameters
    ----------
    section : Embeddings
    source : Path
        The folder of its file, from which its paths count.
    folder : Path
        Made where it is not there.

    Raises
    ------
    ContractError
        As reading the sets and the model; the folder holds results of another file, or cannot be made or written.
    """
    expect_drawable()
    record = _opened(section, folder)
    pairs = {one.name: read_judged_pairs(one, source) for one in section.similarity}
    searches = {one.name: read_search(one, source, seed=section.seed) for one in section.retrieval}
    texts = _texts(pairs, searches)
    variants = [BASE, *(Variant(share, Recipe(name)) for share in section.sparsities for name in section.recipes)]
    variants = sorted(dict.fromkeys(variants), key=lambda one: one.sparsity)
    _embed(section, source, folder, record, variants, texts)
    judged: dict[Variant, dict[str, Measure]] = {}
    base = _embeddings(folder, BASE)
    models = []
    for variant in variants:
        found = _embeddings(folder, variant)
        judged[variant] = _judged(pairs, searches, found, section.seed)
        cosine = np.mean([np.einsum("ij,ij->i", found[name], base[name]).mean() for name in texts])
        told = intervals(judged[variant], judged[BASE])
        models.append(
            {
                "sparsity": variant.sparsity,
                "recipe": str(variant.recipe),
                "cosine": float(cosine),
                "measures": {
                    name: {kind: interval._asdict() for kind, interval in both.items()} for name, both in told.items()
                },
            }
        )
    result = {
        "model": section.model,
        "block_shape": list(section.block_shape),
        "confidence": CONFIDENCE,
        "draws": DRAWS,
        "texts": {name: len(found) for name, found in texts.items()},
        "models": models,
    }
    write_json(folder / "embeddings.json", result)
    _write(folder / "embeddings.md", table_of(result).encode())
    draw(result, folder / "embeddings.svg")
    record.say(f"written: {folder / 'embeddings.md'}, .json and .svg")


def _opened(section: Embeddings, folder: Path) -> Record:
    own = json.loads(section.model_dump_json(exclude={"outputs"}, exclude_defaults=True))
    told = folder / "pipeline.json"
    try:
        (folder / "embeddings").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FormatError(f"{folder}: {error.strerror}; expected a folder that can be made") from None
    if not told.exists():
        write_json(told, own)
    elif read_json(told, dict) != own:
        raise FormatError(
            f"{folder}: it holds results of another file, as its pipeline.json says; expected those of {section.name} "
            "because results of two files are not mixed (another --out helps)"
        )
    return Record(folder / "log.jsonl")


def _texts(pairs: Mapping[str, JudgedPairs], searches: Mapping[str, Search]) -> dict[str, tuple[str, ...]]:
    texts = {name: found.texts for name, found in pairs.items()}
    for name, search in searches.items():
        texts |= {name + _QUESTIONS: search.questions, name + _DOCUMENTS: search.documents}
    return texts


def _embed(
    section: Embeddings,
    source: Path,
    folder: Path,
    record: Record,
    variants: list[Variant],
    texts: Mapping[str, tuple[str, ...]],
) -> None:
    waiting = [one for one in variants if not _home(folder, one).exists()]
    encoder = Encoder.load(section.model, source, section.max_length)
    with record.progress("embed", len(variants), len(variants) - len(waiting)) as advance:
        for sparsity in dict.fromkeys(one.sparsity for one in waiting):
            current = encoder.pruned(sparsity, section.block_shape) if sparsity else encoder
            recipes = [one.recipe for one in waiting if one.sparsity == sparsity]
            ranges: Ranges = {}
            if section.calibration is not None and Recipe.W8A8_STATIC in recipes:
                ranges = current.ranges(_calibration(section.calibration, source))
            for recipe in recipes:
                variant = Variant(sparsity, recipe)
                with record.stage(variant.name), new_folder(_home(folder, variant)) as temporary:
                    write_safetensors(temporary / "embeddings.safetensors", current.embed(texts, recipe, ranges))
                advance()


def _calibration(section: Calibration, source: Path) -> list[str]:
    path = file_of(section.package, section.file, source)
    texts: list[str] = []
    for line, row in read_table(path, (section.text_column,), section.where):
        if len(texts) == section.rows:
            return texts
        if not (row[section.text_column] or "").strip():
            raise FormatError(f"{path}: line {line}: the text is empty; expected one to calibrate on")
        texts.append(row[section.text_column])
    if len(texts) < section.rows:
        raise FormatError(f"{path}: {len(texts)} rows to calibrate on; expected {section.rows}")
    return texts


def _judged(
    pairs: Mapping[str, JudgedPairs], searches: Mapping[str, Search], found: Mapping[str, Float32Array], seed: int
) -> dict[str, Measure]:
    measures: dict[str, Measure] = {}
    for name, judged in pairs.items():
        told = judge_pairs(judged, found[name], seed=seed)
        measures |= {f"{name} {measure}": value for measure, value in told.items()}
    for name, search in searches.items():
        told = judge_search(search, found[name + _QUESTIONS], found[name + _DOCUMENTS], seed=seed)
        measures |= {f"{name} {measure}": value for measure, value in told.items()}
    return measures


def _home(folder: Path, variant: Variant) -> Path:
    return folder / "embeddings" / variant.name


def _embeddings(folder: Path, variant: Variant) -> dict[str, Array]:
    file = SafetensorsFile(_home(folder, variant) / "embeddings.safetensors")
    return {name: file.read(name) for name in file.entries}


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise FormatError(f"{path}: {error}; expected that the file can be written") from None
