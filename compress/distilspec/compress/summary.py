"""
What a collection of pipelines has shown: accuracy, sizes and times of every student over its seeds, losses like wins.

Only files that the runs have left are read, so that a summary can be made at any time, of what is there by then.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import numpy as np

from distilspec.compress.accuracy import CONFIDENCE, Points, over_seeds
from distilspec.compress.pipeline import Pipeline
from distilspec.reference.contract.errors import FormatError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Float64Array
from distilspec.reference.formats.compressed import Compressed
from distilspec.reference.formats.json_file import read_json
from distilspec.reference.formats.safetensors_file import DTYPES, Entry, SafetensorsFile
from distilspec.reference.recipes.encoder_linears import ENCODER

SCHEMA = 1

#: Models of a run, as a summary calls them.
TEACHER, FP32, INT8 = "teacher", "fp32", "int8"

#: Which models are compared: the second is subtracted from the first.
COMPARED = ((FP32, TEACHER), (INT8, FP32), (INT8, TEACHER))

#: Points that a difference may be below zero, as issue and README state them; the second is for pruned students.
INT8_COSTS, SPARSE_INT8_COSTS = 0.5, 1.0

#: What is missed by less is the rounding of a mean.
_NOTHING = 1e-9


class Planned(NamedTuple):
    """A run that a collection asks for: the pipeline with its seed, its file, and the folder of the results."""

    pipeline: Pipeline
    source: Path
    folder: Path


class Bytes(NamedTuple):
    """Bytes of the constants of a saved program: those of the encoder's Linears, and all."""

    encoder: int
    total: int


@dataclass(frozen=True)
class Finished:
    """What one run has left: right answers [rows] by model, bytes by program, seconds of work by stage."""

    folder: Path
    seed: int
    layers: int
    right: Mapping[str, Float64Array]
    kept: int
    bytes: Mapping[str, Bytes]
    seconds: Mapping[str, float]


def summarise(name: str, runs: Sequence[Planned]) -> dict[str, Any]:
    """
    Return the summary of a collection as JSON holds it.

    Raises
    ------
    FormatError
        A result cannot be read, or two seeds of a pipeline were not asked about equally many rows.
    """
    students = []
    for pipeline_name in dict.fromkeys(run.pipeline.name for run in runs):
        own = [run for run in runs if run.pipeline.name == pipeline_name]
        found = [read_run(run) for run in own if (run.folder / "evaluation.json").is_file()]
        if found:
            students.append(_student(own[0].pipeline, found))
    seconds = {run.folder: seconds_of(run.folder / "log.jsonl") for run in runs}
    return {
        "schema": SCHEMA,
        "name": name,
        "confidence": CONFIDENCE,
        "students": students,
        "absent": [
            {"name": run.pipeline.name, "seed": run.pipeline.seed, "folder": str(run.folder), "reason": _stopped(run)}
            for run in runs
            if not (run.folder / "evaluation.json").is_file()
        ],
        "hours": sum(sum(stages.values()) for stages in seconds.values()) / 3600,
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
    section = run.pipeline.quantisation
    names = {TEACHER: "teacher", FP32: "student"} | ({INT8: f"student-{section.recipe}"} if section else {})
    try:
        right = {model: _digits(evaluation["models"][name]["correct"]) for model, name in names.items()}
        layers = int(read_json(result.student / "config.json", dict)["n_layers"])
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: {error}; expected what stage evaluate writes") from None
    if len({len(values) for values in right.values()}) > 1:
        raise FormatError(f"{path}: its models have different numbers of rows; expected that all were asked the same")
    kept = len(result.kept)
    seconds = seconds_of(run.folder / "log.jsonl")
    return Finished(run.folder, run.pipeline.seed, layers, right, kept, _bytes(run, result), seconds)


def seconds_of(log: Path) -> dict[str, float]:
    """
    Return how long each stage worked, from the times in a log; time between a kill and the next begin is no work.

    Raises
    ------
    FormatError
        A line is no object with time, stage and event.
    """
    if not log.is_file():
        return {}
    events: dict[str, list[tuple[float, str]]] = {}
    for number, line in enumerate(log.read_text(encoding="utf-8").splitlines(), 1):
        try:
            entry = json.loads(line)
            events.setdefault(entry["stage"], []).append((float(entry["time"]), entry["event"]))
        except (KeyError, TypeError, ValueError):
            raise FormatError(f"{log}: line {number} is {line!r:.60}; expected an object with its time") from None
    return {
        stage: sum(later - time for (time, _), (later, event) in pairwise(found) if event != "begin")
        for stage, found in events.items()
    }


def _student(pipeline: Pipeline, runs: Sequence[Finished]) -> dict[str, Any]:
    sizes = {len(run.right[TEACHER]) for run in runs}
    if len(sizes) > 1:
        raise FormatError(f"{runs[0].folder}: seeds were asked about {sorted(sizes)} rows; expected the same rows")
    right = {model: np.stack([run.right[model] for run in runs]) for model in runs[0].right}
    pruning = pipeline.pruning
    differences = {
        f"{one} - {other}": over_seeds(right[one] - right[other])
        for one, other in COMPARED
        if one in right and other in right
    }
    return {
        "name": pipeline.name,
        "structure": pruning.structure if pruning else None,
        "block_shape": list(pruning.block_shape) if pruning and pruning.structure == "block" else None,
        "sparsity": pruning.sparsity if pruning else 0.0,
        "layers": runs[0].layers,
        "recipe": pipeline.quantisation.recipe if pipeline.quantisation else None,
        "rows": sizes.pop(),
        "seeds": [run.seed for run in runs],
        "folders": [str(run.folder) for run in runs],
        "teachers": [str(Compressed(run.folder).teacher or "") for run in runs],
        "accuracy": {model: over_seeds(values)._asdict() for model, values in right.items()},
        "differences": {name: found._asdict() for name, found in differences.items()},
        "goals": list(_goals(differences, is_pruned=pruning is not None)),
        "each_seed": [_one_seed(run) for run in runs],
        "bytes": {
            program: Bytes(*(round(mean(sizes)) for sizes in zip(*(run.bytes[program] for run in runs), strict=True)))
            ._asdict()
            for program in runs[0].bytes
            if all(program in run.bytes for run in runs)
        },
    }  # fmt: skip


def _one_seed(run: Finished) -> dict[str, Any]:
    accuracy = {model: 100 * float(values.mean()) for model, values in run.right.items()}
    seconds = {stage: round(time, 1) for stage, time in run.seconds.items()}
    return {"seed": run.seed, "accuracy": accuracy, "kept_in_float32": run.kept, "seconds": seconds}


def _goals(differences: Mapping[str, Points], *, is_pruned: bool) -> Iterator[dict[str, Any]]:
    wanted = [("int8 - fp32", INT8_COSTS), *([("int8 - teacher", SPARSE_INT8_COSTS)] if is_pruned else [])]
    for difference, limit in wanted:
        if difference in differences:
            found = differences[difference]
            is_reached = found.points >= -limit - _NOTHING
            yield {"difference": difference, "at_least": -limit, **found._asdict(), "reached": is_reached}


def _digits(text: str) -> Float64Array:
    if not text or set(text) - {"0", "1"}:
        raise ValueError(f"correct is {text!r:.40}")
    return np.frombuffer(text.encode(), np.uint8).astype(np.float64) - ord("0")


def _bytes(run: Planned, result: Compressed) -> dict[str, Bytes]:
    """Return the bytes of what was saved, and of the INT8 program if its pruned weights were stored as zeros."""
    section = run.pipeline.quantisation
    saved = {FP32: Recipe.FP32} | ({INT8: Recipe(section.recipe)} if section else {})
    found = {name: _bytes_of(result.programs[recipe]) for name, recipe in saved.items() if recipe in result.programs}
    if INT8 in found:
        found["int8_dense"] = _bytes_of(
            result.programs[saved[INT8]], dense=SafetensorsFile(result.student / "model.safetensors")
        )
    return found


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


def _stopped(run: Planned) -> str:
    stages = list(seconds_of(run.folder / "log.jsonl"))
    return f"in stage {stages[-1]}" if stages else "not begun"
