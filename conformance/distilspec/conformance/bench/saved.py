"""Benchmarks as they are read back from the JSON that they were printed as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from distilspec.conformance.bench.rows import SCHEMA, LeftOut, Report, Row
from distilspec.conformance.bench.serving import Served, Serving
from distilspec.conformance.bench.work import Limits
from distilspec.conformance.report.environment import Environment
from distilspec.conformance.result import State
from distilspec.reference.contract.errors import FormatError, RangeError
from distilspec.reference.formats.json_file import read_json


def read_saved(path: Path) -> Report | Serving:
    """
    Return what ``distilspec bench --json`` has printed into a file, for either of its questions.

    Raises
    ------
    FormatError
        The file cannot be read, or is something else.
    """
    made = read_json(path, dict)
    if made.get("schema") != SCHEMA:
        raise FormatError(f"{path}: schema is {made.get('schema')!r}; expected {SCHEMA}, of distilspec bench --json")
    try:
        machine = dict(made["machine"])
        limits = [Limits(**one) for one in machine.pop("limits", ())]
        environment = Environment(**machine)
        left_out = [LeftOut(**one) for one in made["left_out"]]
        if "latency_limit_ms" in made:
            tried = [Served(**_fields(one)) for one in made["tried"]]
            return Serving(environment, made["latency_limit_ms"], tried, left_out)
        return Report(environment, limits, [Row(**_fields(one)) for one in made["rows"]], left_out)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: {error}; expected what distilspec bench --json prints") from None


def expect_one_machine(saved: Sequence[Report | Serving]) -> None:
    """Raise ``RangeError`` where benchmarks are of several machines, whose times cannot stand on one page."""
    machines = dict.fromkeys((one.machine.cpu, one.machine.cores) for one in saved)
    if len(machines) > 1:
        named = " and ".join(f"{cpu} with {cores} processors" for cpu, cores in machines)
        raise RangeError(f"bench: the files are of {named}; expected those of one machine")


def _fields(one: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: tuple(value) if isinstance(value, list) else value for name, value in one.items()}
    return {**found, "state": State(one["state"])}
