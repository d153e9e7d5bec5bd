"""``junit.xml``: one run for the test views of CI systems, a suite for each recipe."""

from __future__ import annotations

from io import BytesIO

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from distilspec.conformance.report.json_report import Document
from distilspec.conformance.report.text import printable, shortened
from distilspec.conformance.report.verdict import Case, recipes
from distilspec.conformance.result import State

#: What a state is to JUnit; a pass is a test case without a result.
RESULTS: dict[str, type[Failure | Error | Skipped]] = {
    State.FAIL: Failure,
    State.XPASS: Failure,
    State.ERROR: Error,
    State.CRASH: Error,
    State.TIMEOUT: Error,
    State.UNSUPPORTED: Skipped,
    State.WAIVED: Skipped,
    State.UNDECIDED: Skipped,
    State.MISTRUSTED: Skipped,
}


def render_junit(report: Document) -> bytes:
    """Return the report as JUnit XML in UTF-8, with every character that XML forbids replaced."""
    document = JUnitXml("distilspec")
    groups = dict.fromkeys([*recipes(report), *(case["recipe"] for case in report["cases"])])
    for recipe in groups:
        suite = TestSuite(printable(f"{report['model']} {recipe}" if recipe else "waivers"))
        suite.timestamp = report["environment"]["date"]
        for name, value in _properties(report).items():
            suite.add_property(printable(name), printable(value))
        suite.add_testcases([_test_case(case) for case in report["cases"] if case["recipe"] == recipe])
        document.add_testsuite(suite)
    file = BytesIO()
    document.write(file)
    return file.getvalue()


def _properties(report: Document) -> dict[str, str]:
    runtime = report["runtime"]
    return {
        "spec": report["spec"],
        "distilspec": report["environment"]["distilspec"],
        "runtime": runtime["name"],
        "version": runtime["version"],
        **{f"option.{name}": value for name, value in runtime["options"].items()},
        "model": report["model"],
        "seed": str(report["seed"]),
        "cpu": report["environment"]["cpu"],
        "verdict": report["verdict"],
    }


def _test_case(case: Case) -> TestCase:
    group = case["operators"][-1] if case["operators"] else case["unit"]
    test = TestCase(printable(shortened(case["id"])), printable(f"distilspec.{case['recipe'] or 'waivers'}.{group}"))
    if case["state"] in RESULTS:
        text = printable(shortened(case["detail"]))
        result = RESULTS[case["state"]](text or case["state"], case["state"])
        if isinstance(result, Failure | Error):
            result.text = "\n".join(filter(None, (text, _origin(case))))
        test.result = [result]
    return test


def _origin(case: Case) -> str:
    lines = [
        f"clause {case['clause']}" if case["clause"] else "",
        f"step {case['step']}" if case["step"] else "",
        f"as if {case['cause']}" if case["cause"] else "",
        f"distilspec replay {case['replay']}" if case["replay"] else "",
    ]
    return printable("\n".join(filter(None, lines)))
