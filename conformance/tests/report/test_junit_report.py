"""``junit.xml``: what CI systems read."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from sample_reports import HOSTILE, case_of, every_state, hostile, report_of, run_of

from distilspec.conformance.report.json_report import as_json
from distilspec.conformance.report.junit_report import render_junit
from distilspec.conformance.report.text import printable, shortened
from distilspec.conformance.result import State

#: Elements and their attributes in the JUnit schema of Jenkins (jenkins-junit.xsd), as far as this suite writes them.
GRAMMAR = {
    "testsuites": ({"name", "tests", "failures", "errors", "skipped", "time"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped", "time", "timestamp"}, {"properties", "testcase"}),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": ({"name", "classname", "time"}, {"failure", "error", "skipped"}),
    "failure": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
    "skipped": ({"message", "type"}, set()),
}


def parsed(run):
    """Return the report of a run as the standard library reads it."""
    return ElementTree.fromstring(render_junit(as_json(run, saved=True)))


def unescaped(text):
    """Return text as XML hands it on in an attribute, where a parser makes spaces of line ends that are not escaped."""
    return re.sub(r"\s", " ", text)


@pytest.mark.parametrize("run", [every_state(), hostile(), run_of([])], ids=["every state", "hostile", "empty"])
def test_the_file_follows_the_schema_of_ci_systems(run):
    """Known elements with known attributes, properties before test cases, counts that add up."""
    root = parsed(run)

    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, children = GRAMMAR[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
    for suite in root:
        assert suite[0].tag == "properties"
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        for tag, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert suite.get(count) == str(len(suite.findall(f"testcase/{tag}")))
    assert sum(len(suite.findall("testcase")) for suite in root) == len(run.cases)


@pytest.mark.parametrize(
    ("state", "tag"),
    [
        (State.PASS, None), (State.FAIL, "failure"), (State.XPASS, "failure"), (State.ERROR, "error"),
        (State.CRASH, "error"), (State.TIMEOUT, "error"), (State.UNSUPPORTED, "skipped"), (State.WAIVED, "skipped"),
        (State.UNDECIDED, "skipped"), (State.MISTRUSTED, "skipped"),
    ],
)  # fmt: skip
def test_states_become_results_with_their_reason(state, tag):
    """The message is the detail, the type the state."""
    (case,) = parsed(run_of([case_of("a", state, detail="why")])).iter("testcase")

    results = [(result.tag, result.get("message"), result.get("type")) for result in case]
    assert results == ([] if tag is None else [(tag, "why", state)])


def test_hostile_text_arrives_as_text():
    """Names, details and properties, but for what XML cannot hold."""
    root = parsed(hostile())

    names = {unescaped(case.get("name")) for case in root.iter("testcase")}
    messages = {unescaped(result.get("message")) for result in root.iter("skipped")}
    values = {unescaped(item.get("value")) for item in root.iter("property")}
    for text in HOSTILE:
        shown = unescaped(printable(shortened(text)))
        assert any(shown in name for name in names) or len(text) > 1000
        assert shown in messages
        assert unescaped(printable(text)) in values


def test_a_suite_for_each_recipe_names_who_was_judged():
    """Complaints about waivers have a suite of their own."""
    root = parsed(every_state())

    assert [suite.get("name") for suite in root] == ["m fp32", "waivers"]
    properties = {item.get("name"): item.get("value") for item in root[0].iter("property")}
    assert properties["spec"] == "0.1"
    assert (properties["runtime"], properties["version"], properties["option.level"]) == ("r", "1", "all")
    assert properties["verdict"] == "not conformant"


def test_a_failure_says_how_to_replay_it():
    """In its text, after clause, step and cause."""
    failing = case_of("a", State.FAIL, detail="why", cause="pairs saturate", evidence=object())
    (failure,) = parsed(run_of([failing])).iter("failure")

    assert failure.text.splitlines() == [
        "why", "clause ADD-S1", "step a", "as if pairs saturate",
        "distilspec replay failures/m-fp32-mixed-a/case.json",
    ]  # fmt: skip


def test_another_library_reads_the_same_results():
    """junitparser, back from the bytes."""
    document = JUnitXml.fromstring(render_junit(as_json(every_state())))
    results = [type(result) for suite in document for case in suite for result in case.result]

    assert results.count(Failure) == 3
    assert results.count(Error) == 3
    assert results.count(Skipped) == 4


def test_thousands_of_cases_take_no_time_that_grows_with_their_square():
    """Adding cases one by one would count all of them each time."""
    report = report_of([case_of(str(index), State.FAIL) for index in range(5000)])

    assert JUnitXml.fromstring(render_junit(report)).tests == 5000
