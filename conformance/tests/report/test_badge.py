"""``badge.svg``: the verdict in one line."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from sample_reports import WAIVER, case_of, every_state, hostile, report_of, run_of

from distilspec.conformance.report.badge import COLOURS, message, render_badge
from distilspec.conformance.report.json_report import as_json
from distilspec.conformance.result import State

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("run", [every_state(), hostile(), run_of([])], ids=["every state", "hostile", "empty"])
def test_the_badge_is_well_formed_and_acts_on_nothing(run):
    """Whatever runtime and recipes are called."""
    root = ElementTree.fromstring(render_badge(as_json(run)))

    assert root.tag == f"{SVG}svg"
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        "svg",
        "title",
        "clipPath",
        "rect",
        "g",
        "text",
    }
    assert not any(name.startswith("on") or name.endswith("href") for element in root.iter() for name in element.attrib)


def test_the_badge_carries_specification_runtime_recipes_and_verdict():
    """As text, and in words for whoever cannot see it."""
    root = ElementTree.fromstring(render_badge(report_of([case_of("a")])))

    assert [text.text for text in root.iter(f"{SVG}text")] == ["distilspec 0.1", "r 1 | fp32 | conformant"]
    assert root.get("aria-label") == "distilspec 0.1: r 1 | fp32 | conformant"
    assert root.get("role") == "img"


def test_waived_failures_are_counted():
    """A conformant badge must not hide that failures were waived."""
    waived = case_of("b", State.WAIVED, waiver=WAIVER.id)

    assert message(report_of([case_of("a"), waived])) == "r 1 | fp32 | conformant (1 waived)"


def test_operators_and_many_recipes_are_named_shortly():
    """Three recipes by name, four by number; a long name is cut."""
    case = case_of("a")

    assert message(report_of([case], model="operators", recipes=("any",))) == "r 1 | operators | conformant"
    assert "a, b, c |" in message(report_of([case], recipes=("a", "b", "c")))
    assert "4 recipes |" in message(report_of([case], recipes=("a", "b", "c", "d")))
    assert len(message(report_of([case], runtime="x" * 1000))) < 80


@pytest.mark.parametrize(("cases", "status"), [([case_of("a")], 0), ([case_of("a", State.FAIL)], 1), ([], 2)])
def test_the_colour_follows_the_verdict(cases, status):
    """Green, red, grey."""
    root = ElementTree.fromstring(render_badge(report_of(cases)))

    assert root.findall(f".//{SVG}rect")[-1].get("fill") == COLOURS[status]


def test_the_text_fits_its_box():
    """Both boxes together are as wide as the picture, and each text is as long as its box allows."""
    root = ElementTree.fromstring(render_badge(report_of([case_of("a")])))
    label, verdict = root.findall(f"{SVG}g")[0]
    texts = list(root.iter(f"{SVG}text"))

    assert int(label.get("width")) + int(verdict.get("width")) == int(root.get("width"))
    assert verdict.get("x") == label.get("width")
    for box, text in zip((label, verdict), texts, strict=True):
        left = int(text.get("x")) - int(box.get("x", 0))
        assert left > 0
        assert left + int(text.get("textLength")) < int(box.get("width"))
