"""``Score``: how many of the wrong runtimes the suite found, and which of the right ones it accused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distilspec.conformance.mutants.candidates import Candidate
from distilspec.conformance.mutants.examine import Verdict


@dataclass(frozen=True)
class Score:
    """Candidates with their verdicts; those of which there was no runtime are left out of every count."""

    verdicts: tuple[tuple[Candidate, Verdict], ...]

    @property
    def mutants(self) -> tuple[tuple[Candidate, Verdict], ...]:
        """Return the wrong ones."""
        return tuple(pair for pair in self.verdicts if not pair[0].correct and not pair[1].unusable)

    @property
    def variants(self) -> tuple[tuple[Candidate, Verdict], ...]:
        """Return the right ones."""
        return tuple(pair for pair in self.verdicts if pair[0].correct and not pair[1].unusable)

    @property
    def survived(self) -> tuple[tuple[Candidate, Verdict], ...]:
        """Return the mutants that nothing rejected."""
        return tuple(pair for pair in self.mutants if not pair[1].found_by)

    @property
    def false_alarms(self) -> tuple[tuple[Candidate, Verdict], ...]:
        """Return the variants that something rejected."""
        return tuple(pair for pair in self.variants if pair[1].found_by)

    @property
    def unusable(self) -> tuple[tuple[Candidate, Verdict], ...]:
        """Return those of which there was no runtime to judge."""
        return tuple(pair for pair in self.verdicts if pair[1].unusable)

    @property
    def perfect(self) -> bool:
        """Return whether every mutant was found, and no variant."""
        return not self.survived and not self.false_alarms

    def as_json(self) -> Mapping[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "killed": len(self.mutants) - len(self.survived),
            "total": len(self.mutants),
            "survived": [candidate.name for candidate, _ in self.survived],
            "false_alarms": [candidate.name for candidate, _ in self.false_alarms],
        }
