"""``report.html``: what stands on the page, and that nothing that a runtime printed can act there."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from html.parser import HTMLParser
from importlib import resources

import numpy as np
import pytest
from sample_reports import HOSTILE, WAIVER, case_of, every_state, hostile, report_of, run_of

from distilspec.conformance.judge import judge
from distilspec.conformance.report.clause_texts import clause_texts
from distilspec.conformance.report.html_report import LISTED, SHOWN_IN_FULL, render_html
from distilspec.conformance.report.json_report import as_json
from distilspec.conformance.report.text import printable, shortened
from distilspec.conformance.result import CaseResult, Judgement, State, Unit

VOID = {"meta", "link", "wbr"}


class Page(HTMLParser):
    """A parsed page: its tags with attributes, and its text, that of the style sheet left out."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.text, self.open, self.unbalanced = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        """Keep a tag."""
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
            self.text.append(" ")

    def handle_endtag(self, tag):
        """Check that it ends the element that is open."""
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)
        self.text.append(" ")

    def handle_data(self, data):
        """Keep text that a reader sees."""
        if self.open[-1:] != ["style"]:
            self.text.append(data)

    def all(self, tag):
        """Return the attributes of every element of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self):
        """Return the text with single spaces."""
        return " ".join("".join(self.text).split())


def page_of(run):
    """Return the parsed page of a run."""
    return Page(render_html(as_json(run, saved=True)))


@pytest.mark.parametrize("run", [every_state(), hostile(), run_of([])], ids=["every state", "hostile", "empty"])
def test_the_page_is_whole_and_acts_on_nothing(run):
    """Balanced tags, no script, nothing loaded, no handler; the only links lead into the page or to a waiver."""
    page = page_of(run)

    assert page.unbalanced == page.open == []
    tags = Counter(name for name, _ in page.tags)
    assert not tags.keys() & {"script", "img", "iframe", "object", "embed", "form", "input", "svg", "base"}
    assert tags["style"] == 1
    for name, attributes in page.tags:
        assert not any(attribute.startswith("on") or attribute == "src" for attribute in attributes)
        target = attributes.get("href", "#")
        assert (
            target.startswith("#") or (name == "a" and target.startswith("https://example.org/")) or target == "data:,"
        )
    assert any("default-src 'none'" in attributes.get("content", "") for attributes in page.all("meta"))


def test_hostile_text_is_shown_as_text():
    """Escaped and complete, but for what cannot be shown and what is too long."""
    words = page_of(hostile()).words

    for text in HOSTILE:
        assert " ".join(printable(shortened(text)).split()) in words


@pytest.mark.parametrize("run", [every_state(), hostile(), run_of([])], ids=["every state", "hostile", "empty"])
def test_the_page_is_accessible(run):
    """One h1, a language, headers with scope, unique ids that every inner link finds, no image without words."""
    page = page_of(run)

    assert len(page.all("h1")) == 1
    assert page.all("html") == [{"lang": "en"}]
    assert all("scope" in attributes for attributes in page.all("th"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {link["href"][1:] for link in page.all("a") if link["href"].startswith("#")} <= set(ids)
    assert all(attributes.get("aria-label") for _, attributes in page.tags if attributes.get("role") == "img")
    assert any("width=device-width" in attributes.get("content", "") for attributes in page.all("meta"))


def _luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one, other):
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(theme):
    """4.5 to 1 or more (WCAG 2.2, 1.4.3) for every pair of text and background, in both themes."""
    sheet = resources.files("distilspec.conformance.report").joinpath("templates/report.css").read_text("utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for block in re.findall(r":root \{(.*?)\}", sheet, re.S)
    )
    colours = light if theme == "light" else light | dark
    assert set(dark) == set(light)
    pairs = [(f"{name}-ink", name) for name in ("s0", "s1", "s2", "s3", "s4", "s5", "bad", "odd")]
    pairs += [
        (ink, paper) for ink in ("ink", "muted", "pass", "fail", "other", "link") for paper in ("paper", "raised")
    ]
    pairs += [("ink", f"{tone}-paper") for tone in ("pass", "fail", "other")]
    pairs += [(tone, f"{tone}-paper") for tone in ("pass", "fail", "other")]

    low = {pair: ratio for pair in pairs if (ratio := _contrast(*(colours[name] for name in pair))) < 4.5}
    assert low == {}


def test_the_verdict_stands_first():
    """As heading and sentence, with the counts."""
    words = page_of(run_of([case_of("a", State.FAIL), case_of("b")])).words

    assert words.index("Not conformant") < words.index("1 of 2 cases fail") < words.index("1 PASS 1 FAIL") < 1_000_000
    assert "1 of 1 clause judged" in words


def test_a_failure_is_shown_with_all_that_leads_to_its_cause():
    """Clause text, element, what came, what was expected, extent, cause, replay command."""
    case = case_of(
        "layer.0.query",
        State.FAIL,
        used=844104.2,
        error=0.316,
        detail="element [0, 0, 256] is 1.6; expected 1.9 +- 3.75e-07; 91 of 113664 outside",
        cause="pairs saturate",
        evidence=object(),
    )
    words = page_of(run_of([case])).words

    for part in (
        "ADD-S1 y = a + b", "step layer.0.query", "element [0, 0, 256]", "came 1.6", "expected 1.9 +- 3.75e-07",
        "extent 91 of 113664 outside", "distance 8.44e+05 times the bound; largest error 0.316", "as if pairs saturate",
        "distilspec replay failures/m-fp32-mixed-layer.0.query/case.json",
    ):  # fmt: skip
        assert part in words


def case_of_judgement(judgement):
    """Return a case with this judgement."""
    return CaseResult("m/fp32/mixed/a", "ADD-S1", "fp32", "a", judgement)


def test_the_parts_of_a_failure_are_those_that_judge_writes():
    """If the sentence of ``judge`` changed, its parts would silently run together here."""
    floats = judge(np.float32([1, 2]), np.array([1.0, 2.5]), np.array([0.1, 0.1]))
    codes = judge(np.int8([1, 2]), np.int8([1, 4]), np.array([0.0, 1.0]))
    for judgement in (floats, codes):
        named = dataclasses.replace(judgement, detail=f"scale: {judgement.detail}")
        words = page_of(run_of([case_of_judgement(judgement)])).words
        assert "element [1] came 2 expected" in words
        assert "output scale element [1] came 2" in page_of(run_of([case_of_judgement(named)])).words


def test_the_first_failure_is_the_first_in_the_program_not_in_the_list():
    """With the order of the steps; without it, the first that was judged."""
    cases = [case_of("late", State.FAIL, detail="late"), case_of("early", State.FAIL, detail="early")]

    def first(**changes):
        words = page_of(run_of(cases, **changes)).words
        return words.split("in the order of the program: ")[1].split()[2]

    assert first(steps={"m/fp32": ("early", "late")}) == "early"
    assert first() == "late"


def test_states_that_excuse_have_sections_with_reasons():
    """Waived with link and day, undecided, mistrusted and unsupported with their details."""
    page = page_of(every_state())

    ids = {attributes.get("id") for _, attributes in page.tags}
    assert {"WAIVED", "UNDECIDED", "MISTRUSTED", "UNSUPPORTED"} <= ids
    for part in (
        "reason of undecided",
        "reason of mistrusted",
        "reason of unsupported",
        "known since May, until 2027-06-30",
    ):
        assert part in page.words
    assert WAIVER.link in [link["href"] for link in page.all("a")]
    assert "the waiver matches no case of this run" in page.words


def test_a_clause_that_was_not_judged_is_in_the_table():
    """A mandatory clause without any case shows a dash, not nothing."""
    words = page_of(run_of([case_of("a")], mandatory=frozenset({"ADD-S1", "Q-S1"}))).words

    assert "Q-S1 x32 = float32(x) (round to nearest, ties to even) -" in words


def test_with_many_clauses_those_that_nothing_breaks_are_folded():
    """The broken one stays in sight."""
    names = list(clause_texts())[:60]
    cases = [case_of(name, clause=name) for name in names[1:]] + [case_of("bad", State.FAIL, clause=names[0])]
    text = render_html(report_of(cases, mandatory=frozenset(names)))

    assert "59 more clauses, which no case breaks" in text
    table = text.split('id="clauses"')[1].split("<details>")[0]
    assert table.count('<th scope="row">') == 1
    assert names[0] in table


def test_the_distribution_of_errors_is_added_up_over_tensors():
    """Two tensors with 10 elements each; the largest bias keeps its sign."""
    cases = [case_of("a", bias=0.002), case_of("b", bias=-0.03, used=0.25)]
    page = page_of(run_of(cases))

    assert "add fp32 2 20 25 6.2 -3 0" in page.words
    labels = [attributes["aria-label"] for _, attributes in page.tags if attributes.get("role") == "img"]
    assert labels == ["up to 0.01 %: 10 %, up to 0.1 %: 20 %, up to 1 %: 30 %, up to 10 %: 40 %"]


def test_thousands_of_cases_make_a_page_that_can_be_opened():
    """Failures beyond the first are listed, then counted; the page stays small."""
    cases = [
        CaseResult(
            f"add/fuzz/{index}", "ADD-S1", "any", "add", Judgement(Unit.BOUND, State.FAIL, 1.0, 2.0, "x" * 80), ("add",)
        )
        for index in range(5000)
    ]
    text = render_html(report_of(cases, model="operators", recipes=("any",)))

    assert len(text.encode()) < 600_000
    assert "4,900 more failing cases" in text
    assert f"And {5000 - SHOWN_IN_FULL - LISTED:,} that only" in text
    assert "the worst of 5000, 5000 fail" in text


def test_a_page_without_cases_says_so():
    """Nothing judged is a verdict as well."""
    words = page_of(run_of([])).words

    assert "Nothing judged" in words
    assert "no cases" in words


def test_a_suspicious_pass_is_marked_listed_and_counted():
    """Within the bound, and not as independent roundings scatter."""
    words = page_of(run_of([case_of("a", suspicion="all errors have one sign"), case_of("b")])).words

    assert "1 suspicious" in words
    assert "m/fp32/mixed/a : all errors have one sign" in words
    assert "a 10! b 10" in words
    assert "Suspicious" not in page_of(run_of([case_of("b")])).words


def test_the_first_failure_is_told_for_each_model_and_recipe():
    """Operators that are judged beside a model are not steps of it."""
    operator = CaseResult(
        "add/boundary/1", "ADD-S1", "any", "add", Judgement(Unit.EXACT, State.FAIL, 1.0, 2.0), ("add",)
    )
    cases = [operator, case_of("q", State.FAIL), case_of("q", State.FAIL, recipe="w8a32"), case_of("r", State.FAIL)]
    words = page_of(run_of(cases)).words

    told = words.split("in the order of the program: ")[1].split("Clauses")[0]
    assert told == "m fp32 q ADD-S1 FAIL m w8a32 q ADD-S1 FAIL "


def test_with_many_clauses_those_that_no_case_reaches_are_folded_apart():
    """They are not among those that hold, and the broken one is the first that is seen."""
    names = list(clause_texts())[:60]
    cases = [case_of("bad", State.FAIL, clause=names[40]), case_of("good", clause=names[41])]
    page = render_html(report_of(cases, mandatory=frozenset(names)))

    assert "58 more clauses, which no case reaches" in page
    assert "1 more clause, which no case breaks" in page
    first = page.index(f"<code>{names[40]}</code>")
    assert first < page.index("58 more clauses") < page.index(f"<code>{names[0]}</code>")
