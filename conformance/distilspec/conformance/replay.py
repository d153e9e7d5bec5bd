"""One case in a folder of its own: saved when it fails, and run again anywhere, on any runtime."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from distilspec.conformance import bounds
from distilspec.conformance.check import check_operators, crashed, replay_end_to_end
from distilspec.conformance.decisions import DECISION, OUTPUT
from distilspec.conformance.goldens import load_goldens
from distilspec.conformance.judge import judge
from distilspec.conformance.metamorphic import relation_clauses, replay_relation
from distilspec.conformance.result import CaseResult, Judgement
from distilspec.conformance.runtimes.adapter import Runtime
from distilspec.reference.contract.errors import FormatError, UnsupportedError
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.json_file import read_json
from distilspec.reference.formats.safetensors_file import SafetensorsFile, write_safetensors
from distilspec.reference.formats.saved import load_program, save_program
from distilspec.reference.program import Program

if TYPE_CHECKING:
    from distilspec.conformance.report.run import Run

_TEXT_KEYS = ("id", "clause", "recipe", "runtime", "version", "target", "detail")


@dataclass(frozen=True)
class ReplayCase:
    """A case that was read back: what was judged, on what, and by whom."""

    id: str
    clause: str
    recipe: str
    runtime: str
    version: str
    options: Mapping[str, str]
    target: str
    detail: str
    program: Program
    inputs: Mapping[str, Array]


def save_case(folder: Path, run: Run, case: CaseResult) -> None:
    """Write ``case.json``, ``inputs.safetensors`` and ``program/`` for a case with evidence into a new folder."""
    folder.mkdir(parents=True)
    save_program(case.evidence.program, folder / "program")
    write_safetensors(folder / "inputs.safetensors", case.evidence.inputs)
    description = {
        "schema": 1,
        "id": case.id,
        "clause": case.clause,
        "recipe": case.recipe,
        "runtime": run.runtime,
        "version": run.version,
        "options": dict(run.options),
        "target": case.evidence.target,
        "detail": case.judgement.detail,
    }
    (folder / "case.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def load_case(path: Path) -> ReplayCase:
    """
    Read a case that ``save_case`` wrote.

    Raises
    ------
    ContractError
        A file is missing, truncated or not what ``save_case`` writes, or the parts do not fit together.
    """
    description = read_json(path, dict)
    if description.get("schema") != 1:
        raise FormatError(f"replay: {path} is not a case of schema 1; expected a case.json that check --report wrote")
    for key in _TEXT_KEYS:
        if not isinstance(description.get(key), str):
            raise FormatError(f"replay: {path} has no text {key!r}; expected a case.json that check --report wrote")
    options = description.get("options")
    if not isinstance(options, dict) or not all(isinstance(value, str) for value in options.values()):
        raise FormatError(f"replay: {path} has no options; expected a mapping of text to text")
    program = load_program(path.parent / "program")
    target = description["target"]
    if target not in program.outputs.values():
        raise FormatError(f"replay: {path} asks for {target!r:.60}; expected an output of its program")
    stored = SafetensorsFile(path.parent / "inputs.safetensors")
    inputs = program.checked({name: stored.read(name) for name in stored.entries})
    texts = {key: description[key] for key in _TEXT_KEYS}
    return ReplayCase(**texts, options=options, program=program, inputs=inputs)


def replay(case: ReplayCase, runtime: Runtime) -> Judgement:
    """
    Run the case's program on a runtime and judge the tensor that the case is about.

    A golden is judged again by its known answer, a relation by all the answers that it compares, a decision by its
    margin, anything else by the reference and its bound.

    Raises
    ------
    UnsupportedError
        The runtime cannot run the program.
    """
    missing = runtime.missing(case.program)
    if missing:
        raise UnsupportedError(f"replay: {runtime.name} has no {', '.join(missing)}; expected a runtime that has it")
    goldens = [] if "/" in case.id else [golden for golden in load_goldens() if golden.id == case.id]
    if goldens:
        return check_operators(runtime, goldens)[0].judgement
    for name, found in relation_clauses().items():
        if case.clause == ", ".join(clause.id for clause in found):
            return replay_relation(runtime, name, case.program, case.inputs)
    if case.clause in (DECISION, OUTPUT):
        return replay_end_to_end(runtime, case.id.rsplit("/", 1)[-1], case.program, case.inputs)
    label = next(label for label, name in case.program.outputs.items() if name == case.target)
    lifted = {name: bounds.Bounded.exact(array) for name, array in case.inputs.items()}
    allowed = case.program.run(bounds, lifted)[label]
    try:
        got = runtime.load(case.program).run({name: array.copy() for name, array in case.inputs.items()})[label]
        return judge(got, np.asarray(allowed.value), allowed.error)
    except UnsupportedError:
        raise
    except Exception as error:  # noqa: BLE001 - a runtime's failure of any kind is a result, not an end
        return crashed(error)
