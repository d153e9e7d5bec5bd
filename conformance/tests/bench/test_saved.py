"""Benchmarks that are read back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from distilspec.conformance.bench.rows import LeftOut, Report, Row, document
from distilspec.conformance.bench.saved import expect_one_machine, read_saved
from distilspec.conformance.bench.serving import Served, Serving, as_json
from distilspec.conformance.bench.work import Limits
from distilspec.conformance.report.environment import this_environment
from distilspec.conformance.result import State
from distilspec.reference.contract.errors import FormatError, RangeError

ROW = Row(
    "fast", "1.0", "w8a8-static", 0.8, (4, 1), 1, 128, 2, 5.0, 0.25, 1.5, 0.5, model="minilm", base="openvino-int8",
    state=State.FAIL, error=0.5, error_limit=0.25, speeds_ms=(4.0, 8.0), ratio_quartiles=(1.25, 1.75), rounds=2,
    round_ms=(4.5, 5.5),
)  # fmt: skip

REPORT = Report(this_environment(), [Limits(2, "avx2", 1e9, 2e9, 3e9)], [ROW], [LeftOut("torch-fp32", "no torch")])

SERVED = Served(
    "fast", "1.0", "w8a8-static", "minilm", 0.8, (4, 1), "all", 128, 4, 2, 1, False, 100.0, 8.5, 9.5, 500
)  # fmt: skip

SERVING = Serving(this_environment(), 10.0, [SERVED], [LeftOut("torch-fp32", "no torch")])


def written(path, made):
    """Write JSON as the command prints it."""
    path.write_text(json.dumps(made, allow_nan=False))
    return path


@pytest.mark.parametrize(("result", "made"), [(REPORT, document(REPORT)), (SERVING, as_json(SERVING))])
def test_what_was_printed_is_read_again(result, made, tmp_path):
    """All of it, for both questions."""
    assert read_saved(written(tmp_path / "bench.json", made)) == result


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda made: made.pop("schema"), "schema is None; expected 1"),
        (lambda made: made.update(schema=2), "schema is 2; expected 1"),
        (lambda made: made.pop("machine"), "'machine'; expected what distilspec bench --json prints"),
        (lambda made: made["rows"][0].pop("runtime"), "'runtime'; expected what"),
        (lambda made: made["rows"][0].update(colour="red"), "'colour'; expected what"),
        (lambda made: made["rows"][0].update(state="FINE"), "'FINE' is not a valid State; expected what"),
        (lambda made: made.update(rows=[1]), "expected what distilspec bench --json prints"),
    ],
)
def test_something_else_is_refused_in_one_line(change, said, tmp_path):
    """With the file's name."""
    made = json.loads(json.dumps(document(REPORT)))
    change(made)

    with pytest.raises(FormatError, match=said) as failure:
        read_saved(written(tmp_path / "bench.json", made))

    assert str(failure.value).startswith(str(tmp_path / "bench.json"))
    assert "\n" not in str(failure.value)


def test_times_of_several_machines_do_not_stand_on_one_page():
    """They can be shown one by one."""
    other = replace(REPORT, machine=replace(REPORT.machine, cpu="another"))

    expect_one_machine([REPORT, SERVING])
    with pytest.raises(RangeError, match=r"and another with \d+ processors; expected those of one machine"):
        expect_one_machine([REPORT, other])
