"""``report.json``: its schema, what is said about it in the documentation, and reading it back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
from sample_reports import WAIVER, case_of, every_state, hostile, report_of, run_of

from distilspec.conformance.report.json_report import as_json, checked, read_report, schema
from distilspec.conformance.report.verdict import sentence
from distilspec.conformance.result import SHARES, State, Unit
from distilspec.reference.contract.errors import FormatError

DOCS = Path(__file__).resolve().parents[3] / "docs"

in_a_checkout = pytest.mark.skipif(not DOCS.is_dir(), reason="the documentation is not installed")


@pytest.mark.parametrize("run", [every_state(), hostile(), run_of([])], ids=["every state", "hostile", "empty"])
def test_reports_follow_the_schema_under_two_validators(run):
    """The compiled validator, and the one that other programs are likely to use."""
    document = json.loads(json.dumps(as_json(run), allow_nan=False))

    assert checked(document, "here") is document
    jsonschema.Draft202012Validator(schema()).validate(document)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda report: report.pop("environment"),
        lambda report: report.update(extra=1),
        lambda report: report.update(exit=3),
        lambda report: report["cases"][0].update(state="MAYBE"),
        lambda report: report["cases"][0].pop("shares"),
        lambda report: report["cases"][0].update(shares=[0] * (len(SHARES) + 2)),
        lambda report: report["summary"].update(MAYBE=1),
        lambda report: report["waivers"][0].update(link="javascript:alert(1)"),
    ],
)
def test_the_schema_refuses_what_is_not_a_report(break_it):
    """Both validators, so that neither is lenient by accident."""
    report = as_json(every_state())
    break_it(report)

    with pytest.raises(FormatError, match=r"^report: here: .* expected a report\.json that check --report wrote$"):
        checked(report, "here")
    assert not jsonschema.Draft202012Validator(schema()).is_valid(report)


def test_the_schema_itself_is_a_schema():
    """Draft 2020-12."""
    jsonschema.Draft202012Validator.check_schema(schema())


@in_a_checkout
def test_the_published_schema_is_the_one_that_reports_are_checked_against():
    """docs/report.schema.json is a copy."""
    assert json.loads((DOCS / "report.schema.json").read_text(encoding="utf-8")) == schema()


@in_a_checkout
def test_every_field_is_explained():
    """Every property, however deep, stands in docs/report.md and has a description in the schema."""
    text = (DOCS / "report.md").read_text(encoding="utf-8")

    def fields(part):
        for name, field in part.get("properties", {}).items():
            yield name, field
            yield from fields(field)
            yield from fields(field.get("items", {}))

    found = list(fields(schema()))
    assert len(found) > 40
    assert [name for name, _ in found if not re.search(rf"`{name}`", text)] == []
    assert [name for name, field in found if "description" not in field and "$ref" not in field] == []


def test_a_report_can_be_read_back(tmp_path):
    """What was written is what is read."""
    document = as_json(hostile())
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document), encoding="utf-8")

    assert read_report(path) == json.loads(json.dumps(document))


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]", b"\xff", b'{"schema": 1, "schema": 1}', b"{" * 100_000])
def test_a_file_that_is_no_report_is_refused_in_one_line(tmp_path, content):
    """Missing, empty, of another form, not text, with a key twice, nested without end."""
    path = tmp_path / "report.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(FormatError) as error:
        read_report(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_only_saved_reports_name_replay_files():
    """Printed on standard output there is no file to name; what passes or is unsupported has none either."""
    cases = [case_of(state, state, evidence=object()) for state in State]

    assert all(case["replay"] is None for case in as_json(run_of(cases))["cases"])
    saved = {case["state"] for case in as_json(run_of(cases), saved=True)["cases"] if case["replay"]}
    assert saved == {"FAIL", "ERROR", "CRASH", "TIMEOUT", "WAIVED"}


def test_clauses_that_are_mentioned_come_with_their_texts():
    """Of operators, decisions and relations; a clause that nobody mentions is left out."""
    cases = [case_of("a", clause="ADD-S1, Q-S3"), case_of("b", clause="DEC-S1"), case_of("c", clause="NONE-S1")]
    texts = report_of(cases, mandatory=frozenset({"Q-S1"}))["clauses"]["texts"]

    assert set(texts) == {"ADD-S1", "Q-S1", "Q-S3", "DEC-S1"}
    assert texts["ADD-S1"].startswith("y = a + b")


# The verdict in words


def test_a_failing_run_says_how_many_fail_and_the_common_cause():
    """A cause that explains all is said of all, one that explains some is counted."""
    one, other = case_of("a", State.FAIL, cause="pairs saturate"), case_of("b", State.FAIL)

    assert sentence(report_of([one, case_of("p")])) == (
        "r 1 departs from specification 0.1 on m in fp32: 1 of 2 cases fail, all of them as if pairs saturate."
    )
    assert "as if" not in sentence(report_of([other]))
    assert sentence(report_of([one, one, other])).endswith("2 of them as if pairs saturate.")


def test_the_other_verdicts_say_why():
    """Conformant, waived, too little judged, nothing judged, and waivers that do not fit."""
    assert sentence(report_of([case_of("a")])) == "r 1 computes m in fp32 as specification 0.1 says."
    waived = case_of("w", State.WAIVED, waiver=WAIVER.id)
    assert "but for 1 failure that a waiver accepts." in sentence(report_of([case_of("a"), waived]))
    few = report_of([case_of("a")], mandatory=frozenset({"ADD-S1", "Q-S1", "Q-S2"}))
    assert "1 of 3 clauses" in sentence(few)
    assert sentence(report_of([], recipes=("fp32", "w8a32"))).startswith("Nothing was judged")
    stale = sentence(report_of([case_of("a"), case_of("x", State.XPASS, unit=Unit.EXACT)]))
    assert stale.startswith("The waivers of this run no longer fit r 1")
    both = sentence(report_of([case_of("a", State.FAIL), case_of("x", State.XPASS, unit=Unit.EXACT)]))
    assert both.startswith("r 1 departs from specification")
    assert "the operators" in sentence(report_of([case_of("a")], model="operators"))
