"""``distilspec compare``: what changed between two reports."""

from __future__ import annotations

import dataclasses
import json

import pytest
import typer
from sample_reports import ENVIRONMENT, HOSTILE, WAIVER, case_of, every_state, hostile, report_of
from typer.testing import CliRunner

from distilspec.conformance.commands.compare import compare
from distilspec.conformance.report.compare import compare_reports
from distilspec.conformance.report.json_report import as_json
from distilspec.conformance.result import FAILING, State, Unit
from distilspec.reference.contract.errors import FormatError

app = typer.Typer()
app.command()(compare)


@pytest.fixture
def call(tmp_path):
    """Return a function that compares two reports by the command and returns exit status and output."""

    def run(before, after, *options):
        for name, report in (("a", before), ("b", after)):
            (tmp_path / f"{name}.json").write_text(json.dumps(report), encoding="utf-8")
        result = CliRunner().invoke(app, [str(tmp_path / "a.json"), str(tmp_path / "b.json"), *options])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    return run


def ids(changes):
    """Return the last part of each case's id."""
    return [change.id.rsplit("/", 1)[1] for change in changes]


def test_equal_reports_have_no_differences():
    """The date alone is none."""
    later = dataclasses.replace(ENVIRONMENT, date="2027-01-01T00:00:00+00:00")
    found = compare_reports(as_json(every_state()), as_json(dataclasses.replace(every_state(), environment=later)))

    assert found.verdicts == ("not conformant", "not conformant")
    assert dataclasses.replace(found, verdicts=("", "")) == type(found)(("", ""), (), (), (), (), (), (), ())


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_a_change_of_state_is_a_regression_a_repair_or_neither(before, after):
    """A regression fails now and did not; a repair passes now and failed; the rest is told, and so is every change."""
    found = compare_reports(report_of([case_of("q", before)]), report_of([case_of("q", after)]))

    regressed = after in FAILING and before not in FAILING
    repaired = before in FAILING and after is State.PASS
    assert bool(found.newly_failing) == regressed
    assert bool(found.newly_passing) == repaired
    assert bool(found.otherwise) == (before != after and not regressed and not repaired)


def test_cases_of_one_run_only_are_apart():
    """They are no regression, whatever their state."""
    found = compare_reports(report_of([case_of("a")]), report_of([case_of("b", State.FAIL)]))

    assert (ids(found.only_before), ids(found.only_after), found.newly_failing) == (["a"], ["b"], ())


def test_growth_within_the_bound_is_found_and_sorted():
    """Twice as much, of 1 % or more, in cases that pass in both; the largest share first."""
    before = {"doubled": 0.1, "from nothing": 0.0, "less than doubled": 0.1, "tiny": 1e-9, "less": 0.5, "failed": 0.1}
    after = {"doubled": 0.2, "from nothing": 0.9, "less than doubled": 0.19, "tiny": 0.009, "less": 0.1, "failed": 0.9}
    states = {"failed": State.FAIL}
    found = compare_reports(
        report_of([case_of(name, used=used) for name, used in before.items()]),
        report_of([case_of(name, states.get(name, State.PASS), used=used) for name, used in after.items()]),
    )

    assert ids(found.growth) == ["from nothing", "doubled"]
    assert [growth.factor for growth in found.growth] == [float("inf"), 2.0]


def test_the_factor_can_be_chosen():
    """1.5 times is enough for a factor of 1.5; nothing grew by a factor of 1 if it stayed."""
    before, after = (
        report_of([case_of("a", used=0.5), case_of("b")]),
        report_of([case_of("a", used=0.75), case_of("b")]),
    )

    assert ids(compare_reports(before, after, factor=1.5).growth) == ["a"]
    assert ids(compare_reports(before, after, factor=1.6).growth) == []
    assert ids(compare_reports(before, after, factor=1.0).growth) == ["a"]


def test_an_infinite_share_grows_no_further():
    """A decision without a bound has none."""
    report = report_of([case_of("a", used=float("inf"))])

    assert compare_reports(report, report).growth == ()


def test_differences_between_the_runs_are_named():
    """Runtime, version, options that only one has, machine, packages, waivers."""
    other = dataclasses.replace(
        ENVIRONMENT, cpu="Other CPU", instructions={"avx2": True, "avx512_vnni": True}, packages={"numpy": "2.5"}
    )
    before = report_of([case_of("a")], waivers=(WAIVER,))
    after = report_of([case_of("a")], version="2", options={"threads": "2"}, environment=other, recipes=("w8a32",))

    found = {item.name: (item.before, item.after) for item in compare_reports(before, after).identity}
    assert found == {
        "runtime.version": ("1", "2"),
        "runtime.options.level": ("all", None),
        "runtime.options.threads": (None, "2"),
        "recipes": ("fp32", "w8a32"),
        "waivers": ("m/fp32/*/waived", ""),
        "environment.cpu": ("Some CPU", "Other CPU"),
        "environment.instructions.avx512_vnni": ("False", "True"),
        "environment.packages.numpy": ("2.4.6", "2.5"),
    }


# The command


def test_the_status_is_1_only_for_a_regression(call):
    """The same failure in both runs, a repair, and a new case that fails are none."""
    good, bad = report_of([case_of("a")]), report_of([case_of("a", State.FAIL)])

    assert call(good, bad)[0] == 1
    assert call(bad, bad)[0] == call(bad, good)[0] == call(good, good)[0] == 0
    assert call(report_of([]), bad)[0] == 0


def test_what_changed_is_printed_worst_first(call):
    """Runs, what they differ in, regressions, growth, cases of one run, and the count that decides."""
    before = report_of([case_of("q"), case_of("grown"), case_of("old")])
    after = report_of([case_of("q", State.FAIL, detail="why"), case_of("grown", used=0.5), case_of("new")], version="2")
    status, output = call(before, after)

    assert status == 1
    assert [" ".join(line.split()) for line in output.splitlines()] == [
        "A r 1 on m in fp32: conformant",
        "B r 2 on m in fp32: not conformant",
        "the runs differ in A B",
        "runtime.version 1 2",
        "1 fail in B and not in A",
        "PASS -> FAIL m/fp32/mixed/q [ADD-S1]: why",
        "1 pass in both and use at least 2 times more of their bound in B",
        "m/fp32/mixed/grown [ADD-S1]: 10 % -> 50 %",
        "1 only in A: 1 PASS",
        "1 only in B: 1 PASS",
        "1 regression",
    ]


def test_json_holds_everything(call):
    """A factor that is infinite is null."""
    before = report_of([case_of(f"q{index}") for index in range(50)] + [case_of("g", used=0.0)])
    after = report_of([case_of(f"q{index}", State.FAIL) for index in range(50)] + [case_of("g", used=0.5)])
    status, output = call(before, after, "--json")

    document = json.loads(output)
    assert status == 1
    assert document["regressions"] == len(document["newly_failing"]) == 50
    assert document["growth"] == [
        {"id": "m/fp32/mixed/g", "clause": "ADD-S1", "before": 0.0, "after": 0.5, "factor": None}
    ]
    assert document["verdicts"] == ["conformant", "not conformant"]


def test_long_lists_are_cut_and_say_so(call):
    """On a terminal; the count stays whole."""
    before = report_of([case_of(f"q{index}") for index in range(50)])
    after = report_of([case_of(f"q{index}", State.FAIL) for index in range(50)])
    _, output = call(before, after)

    assert "50 fail in B and not in A" in output
    assert "... and 30 more; --json prints all" in output
    assert output.endswith("50 regressions\n")


def test_hostile_reports_are_printed_as_text(call):
    """No control character reaches the terminal."""
    plain = report_of([case_of(text, unit=Unit.BOUND) for text in HOSTILE])
    _, output = call(plain, as_json(hostile()))

    assert not set(output) & {chr(code) for code in (*range(9), 11, 12, *range(14, 32), 127)}


def test_a_file_that_is_no_report_is_unusable(call):
    """Status 2 comes from the error, in one line."""
    with pytest.raises(FormatError, match=r"expected a report\.json"):
        call({}, {})
