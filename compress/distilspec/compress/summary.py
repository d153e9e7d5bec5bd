"""
What a collection of pipelines has shown: accuracy, sizes and times of every student over its seeds, losses like wins.

Only files that the runs have left are read, so that a summary can be made at any time, of what is there by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import numpy as np

from distilspec.compress.accuracy import CONFIDENCE, Points, over_seeds
from distilspec.compress.costs import Cost, costs_of
from distilspec.compress.embeddings.section import Embeddings
from distilspec.compress.pipeline import Pipeline
from distilspec.compress.sections.data import Data
from distilspec.reference.contract.errors import FormatError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Float64Array
from distilspec.reference.formats.compressed import Compressed
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.json_file import read_json
from distilspec.reference.formats.safetensors_file import DTYPES, Entry, SafetensorsFile
from distilspec.reference.recipes.encoder_linears import ENCODER, is_encoder_linear

SCHEMA = 3

#: Models of a run, as a summary calls them; the student in INT8 has the name of its recipe.
TEACHER, FP32 = "teacher", "fp32"

#: Points that a difference may be below zero, as issue and README state them; the second is for pruned students.
INT8_COSTS, SPARSE_INT8_COSTS = 0.5, 1.0

#: What is missed by less is the rounding of a mean.
_NOTHING = 1e-9


class Planned(NamedTuple):
    """A run that a collection asks for: the pipeline with its seed, its file, and the folder of the results."""

    pipeline: Pipeline
    source: Path
    folder: Path


class Measured(NamedTuple):
    """A file of measurements that a collection names, where it stands, and the folder of the results."""

    section: Embeddings
    source: Path
    folder: Path

    @property
    def table(self) -> Path:
        """What is there once it is measured."""
        return self.folder / "embeddings.md"


class Bytes(NamedTuple):
    """Bytes of the constants of a saved program: those of the encoder's Linears, and all."""

    encoder: int
    total: int


@dataclass(frozen=True)
class Finished:
    """
    What one run has left: right answers [rows] by model, costs by stage.

    By recipe, the number of Linears that stay in float32, the bytes of the saved program, and what those would be if
    pruned weights were stored as zeros.
    """

    folder: Path
    seed: int
    layers: int
    right: Mapping[str, Float64Array]
    kept: Mapping[str, int]
    bytes: Mapping[str, Bytes]
    bytes_with_zeros: Mapping[str, Bytes]
    costs: Mapping[str, Cost]


def compared(recipe: str) -> tuple[tuple[str, str], ...]:
    """Return which models are compared, for a recipe: the second is subtracted from the first."""
    return (FP32, TEACHER), (recipe, FP32), (recipe, TEACHER)


def recipes_of(pipeline: Pipeline) -> list[str]:
    """Return the INT8 recipes that a pipeline names."""
    return list(pipeline.quantisation.recipes) if pipeline.quantisation else []


def summarise(name: str, runs: Sequence[Planned], measured: Sequence[Measured] = ()) -> dict[str, Any]:
    """
    Return the summary of a collection as JSON holds it; of ``measured`` it says which are done.

    Raises
    ------
    FormatError
        A result cannot be read, or two seeds of a pipeline were not asked about equally many rows.
    """
    students, absent = [], []
    for pipeline_name in dict.fromkeys(run.pipeline.name for run in runs):
        own = [run for run in runs if run.pipeline.name == pipeline_name]
        reasons = [(run, _reason(run)) for run in own]
        found = [(run, read_run(run)) for run, reason in reasons if reason is None]
        wanted = recipes_of(own[0].pipeline)
        # A recipe in which only some seeds were asked has no mean over seeds.
        recipes = [recipe for recipe in wanted if all(recipe in finished.right for _, finished in found)]
        if found:
            students.append(_student(own[0].pipeline, recipes, [finished for _, finished in found]))
        absent += [(run, reason) for run, reason in reasons if reason is not None]
        absent += [
            (run, f"not asked in {name}") for run, finished in found for name in wanted if name not in finished.right
        ]
    folders = [one.folder for one in runs] + [one.folder for one in measured]
    costs = {folder: costs_of(folder / "log.jsonl") for folder in folders}
    return {
        "schema": SCHEMA,
        "name": name,
        "confidence": CONFIDENCE,
        "students": students,
        "absent": [
            {"name": run.pipeline.name, "seed": run.pipeline.seed, "folder": str(run.folder), "reason": reason}
            for run, reason in absent
        ]
        + [
            {"name": one.section.name, "seed": None, "folder": str(one.folder), "reason": "not measured"}
            for one in measured
            if not one.table.is_file()
        ],
        "measured": [{"name": one.section.name, "table": str(one.table)} for one in measured if one.table.is_file()],
        "hours": sum(cost.seconds for stages in costs.values() for cost in stages.values()) / 3600,
    }


def read_run(run: Planned) -> Finished:
    """
    Return what a run has left that is evaluated.

    Raises
    ------
    ContractError
        A file is not what a pipeline writes.
    """
    result = Compressed(run.folder)
    path = run.folder / "evaluation.json"
    evaluation = read_json(path, dict)
    recipes = recipes_of(run.pipeline)
    names = {TEACHER: "teacher", FP32: "student"} | {
        recipe: f"student-{recipe}" for recipe in recipes if f"student-{recipe}" in evaluation.get("models", {})
    }
    try:
        right = {model: _digits(evaluation["models"][name]["correct"]) for model, name in names.items()}
        layers = int(read_json(result.student / "config.json", dict)["n_layers"])
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: {error}; expected what stage evaluate writes") from None
    if len({len(values) for values in right.values()}) > 1:
        raise FormatError(f"{path}: its models have different numbers of rows; expected that all were asked the same")
    kept = {recipe: len(result.kept(Recipe(recipe))) for recipe in recipes if recipe in right}
    return Finished(
        folder=run.folder,
        seed=run.pipeline.seed,
        layers=layers,
        right=right,
        kept=kept,
        bytes={recipe.value: _bytes_of(folder) for recipe, folder in result.programs.items()},
        bytes_with_zeros={
            recipe: _bytes_with_zeros(result, Recipe(recipe)) for recipe in kept if Recipe(recipe) in result.programs
        },
        costs=costs_of(run.folder / "log.jsonl"),
    )


def data_line(data: Data) -> str:
    """Return how a summary calls the rows that a pipeline is judged by."""
    name = Path(data.test_file or data.file).name
    chosen = [
        f"{column} {values if isinstance(values, str) else ', '.join(values)}" for column, values in data.where.items()
    ]
    return f"{name} ({'; '.join(chosen)})" if chosen else name


def _student(pipeline: Pipeline, recipes: Sequence[str], runs: Sequence[Finished]) -> dict[str, Any]:
    sizes = {len(run.right[TEACHER]) for run in runs}
    if len(sizes) > 1:
        raise FormatError(f"{runs[0].folder}: seeds were asked about {sorted(sizes)} rows; expected the same rows")
    right = {model: np.stack([run.right[model] for run in runs]) for model in (TEACHER, FP32, *recipes)}
    pruning = pipeline.pruning
    pairs = dict.fromkeys([(FP32, TEACHER), *(pair for recipe in recipes for pair in compared(recipe))])
    differences = {f"{one} - {other}": over_seeds(right[one] - right[other]) for one, other in pairs}
    return {
        "name": pipeline.name,
        "data": data_line(pipeline.data),
        "structure": pruning.structure if pruning else None,
        "block_shape": list(pruning.block_shape) if pruning and pruning.structure == "block" else None,
        "sparsity": pruning.sparsity if pruning else 0.0,
        "layers": runs[0].layers,
        "recipes": list(recipes),
        "rows": sizes.pop(),
        "seeds": [run.seed for run in runs],
        "folders": [str(run.folder) for run in runs],
        "teachers": [str(Compressed(run.folder).teacher or "") for run in runs],
        "accuracy": {model: over_seeds(values)._asdict() for model, values in right.items()},
        "differences": {name: found._asdict() for name, found in differences.items()},
        "goals": [goal for recipe in recipes for goal in _goals(recipe, differences, is_pruned=pruning is not None)],
        "each_seed": [_one_seed(run) for run in runs],
        "teacher_bytes": _teacher_bytes(runs),
        "bytes": _mean_bytes([run.bytes for run in runs]),
        "bytes_with_zeros": _mean_bytes([run.bytes_with_zeros for run in runs]),
    }


def _teacher_bytes(runs: Sequence[Finished]) -> dict[str, int] | None:
    """Return the bytes of the dense float32 teacher, which are those of any seed, or None if no teacher is there."""
    teacher = next((found for run in runs if (found := Compressed(run.folder).teacher)), None)
    if teacher is None:
        return None
    program = load_folder(teacher).program
    sizes = {name: constant.nbytes for name, constant in program.constants.items()}
    linears = {name for step in program.steps if is_encoder_linear(step) for name in step.inputs}
    return Bytes(sum(size for name, size in sizes.items() if name in linears), sum(sizes.values()))._asdict()


def _mean_bytes(runs: Sequence[Mapping[str, Bytes]]) -> dict[str, dict[str, int]]:
    """Return the mean of each program over the runs whose programs are there."""
    programs = dict.fromkeys(program for run in runs for program in run)
    found = {program: [run[program] for run in runs if program in run] for program in programs}
    return {
        program: Bytes(*(round(mean(part)) for part in zip(*sizes, strict=True)))._asdict()
        for program, sizes in found.items()
    }


def _one_seed(run: Finished) -> dict[str, Any]:
    accuracy = {model: 100 * float(values.mean()) for model, values in run.right.items()}
    costs = {stage: cost._asdict() for stage, cost in run.costs.items()}
    return {"seed": run.seed, "accuracy": accuracy, "kept_in_float32": dict(run.kept), "costs": costs}


def _goals(recipe: str, differences: Mapping[str, Points], *, is_pruned: bool) -> Iterator[dict[str, Any]]:
    wanted = [(FP32, INT8_COSTS), *([(TEACHER, SPARSE_INT8_COSTS)] if is_pruned else [])]
    for other, limit in wanted:
        difference = f"{recipe} - {other}"
        found = differences[difference]
        is_reached = found.points >= -limit - _NOTHING
        yield {"difference": difference, "at_least": -limit, **found._asdict(), "reached": is_reached}


def _digits(text: str) -> Float64Array:
    if not text or set(text) - {"0", "1"}:
        raise ValueError(f"correct is {text!r:.40}")
    return np.frombuffer(text.encode(), np.uint8).astype(np.float64) - ord("0")


def _bytes_with_zeros(result: Compressed, recipe: Recipe) -> Bytes:
    return _bytes_of(result.programs[recipe], dense=SafetensorsFile(result.student / "model.safetensors"))


def _bytes_of(folder: Path, dense: SafetensorsFile | None = None) -> Bytes:
    """Return the bytes of a program's constants, packed weights counted as the ``dense`` ones that they stand for."""
    sizes = {name: _size(entry) for name, entry in SafetensorsFile(folder / "constants.safetensors").entries.items()}
    encoder: dict[str, int] = {}
    rest = dict(sizes)
    try:
        for step in read_json(folder / "program.json", dict)["steps"]:
            if ENCODER not in step["tags"] or not step["op"].endswith("linear"):
                continue
            own = {name: sizes[name] for name in step["inputs"] if name in sizes}
            if dense is not None and step["op"].endswith("block_sparse_linear"):
                packed = [f"{step['name']}.weight.{field}" for field in ("data", "indices", "indptr")]
                number = 4 if step["op"] == "block_sparse_linear" else 1
                own[packed[0]] = prod(dense.entries[f"distilbert.{step['name']}.weight"].shape) * number
                own |= dict.fromkeys(packed[1:], 0)
            encoder |= own
            rest |= own
    except (KeyError, TypeError) as error:
        raise FormatError(f"{folder}: {error}; expected a program of a DistilBERT student") from None
    return Bytes(sum(encoder.values()), sum(rest.values()))


def _size(entry: Entry) -> int:
    return prod(entry.shape) * DTYPES[entry.dtype].itemsize


def _reason(run: Planned) -> str | None:
    """Return why a run has no results of its pipeline, or None where it has."""
    if (run.folder / "evaluation.json").is_file():
        found, own = read_json(run.folder / "pipeline.json", dict), run.pipeline.recorded()
        other = next((key for key in {**own, **found} if found.get(key) != own.get(key)), None)
        return None if other is None else f"evaluated with another {other}"
    stages = list(costs_of(run.folder / "log.jsonl"))
    return f"in stage {stages[-1]}" if stages else "not begun"
