"""Runs and reports that tests put together."""

from __future__ import annotations

from datetime import date

from distilspec.conformance.report.environment import Environment
from distilspec.conformance.report.json_report import as_json
from distilspec.conformance.report.run import Run
from distilspec.conformance.result import CaseResult, Judgement, State, Unit
from distilspec.conformance.waivers import Waiver

ENVIRONMENT = Environment(
    date="2026-11-21T12:00:00+00:00",
    distilspec="0.1.0",
    cpu="Some CPU",
    architecture="x86_64",
    instructions={"avx2": True, "avx512_vnni": False},
    cores=2,
    system="Linux",
    python="3.11.7",
    threads={"OMP_NUM_THREADS": "1"},
    packages={"numpy": "2.4.6"},
)

WAIVER = Waiver("m/fp32/*/waived", "known since May", "https://example.org/1", date(2027, 6, 30))

#: What a runtime or a model may call itself, and print.
HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>'",
    "]]> <!-- --> <![CDATA[",
    "{{ 7 * 7 }} {% raw %}",
    "nul \x00 bell \x07 escape \x1b[31m del \x7f csi \x9b",
    "half a pair \ud800 and no character \ufffe \uffff",
    "\N{PILE OF POO} \N{RIGHT-TO-LEFT OVERRIDE}gnp.exe \u0130 \u200b",
    "line\nline\r\nline\ttab\u2028",
    "&lt;b&gt; &#0; &#xD800;",
    "a" * 10_000,
    "[bold]rich[/] [/nothing]",
)


def case_of(
    name, state=State.PASS, *, used=0.1, error=0.5, unit=Unit.BOUND, recipe="fp32", clause="ADD-S1", detail="", **more
):
    """Return a case of the model m."""
    shares = (0, 1, 2, 3, 4, 0, 0) if unit in (Unit.BOUND, Unit.SET) else ()
    judgement = Judgement(
        unit, state, error, used, detail, bias=more.pop("bias", 0.01), cause=more.pop("cause", ""), shares=shares,
        rms_used=used / 4, suspicion=more.pop("suspicion", ""),
    )  # fmt: skip
    step = more.pop("step", name)
    operators = more.pop("operators", ("add",))
    batch = more.pop("batch", "mixed")
    return CaseResult(f"m/{recipe}/{batch}/{name}", clause, recipe, step, judgement, operators, **more)


def run_of(cases, **changes):
    """Return a run with these cases."""
    fields = {
        "runtime": "r", "version": "1", "options": {"level": "all"}, "model": "m", "recipes": ("fp32",),
        "cases": tuple(cases), "mandatory": frozenset({"ADD-S1"}), "environment": ENVIRONMENT,
    }  # fmt: skip
    return Run(**fields | changes)


def every_state():
    """Return a run with one case in every state, and a waiver that complains."""
    cases = [
        case_of(
            state.lower(), state, detail=f"reason of {state.lower()}", waiver=WAIVER.id if state == "WAIVED" else ""
        )
        for state in State
    ]
    complaint = Judgement(Unit.WAIVER, State.FAIL, 0.0, 0.0, "the waiver matches no case of this run")
    return run_of([*cases, CaseResult("waivers/x/*", "", "", "", complaint)], waivers=(WAIVER,))


def hostile():
    """Return a run whose every text is hostile."""
    cases = [
        case_of(
            text,
            State.FAIL,
            detail=text,
            clause=text,
            step=text,
            operators=(text,),
            cause=text,
            recipe=text,
            batch=text,
        )
        for text in HOSTILE
    ]
    cases += [case_of(text, State.UNSUPPORTED, detail=text, recipe="fp32") for text in HOSTILE]
    everything = "".join(HOSTILE)
    return run_of(
        cases, runtime=everything, version=everything, model=everything, recipes=HOSTILE,
        options={text: text for text in HOSTILE}, mandatory=frozenset(HOSTILE), steps=dict.fromkeys(HOSTILE, HOSTILE),
        waivers=(Waiver(everything, everything, "https://example.org/?<b>", date(2027, 6, 30)),),
    )  # fmt: skip


def report_of(cases, **changes):
    """Return the report of a run with these cases."""
    return as_json(run_of(cases, **changes))
