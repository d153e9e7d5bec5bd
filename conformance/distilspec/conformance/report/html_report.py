"""``report.html``: one run for people, in one file that loads nothing and runs nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from distilspec.conformance.report.heat_map import heat_maps, look, parted, percent
from distilspec.conformance.report.json_report import Document
from distilspec.conformance.report.text import printable, shortened
from distilspec.conformance.report.verdict import Case, failures, recipes, sentence, subject
from distilspec.conformance.result import SHARES, State

#: So many failing cases are shown with all that is known; of the rest, so many are listed by name.
SHOWN_IN_FULL, LISTED = 100, 400

#: With more clauses than this, those that no case breaks or reaches are folded away.
CLAUSES_SHOWN = 30

#: So many cases of one reason are listed by name.
LISTED_OF_A_REASON = 20

#: What each state that is neither a pass nor a failure means, in the order in which a reader asks for them.
EXCUSES: Mapping[State, str] = {
    State.WAIVED: "These fail, and a waiver accepts that until a day.",
    State.UNDECIDED: "The margin of these decisions is smaller than what rounding may move: neither answer is wrong.",
    State.MISTRUSTED: "These prove nothing, so they count neither for nor against the runtime.",
    State.UNSUPPORTED: "The runtime declares that it does not do this.",
}

_ELEMENT = re.compile(
    r"(?:(?P<output>\w+): )?element (?P<element>\[.*?\]) is (?P<came>.*?); expected (?P<expected>.*?); (?P<extent>.*)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Failure:
    """A failing case, the clauses that it breaks with their texts, and what is known of it."""

    case: Case
    clauses: Sequence[tuple[str, str]]
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class ClauseRow:
    """A clause, and the number of cases about it by state, under each recipe."""

    id: str
    text: str
    counts: Sequence[Mapping[str, int]]

    @property
    def quiet(self) -> bool:
        """Return whether there are cases and all of them pass or are unsupported."""
        states = {state for counts in self.counts for state in counts}
        return bool(states) and states <= {State.PASS, State.UNSUPPORTED}

    @property
    def unreached(self) -> bool:
        """Return whether there is no case about it."""
        return not any(self.counts)


@dataclass(frozen=True)
class Errors:
    """How much of its bound one operator used under one recipe, over all its elements and tensors."""

    recipe: str
    operator: str
    tensors: int
    elements: int
    shares: Sequence[tuple[str, float, str]]
    most: str
    rms: float
    bias: float
    outside: int


@dataclass(frozen=True)
class Reason:
    """Cases in one state for one reason."""

    text: str
    cases: Sequence[str]
    more: int
    waiver: Mapping[str, Any] | None = None


def render_html(report: Document) -> str:
    """Return the page of a report."""
    failing = failures(report)
    page = _template().render(
        report=report,
        sentence=sentence(report),
        subject=subject(report),
        recipes=recipes(report),
        first=_first_failures(report),
        causes=Counter(case["cause"] for case in failing if case["cause"]).most_common(),
        clause_rows=_clause_rows(report),
        clauses_shown=CLAUSES_SHOWN,
        listed_of_a_reason=LISTED_OF_A_REASON,
        maps=list(heat_maps(report)),
        errors=list(_errors(report)),
        failures=_failures(report, failing[:SHOWN_IN_FULL]),
        listed=failing[SHOWN_IN_FULL : SHOWN_IN_FULL + LISTED],
        unlisted=len(failing[SHOWN_IN_FULL + LISTED :]),
        suspicious=[case for case in report["cases"] if case["suspicion"]],
        excuses=[(str(state), text, found) for state, text in EXCUSES.items() if (found := _reasons(report, state))],
        legend=_legend(),
    )
    return printable(page)


@lru_cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("distilspec.conformance.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shortened": shortened, "breakable": _breakable}
    return environment.get_template("report.html")


def _breakable(name: str) -> Markup:
    """Return a name that lines may break after its dots, slashes and underlines."""
    return Markup("<wbr>").join(re.split(r"(?<=[./_])", name))


def _first_failures(report: Document) -> list[Case]:
    """Return the first failure of each model and recipe in the order of the program; operators have no such order."""
    found: dict[str, tuple[int, Case]] = {}
    for case in failures(report):
        model, recipe, _, _ = parted(case)
        program = f"{model}/{recipe}"
        steps = report["steps"].get(program, [])
        position = steps.index(case["step"]) if case["step"] in steps else len(steps)
        if model and position < found.get(program, (len(steps) + 1, case))[0]:
            found[program] = (position, case)
    return [case for _, case in found.values()]


def _clause_rows(report: Document) -> list[ClauseRow]:
    counts: dict[tuple[str, str], Counter[str]] = {}
    for case in report["cases"]:
        for clause in filter(None, case["clause"].split(", ")):
            counts.setdefault((clause, case["recipe"]), Counter())[case["state"]] += 1
    texts = report["clauses"]["texts"]
    mentioned = {clause for clause, _ in counts} | set(report["clauses"]["mandatory"])
    order = {clause: index for index, clause in enumerate(texts)}
    return [
        ClauseRow(
            clause,
            texts.get(clause, ""),
            [_by_state(counts.get((clause, recipe), Counter())) for recipe in recipes(report)],
        )
        for clause in sorted(mentioned, key=lambda clause: (order.get(clause, len(order)), clause))
    ]


def _by_state(counts: Mapping[str, int]) -> dict[str, int]:
    return {str(state): counts[state] for state in State if state in counts}


def _errors(report: Document) -> Iterator[Errors]:
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in report["cases"]:
        if case["unit"] in ("set", "bound") and sum(case["shares"]):
            name = case["operators"][-1] if case["operators"] else case["step"]
            groups.setdefault((case["recipe"], name), []).append(case)
    for (recipe, operator), cases in groups.items():
        counts = [sum(column) for column in zip(*(case["shares"] for case in cases), strict=True)]
        elements = sum(counts)
        within = [case["bound_used"] for case in cases if case["state"] == State.PASS]
        biases = [case["bias"] for case in cases if case["bias"]]
        shares = [
            (name, 100 * count / elements, css) for (css, name), count in zip(_legend(), counts, strict=True) if count
        ]
        most = percent(max(within)) if within else "-"
        rms = max((case["rms_used"] for case in cases if case["state"] == State.PASS), default=0.0)
        bias = max(biases, key=abs, default=0.0)
        yield Errors(recipe, operator, len(cases), elements, shares, most, rms, bias, outside=counts[-1])


def _legend() -> list[tuple[str, str]]:
    """Return the class of colour and the meaning of every range of shares, none of the bound first."""
    names = ["equal", *(f"up to {100 * edge:g} %" for edge in SHARES[1:])]
    return [*((look(edge), name) for edge, name in zip(SHARES, names, strict=True)), ("fail", "outside")]


def _failures(report: Document, failing: Sequence[Case]) -> list[tuple[str, list[Failure]]]:
    """Return failing cases by what they have in common: their cause, or else their state and first clause."""
    groups: dict[str, list[Failure]] = {}
    texts = report["clauses"]["texts"]
    for case in failing:
        ids = [clause for clause in case["clause"].split(", ") if clause]
        common = f"as if {case['cause']}" if case["cause"] else " ".join([case["state"], *(ids[:1] or [case["unit"]])])
        clauses = [(clause, texts.get(clause, "")) for clause in ids]
        groups.setdefault(common, []).append(Failure(case, clauses, _facts(case)))
    return list(groups.items())


def _facts(case: Case) -> list[tuple[str, str]]:
    """Return what is known of a failure, the parts of a sentence of ``judge`` apart."""
    found = _ELEMENT.fullmatch(case["detail"])
    facts = [("step", case["step"]), ("operators", ", ".join(case["operators"]))]
    if found:
        facts += [
            ("output", found["output"] or ""),
            ("element", found["element"]),
            ("came", found["came"]),
            ("expected", found["expected"]),
        ]
        facts += [("extent", found["extent"])]
    else:
        facts += [("detail", case["detail"])]
    if case["bound_used"] is not None and case["bound_used"] > 1:
        facts += [("distance", f"{case['bound_used']:.3g} times the bound; largest error {case['max_error']:.3g}")]
    return [(term, text) for term, text in facts if text]


def _reasons(report: Document, state: State) -> list[Reason]:
    waivers = {waiver["id"]: waiver for waiver in report["waivers"]}
    groups: dict[tuple[str, str], list[str]] = {}
    for case in report["cases"]:
        if case["state"] == state:
            text = "" if case["waiver"] else case["detail"]
            groups.setdefault((case["waiver"], text), []).append(case["id"])
    return [
        Reason(text, ids[:LISTED_OF_A_REASON], len(ids[LISTED_OF_A_REASON:]), waivers.get(waiver))
        for (waiver, text), ids in groups.items()
    ]
