"""A run on a terminal."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from rich.console import Console
from sample_reports import HOSTILE, WAIVER, case_of, every_state, hostile, run_of

from distilspec.conformance.report.console import print_run
from distilspec.conformance.result import State, Unit


def printed(run, folder=None, width=200):
    """Return what a terminal of a width would show, without colours."""
    console = Console(file=StringIO(), width=width)
    print_run(run, console, folder)
    return console.file.getvalue()


def test_a_run_is_printed_as_the_readme_shows_it():
    """Table by operator, what was staged, the failure with its replay command, the cause, the verdict."""
    staged = case_of("staged", unit=Unit.METAMORPHIC, used=0.0, operators=(), step="", detail="93 tensors exposed")
    failing = case_of(
        "q", State.FAIL, used=2.0, detail="element [0] is 1; expected 2", cause="a bug", evidence=object()
    )

    assert printed(run_of([staged, case_of("p"), failing]), Path("out")).splitlines() == [
        "m fp32 on r 1",
        "judged by    operator  cases  PASS  FAIL  other  of bound",
        "metamorphic  staged        1     1     0      0         -",
        "bound        add           2     1     1      0         2",
        "PASS       m/fp32/mixed/staged: 93 tensors exposed",
        "FAIL m/fp32/mixed/q [ADD-S1]",
        "     element [0] is 1; expected 2",
        "     distilspec replay out/failures/m-fp32-mixed-q/case.json",
        "1 of 1 failures are as if a bug",
        "not conformant: r 1, spec 0.1, m fp32: 2 PASS, 1 FAIL; 1 of 1 clauses judged",
    ]


def test_every_failing_state_is_counted_as_a_failure():
    """CRASH, TIMEOUT and XPASS are no 'other'."""
    line = next(line for line in printed(every_state()).splitlines() if line.startswith("bound"))

    assert line.split()[2:6] == ["10", "1", "5", "4"]


def test_reasons_are_printed_once_each():
    """One case by its name, several by their number; a waiver by its pattern."""
    cases = [case_of(f"u{index}", State.UNSUPPORTED, detail="no such operator") for index in range(3)]
    cases += [case_of("m", State.MISTRUSTED, detail="proves nothing")]
    cases += [case_of(f"w{index}", State.WAIVED, detail=f"was {index}", waiver=WAIVER.id) for index in range(2)]
    lines = printed(run_of([case_of("a"), *cases])).splitlines()

    assert lines[-4:-1] == [
        "WAIVED     2 cases: waived by m/fp32/*/waived",
        "MISTRUSTED m/fp32/mixed/m: proves nothing",
        "UNSUPPORTED 3 cases: no such operator",
    ]


def test_suspicious_passes_are_named_and_counted():
    """The first three; they change no verdict."""
    cases = [case_of(str(index), suspicion="all errors have one sign") for index in range(5)]
    lines = printed(run_of(cases)).splitlines()

    assert lines[-5:-1] == [
        *(f"suspicious m/fp32/mixed/{index}: all errors have one sign" for index in range(3)),
        "... and 2 more suspicious passes",
    ]
    assert lines[-1].startswith("conformant")


def test_a_complaint_about_a_waiver_is_a_failure_without_a_table():
    """It belongs to no recipe."""
    text = printed(every_state())

    assert "m  on r 1" not in text
    assert text.count(" on r 1\n") == 1


def test_nothing_that_a_runtime_printed_steers_the_terminal():
    """No control character but the end of a line, and no markup of rich."""
    text = printed(hostile())

    assert not set(text) & {chr(code) for code in (*range(9), 11, 12, *range(14, 32), 127, *range(0x80, 0x85))}
    assert "[bold]rich[/] [/nothing]" in text
    assert HOSTILE[0] in text


def test_a_path_with_spaces_can_be_pasted():
    """The command is quoted for a shell."""
    text = printed(run_of([case_of("q", State.FAIL, evidence=object())]), Path("my out"))

    assert "distilspec replay 'my out/failures/m-fp32-mixed-q/case.json'" in text
