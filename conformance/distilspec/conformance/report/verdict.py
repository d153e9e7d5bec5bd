"""The verdict of a report in words that a person who never saw the project understands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from distilspec.conformance.report.json_report import Document
from distilspec.conformance.result import FAILING, State

Case = dict[str, Any]


def sentence(report: Document) -> str:
    """Return the verdict in one sentence: who, on what, by which specification, and why."""
    who = f"{report['runtime']['name']} {report['runtime']['version']}"
    what = subject(report)
    failing = failures(report)
    judged = report["clauses"]["judged"]
    mandatory = report["clauses"]["mandatory"]
    if report["exit"] == 2:
        return f"Nothing was judged, so this run says nothing about {who} on {what}."
    if failing and all(_about_a_waiver(case) for case in failing):
        return (
            f"The waivers of this run no longer fit {who} on {what}: {_counted(len(failing), 'complaint')} "
            "about one that has expired, matches nothing or is not needed."
        )
    if failing:
        return (
            f"{who} departs from specification {report['spec']} on {what}: "
            f"{len(failing)} of {_counted(len(report['cases']), 'case')} fail{_common_cause(failing)}."
        )
    if report["exit"] == 1:
        return (
            f"Too little of {who} was judged on {what}: {len(judged)} of {len(mandatory)} clauses, "
            "and a verdict needs at least half of them."
        )
    kept = report["summary"].get("WAIVED", 0)
    but = f" but for {_counted(kept, 'failure')} that a waiver accepts" if kept else ""
    return f"{who} computes {what} as specification {report['spec']} says{but}."


def subject(report: Document) -> str:
    """Return what was judged: the operators, or a model in its recipes."""
    if report["model"] == "operators":
        return "the operators"
    return f"{report['model']} in {_listed(report['recipes'])}"


def failures(report: Document) -> list[Case]:
    """Return the cases that make the runtime not conformant."""
    return [case for case in report["cases"] if case["state"] in FAILING]


def recipes(report: Document) -> list[str]:
    """Return the recipes of the run and those that its cases name, waivers left out."""
    return list(dict.fromkeys([*report["recipes"], *(case["recipe"] for case in report["cases"] if case["recipe"])]))


def _about_a_waiver(case: Case) -> bool:
    return bool(case["unit"] == "waiver" or case["state"] == State.XPASS)


def _common_cause(failing: Sequence[Case]) -> str:
    (cause, count), *_ = Counter(case["cause"] for case in failing).most_common()
    if not cause:
        return ""
    return f", {'all' if count == len(failing) else count} of them as if {cause}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
