"""Waivers: which file is one, which cases they cover, and when they fail a run themselves."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sample_reports import case_of, run_of

from distilspec.conformance.result import FAILING, State, Unit
from distilspec.conformance.waivers import LARGEST_FILE, WAIVABLE, Waiver, Waivers, apply_waivers, load_waivers
from distilspec.reference.contract.errors import FormatError

TODAY = date(2026, 11, 21)
GOOD = """
[[waiver]]
id = "m/fp32/*/q"
runtime = "r"
reason = "known since May"
link = "https://example.org/1"
expires = 2027-06-30

[[waiver]]
id = "*"
runtime = "s"
reason = "races"
link = "http://example.org/2"
expires = "2027-01-01"
partial = true
"""


def waiver_of(pattern, **changes):
    """Return a waiver that holds today."""
    fields = {"reason": "known", "link": "https://example.org/1", "expires": TODAY + timedelta(days=1)}
    return Waiver(pattern, **fields | changes)


def applied(cases, *waivers, runtime="r"):
    """Return what becomes of the cases."""
    return apply_waivers(cases, Waivers("waivers.toml", waivers), runtime, TODAY)


def states(cases):
    """Return ids and states."""
    return [(case.id.removeprefix("m/fp32/mixed/"), case.state) for case in cases]


# The file


def test_a_file_is_read_as_it_stands(tmp_path):
    """A date with and without quotation marks; runtime and partial may be absent."""
    path = tmp_path / "waivers.toml"
    path.write_text(GOOD)

    assert load_waivers(path) == Waivers(
        "waivers.toml",
        (
            Waiver("m/fp32/*/q", "known since May", "https://example.org/1", date(2027, 6, 30), "r"),
            Waiver("*", "races", "http://example.org/2", date(2027, 1, 1), "s", partial=True),
        ),
    )


def test_a_file_without_waivers_is_one(tmp_path):
    """Whoever fixed everything need not remove the option."""
    path = tmp_path / "waivers.toml"
    path.write_text("# none left\n")

    assert load_waivers(path).entries == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("[[waiver]]", "[[waiver"), "line 2"),
        (("reason =", "# reason ="), "waiver number 1: 'reason' is a required property"),
        (("expires = 2027-06-30\n", ""), "'expires' is a required property"),
        (('runtime = "s"', 'runtimes = "s"'), "waiver number 2: Additional properties"),
        (("partial = true", "partial = 1"), "waiver number 2 partial: 1 is not of type 'boolean'"),
        (('"m/fp32/*/q"', '""'), "waiver number 1 id"),
        (('"races"', '"  "'), "waiver number 2 reason"),
        (('"http://example.org/2"', '"javascript:alert(1)"'), "waiver number 2 link"),
        (('"http://example.org/2"', '"http://example.org/2 <b>"'), "waiver number 2 link"),
        (("2027-06-30", '"June"'), "waiver number 1 expires: 'June' is not a 'date'"),
        (("2027-06-30", '"2027-02-30"'), "is not a 'date'"),
        (("2027-06-30", "2027-06-30T00:00:00"), "is not a 'date'"),
        (("2027-06-30", "2027"), "waiver number 1 expires: 2027 is not of type 'string'"),
        (("[[waiver]]", "[[waivers]]"), "top: Additional properties"),
        (('id = "*"\nruntime = "s"', 'id = "m/fp32/*/q"'), "stands twice"),
        (('id = "*"\nruntime = "s"', 'id = "m/fp32/*/q"\nruntime = "r"'), "stands twice"),
    ],
)
def test_a_broken_file_is_refused_in_one_line_that_says_what_is_expected(tmp_path, change, words):
    """Where it is, what is there, and what should be."""
    path = tmp_path / "waivers.toml"
    path.write_text(GOOD.replace(*change))
    assert path.read_text() != GOOD

    with pytest.raises(FormatError) as error:
        load_waivers(path)
    message = str(error.value)
    assert message.startswith(f"waivers: {path}: ")
    assert words in message
    assert "; expected " in message
    assert "\n" not in message


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"#" * (LARGEST_FILE + 1)])
def test_a_file_that_cannot_be_read_as_text_is_refused(tmp_path, content):
    """Missing, not UTF-8, larger than a person writes."""
    path = tmp_path / "waivers.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(FormatError, match=r"waivers: .*; expected "):
        load_waivers(path)


def test_one_pattern_may_stand_once_for_each_runtime(tmp_path):
    """Two runtimes can have the same fault for two reasons."""
    path = tmp_path / "waivers.toml"
    path.write_text(GOOD.replace('id = "*"', 'id = "m/fp32/*/q"'))

    assert len(load_waivers(path).entries) == 2


# The cases


@pytest.mark.parametrize("state", State)
def test_failures_are_waived_and_passes_fail(state):
    """Every state of a case under a waiver that matches it: what cannot be waived stays as it is."""
    evidence = object()
    case, *complaints = applied([case_of("q", state, detail="why", evidence=evidence)], waiver_of("m/*"))

    if state in WAIVABLE:
        assert case.state is State.WAIVED
        assert case.judgement.detail == f"known (https://example.org/1, until 2026-11-22); was {state}: why"
        assert case.waiver == "m/*"
        assert case.evidence is evidence
    else:
        assert case.state is (State.XPASS if state is State.PASS else state)
    assert (run_of([case, *complaints]).exit_status == 0) == (state in (*WAIVABLE, State.WAIVED))


def test_a_case_that_no_waiver_matches_is_unchanged():
    """Matching is about the whole id, upper and lower case told apart."""
    cases = [case_of("Q", State.FAIL), case_of("q.x", State.FAIL), case_of("q", State.FAIL)]

    assert states(applied(cases, waiver_of("m/fp32/mixed/q"))) == [
        ("Q", State.FAIL), ("q.x", State.FAIL), ("q", State.WAIVED),
    ]  # fmt: skip


def test_a_pattern_covers_slashes_and_can_name_brackets():
    """``*`` crosses slashes; ``[[]`` is a bracket."""
    cases = [case_of("a/b/c: [1]", State.FAIL)]

    assert states(applied(cases, waiver_of("m/*: [[]1]"))) == [("a/b/c: [1]", State.WAIVED)]


@pytest.mark.parametrize(("days", "waived"), [(-1, False), (0, True), (1, True)])
def test_a_waiver_holds_until_the_end_of_its_day(days, waived):
    """On the day after, its case fails again, and so does the waiver."""
    results = applied([case_of("q", State.FAIL)], waiver_of("m/*", expires=TODAY + timedelta(days=days)))

    assert (results[0].state is State.WAIVED) == waived
    assert [(case.id, case.state, case.judgement.unit) for case in results[1:]] == (
        [] if waived else [("waivers/m/*", State.FAIL, Unit.WAIVER)]
    )
    assert waived or "expired on 2026-11-20" in results[1].judgement.detail


def test_a_waiver_that_matches_nothing_fails_the_run():
    """The case was renamed, or the pattern is wrong."""
    results = applied([case_of("q")], waiver_of("m/fp32/*/query"))

    assert states(results) == [("q", State.PASS), ("waivers/m/fp32/*/query", State.FAIL)]
    assert "matches no case of this run" in results[1].judgement.detail
    assert run_of(results).exit_status == 1


def test_a_run_without_cases_stays_a_run_that_judged_nothing():
    """A waiver's complaint is no verdict on the runtime."""
    assert run_of(applied([], waiver_of("m/*"))).exit_status == 2


def test_a_case_belongs_to_the_first_waiver_that_matches_it():
    """The second one is told so, because it could be removed."""
    results = applied([case_of("q", State.FAIL)], waiver_of("m/*", reason="first"), waiver_of("*q", reason="second"))

    assert results[0].judgement.detail.startswith("first (")
    assert states(results[1:]) == [("waivers/*q", State.FAIL)]
    assert "matches only cases of an earlier waiver" in results[1].judgement.detail


def test_an_expired_waiver_does_not_stand_before_a_later_one():
    """What has expired owns nothing."""
    results = applied(
        [case_of("q", State.FAIL)],
        waiver_of("m/*", expires=TODAY - timedelta(days=1)),
        waiver_of("*q", reason="second"),
    )

    assert states(results) == [("q", State.WAIVED), ("waivers/m/*", State.FAIL)]


def test_every_case_of_a_waiver_has_to_fail_unless_it_is_partial():
    """A pattern that covers a pass is too wide; a partial one says that it may."""
    cases = [case_of("a", State.FAIL), case_of("b", State.PASS)]

    assert states(applied(cases, waiver_of("m/*"))) == [("a", State.WAIVED), ("b", State.XPASS)]
    assert states(applied(cases, waiver_of("m/*", partial=True))) == [("a", State.WAIVED), ("b", State.PASS)]


@pytest.mark.parametrize("state", [State.PASS, State.UNDECIDED, State.UNSUPPORTED, State.MISTRUSTED])
def test_a_waiver_that_is_no_longer_needed_fails_the_run_once(state):
    """By the case that passes, or by a case of its own where no case says so."""
    results = applied([case_of("a", state)], waiver_of("m/*", partial=True))

    assert states(results) == [("a", state), ("waivers/m/*", State.XPASS)]
    assert "no longer needed: none of the 1 cases that it matches fails" in results[1].judgement.detail
    exact = applied([case_of("a", state)], waiver_of("m/*"))
    assert sum(case.state in FAILING for case in exact) == 1


def test_waivers_of_other_runtimes_do_not_concern_a_run():
    """They neither waive nor complain, even when they have expired."""
    other = waiver_of("m/*", runtime="s", expires=TODAY - timedelta(days=1))

    assert states(applied([case_of("q", State.FAIL)], other)) == [("q", State.FAIL)]
    assert states(applied([case_of("q", State.FAIL)], waiver_of("m/*", runtime="r"))) == [("q", State.WAIVED)]
