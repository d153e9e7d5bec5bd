"""Every model of a file of measurements: embedded once, judged on the same draws, written as data, table, picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from distilspec.compress.accuracy import CONFIDENCE
from distilspec.compress.data import file_of, read_table
from distilspec.compress.embeddings.encoder import Encoder
from distilspec.compress.embeddings.judgement import DRAWS, Measure, intervals, judge_pairs, judge_search
from distilspec.compress.embeddings.picture import draw, expect_drawable
from distilspec.compress.embeddings.section import Calibration, Embeddings
from distilspec.compress.embeddings.sets import JudgedPairs, Search, read_judged_pairs, read_search
from distilspec.compress.embeddings.table import table_of
from distilspec.compress.quantised import Ranges
from distilspec.compress.record import Record, write_json, write_whole
from distilspec.compress.run import alone_in
from distilspec.reference.contract.errors import FormatError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array, Float32Array
from distilspec.reference.formats.json_file import read_json
from distilspec.reference.formats.new_folder import new_folder
from distilspec.reference.formats.safetensors_file import SafetensorsFile, write_safetensors
from distilspec.reference.formats.saved import load_program, save_program
from distilspec.reference.recipes.encoder_linears import is_encoder_linear

#: How blocks are chosen where nothing else is said.
MAGNITUDE = "magnitude"

#: Names of the tensors of a search set behind the set's name.
_QUESTIONS, _DOCUMENTS = ".questions", ".documents"


class Weights(NamedTuple):
    """The weights of a model that is asked: the share of its blocks that is dropped, and how they were chosen."""

    sparsity: float
    pruning: str

    @property
    def name(self) -> str:
        """The name of what is kept of it."""
        return f"{self.sparsity:g}" if self.pruning == MAGNITUDE else f"{self.sparsity:g}-{self.pruning}"


class Variant(NamedTuple):
    """A model that is asked: its weights and its numerics."""

    weights: Weights
    recipe: Recipe

    @property
    def name(self) -> str:
        """The name of its file of embeddings."""
        return f"{self.weights.name}-{self.recipe}"


#: What every other variant is compared with; it is measured whether or not a file names it.
BASE = Variant(Weights(0.0, MAGNITUDE), Recipe.FP32)

#: Which variants a file asks for; what is kept of one does not depend on the others.
_LISTS = ("recipes", "sparsities", "pruning")

#: What a file may name later than others of its results were made, because those did without it.
_ADDED = ("calibration", "reconstruction")


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
        As reading the sets and the model; the folder holds results of another file, or cannot be made or written;
        ``UnsupportedError`` if another process works in it.
    """
    expect_drawable()
    try:
        (folder / "embeddings").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FormatError(f"{folder}: {error.strerror}; expected a folder that can be made") from None
    with alone_in(folder):
        _take(section, folder)
        _measure(section, source, folder, Record(folder / "log.jsonl"))


def _measure(section: Embeddings, source: Path, folder: Path, record: Record) -> None:
    pairs = {one.name: read_judged_pairs(one, source) for one in section.similarity}
    searches = {one.name: read_search(one, source, seed=section.seed) for one in section.retrieval}
    texts = _texts(pairs, searches)
    variants = _variants(section)
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
                "sparsity": variant.weights.sparsity,
                "pruning": variant.weights.pruning if variant.weights.sparsity else None,
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
    write_whole(folder / "embeddings.md", table_of(result).encode())
    draw(result, folder / "embeddings.svg")
    record.say(f"written: {folder / 'embeddings.md'}, .json and .svg")


def _variants(section: Embeddings) -> list[Variant]:
    """Return what a file asks for, the dense model first, which is not pruned in more than one way."""
    weights = [
        Weights(share, pruning if share else MAGNITUDE) for share in section.sparsities for pruning in section.pruning
    ]
    found = dict.fromkeys([BASE, *(Variant(one, Recipe(name)) for one in weights for name in section.recipes)])
    return sorted(found, key=lambda one: one.weights.sparsity)


def _take(section: Embeddings, folder: Path) -> None:
    """Write what the folder holds results of, or find that they were measured on other texts or in another way."""
    own = json.loads(section.model_dump_json(exclude={"outputs"}, exclude_defaults=True))
    told = folder / "pipeline.json"
    found = read_json(told, dict) if told.exists() else own
    for key in {**own, **found}:
        is_added = key in _ADDED and key not in found
        if key not in _LISTS and not is_added and found.get(key) != own.get(key):
            raise FormatError(
                f"{folder}: it holds results of a file with another {key}; expected those of {section.name} as it is "
                "because results of two files are not mixed (another --out helps)"
            )
    write_json(told, own)


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
        for weights in dict.fromkeys(one.weights for one in waiting):
            current = _pruned(encoder, weights, section, source, folder, record)
            recipes = [one.recipe for one in waiting if one.weights == weights]
            ranges: Ranges = {}
            if section.calibration is not None and any(recipe.is_calibrated for recipe in recipes):
                ranges = current.ranges(_read(section.calibration, source, section.calibration.rows))
            for recipe in recipes:
                variant = Variant(weights, recipe)
                with record.stage(variant.name), new_folder(_home(folder, variant)) as temporary:
                    write_safetensors(temporary / "embeddings.safetensors", current.embed(texts, recipe, ranges))
                advance()


def _pruned(
    encoder: Encoder, weights: Weights, section: Embeddings, source: Path, folder: Path, record: Record
) -> Encoder:
    """Return the encoder with these weights; what least squares have made is kept, because it takes minutes."""
    if not weights.sparsity:
        return encoder
    if weights.pruning == MAGNITUDE:
        return encoder.pruned(weights.sparsity, section.block_shape)
    home = folder / "pruned" / weights.name
    if not home.exists():
        assert section.calibration is not None, "least-squares is refused without one"
        assert section.reconstruction is not None, "least-squares is refused without one"
        texts = _read(section.calibration, source, section.reconstruction.rows)
        home.parent.mkdir(exist_ok=True)
        with record.stage(weights.name):
            total = sum(map(is_encoder_linear, encoder.program.steps))
            with record.progress(weights.name, total) as advance:
                made = encoder.reconstructed(
                    weights.sparsity, section.block_shape, section.reconstruction, texts, advance
                )
            save_program(made.program, home)
    return replace(encoder, program=load_program(home))


def _read(section: Calibration, source: Path, count: int) -> list[str]:
    """Return the first texts of a table."""
    path = file_of(section.package, section.file, source)
    texts: list[str] = []
    for line, row in read_table(path, (section.text_column,), section.where):
        if len(texts) == count:
            return texts
        if not (row[section.text_column] or "").strip():
            raise FormatError(f"{path}: line {line}: the text is empty; expected one to calibrate on")
        texts.append(row[section.text_column])
    if len(texts) < count:
        raise FormatError(f"{path}: {len(texts)} rows to calibrate on; expected {count}")
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
