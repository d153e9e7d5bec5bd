"""What an unfinished run has judged so far, kept in a folder, so that a killed run goes on where it was."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from distilspec.conformance.check import Evidence
from distilspec.conformance.execute import Finished
from distilspec.conformance.replay import load_case, save_case
from distilspec.conformance.report.json_report import replay_name
from distilspec.conformance.report.run import Run
from distilspec.conformance.result import FAILING, CaseResult, Judgement, State
from distilspec.conformance.result import Unit as RuleUnit
from distilspec.conformance.unit import Outcome, Unit
from distilspec.reference.contract.errors import FormatError
from distilspec.reference.contract.spec import SPEC_VERSION
from distilspec.reference.formats.json_file import read_json


class Journal:
    """
    A folder beside the report: one line for each unit that has ended, and the replay files of the cases that failed.

    Parameters
    ----------
    report : Path
        Where the report will be; the journal is ``<report>.unfinished``, and is removed by ``finish``.
    run : Run
        Who is judged, on what; its cases do not matter.
    arguments : mapping of str to str
        Whatever else decides which units there are, the seed for one.

    Raises
    ------
    FormatError
        The folder holds the journal of another run, or something else.
    """

    def __init__(self, report: Path, run: Run, arguments: dict[str, str]) -> None:
        """Open the folder, or make it."""
        self._folder = report.with_name(f"{report.name}.unfinished")
        self._run = run
        identity = {
            "spec": SPEC_VERSION, "runtime": run.runtime, "version": run.version, "options": dict(run.options),
            "model": run.model, "recipes": list(run.recipes), "arguments": arguments,
        }  # fmt: skip
        if self._folder.is_dir():
            found = read_json(self._folder / "identity.json", dict)
            different = sorted(key for key in identity if found.get(key) != identity[key])
            if different:
                raise FormatError(
                    f"journal: {self._folder} is of a run with another {different[0]}; "
                    "expected this run's, or that you remove it"
                )
        else:
            self._folder.mkdir(parents=True)
            (self._folder / "identity.json").write_text(json.dumps(identity, indent=1) + "\n", encoding="utf-8")
        self._drop_half_a_line()
        self.finished = dict(self._read())

    @property
    def examples(self) -> Path:
        """Return the folder of the examples that Hypothesis keeps."""
        return self._folder / "examples"

    def unfinished(self, units: Iterable[Unit]) -> Iterator[Unit]:
        """Yield the units that have not ended yet."""
        return (unit for unit in units if unit.id not in self.finished)

    def record(self, finished: Iterable[Finished]) -> Iterator[Finished]:
        """Write each unit down before it is passed on."""
        for unit, outcome in finished:
            for case in outcome.cases:
                folder = self._failure(case)
                if case.state in FAILING and case.evidence is not None and not folder.exists():
                    save_case(folder, self._run, case)
            line = {
                "unit": unit.id,
                "mandatory": sorted(outcome.mandatory),
                "recipe": outcome.recipe,
                "steps": outcome.steps,
                "cases": [dataclasses.asdict(dataclasses.replace(case, evidence=None)) for case in outcome.cases],
            }
            with self._lines.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())
            self.finished[unit.id] = outcome
            yield unit, outcome

    def finish(self) -> None:
        """Remove the folder: the report holds everything."""
        shutil.rmtree(self._folder)

    @property
    def _lines(self) -> Path:
        return self._folder / "outcomes.jsonl"

    def _failure(self, case: CaseResult) -> Path:
        return self._folder / "failures" / replay_name(case.id)

    def _drop_half_a_line(self) -> None:
        """Cut off what a kill left of the line that was being written; its unit is judged again."""
        if self._lines.exists():
            written = self._lines.read_bytes()
            self._lines.write_bytes(written[: written.rfind(b"\n") + 1])

    def _read(self) -> Iterator[tuple[str, Outcome]]:
        if not self._lines.exists():
            return
        for line in self._lines.read_text(encoding="utf-8").splitlines():
            try:
                record = json.loads(line)
                cases = tuple(self._case(fields) for fields in record["cases"])
                yield record["unit"], self._outcome(cases, record)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise FormatError(
                    f"journal: {self._lines}: {error}; "
                    "expected what an unfinished run wrote; remove the folder to start anew"
                ) from None

    @staticmethod
    def _outcome(cases: tuple[CaseResult, ...], record: dict[str, Any]) -> Outcome:
        steps = {name: tuple(found) for name, found in record["steps"].items()}
        return Outcome(cases, frozenset(record["mandatory"]), record["recipe"], steps)

    def _case(self, fields: dict[str, Any]) -> CaseResult:
        verdict = fields.pop("judgement")
        shares = tuple(verdict["shares"])
        judgement = Judgement(
            **verdict | {"unit": RuleUnit(verdict["unit"]), "state": State(verdict["state"]), "shares": shares}
        )
        case = CaseResult(**fields | {"judgement": judgement, "operators": tuple(fields["operators"])})
        description = self._failure(case) / "case.json"
        if not description.exists():
            return case
        saved = load_case(description)
        return dataclasses.replace(case, evidence=Evidence(saved.program, saved.inputs, saved.target))
