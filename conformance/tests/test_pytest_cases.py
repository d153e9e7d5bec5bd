"""``distilspec.conformance.pytest_cases``: the cases in the pytest suite of somebody else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from distilspec.conformance.cases.operators import OPERATORS
from distilspec.conformance.pytest_cases import operator_calls, operator_cases
from distilspec.reference import ops
from distilspec.reference.contract.errors import RangeError

pytest_plugins = ["pytester"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "pytest.md"


def written_in_the_document():
    """Return the programs in docs/pytest.md by the names of their files."""
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    return {re.match(r"# (\S+)\n", block)[1]: block for block in blocks if block.startswith("# ")}


@pytest.mark.parametrize("operator", ["softmax", "quantize", "concat", "dynamic_quantize"])
def test_the_reference_passes_its_own_cases(operator):
    """Goldens and boundary cases; operands in order, attributes by name, several results as a tuple."""
    cases = [param.values[0] for param in operator_cases(operator)]

    for case in cases:
        case.check(getattr(ops, operator))
    assert any("/boundary/" in case.id for case in cases)
    assert any("/" not in case.id for case in cases)


def test_cases_are_chosen_by_operator_and_by_kind():
    """All of them by default, with ids that pytest can select by."""
    goldens = operator_cases("relu", "softmax", boundary=False)
    boundary = operator_cases("relu", "softmax", goldens=False)

    assert {param.values[0].operator for param in goldens} == {"relu", "softmax"}
    assert [param.id for param in operator_cases("relu", "softmax")] == [param.id for param in [*goldens, *boundary]]
    assert {param.values[0].operator for param in operator_cases()} == set(OPERATORS)
    with pytest.raises(RangeError, match="operator relu6 does not exist; expected one of absolute, "):
        operator_cases("relu6")


def test_a_failure_says_what_is_broken_where_and_what_was_expected():
    """The clauses with their text, the element, what came, the bound; the aim, and the bug if it is known."""
    (case,) = (param.values[0] for param in operator_cases("quantize") if param.id.endswith("ties-int8-zero-point-3"))

    with pytest.raises(AssertionError) as failure:
        case.check(lambda x, scale, zero_point, axis=None: np.int8(np.clip(np.floor(x / scale + 0.5) + 3, -128, 127)))
    lines = str(failure.value).splitlines()
    assert lines[0] == (
        "quantize/boundary/ties-int8-zero-point-3 breaks Q-S3, Q-S4: element [170] is -126; expected -127; "
        "127 of 600 differ"
    )
    assert lines[1].startswith("  Q-S3  r = round_half_even(t)")
    assert lines[-2] == "  aim: exact ties of both signs go to the even code, then move"
    assert lines[-1] == (
        "  every wrong element is what this bug gives: ties are rounded up, as floor(t + 0.5) does [Q-S3]"
    )


def test_what_a_function_raises_is_raised():
    """The traceback is that of the function; one that is not implemented is skipped."""
    case = operator_cases("relu")[0].values[0]

    with pytest.raises(ZeroDivisionError):
        case.check(lambda x: 1 / 0)

    def absent(x):
        raise NotImplementedError("not on this chip")

    with pytest.raises(pytest.skip.Exception, match=r"relu is not implemented: .*: not on this chip"):
        case.check(absent)


def test_results_may_be_lists_scalars_or_other_arrays():
    """Whatever NumPy can read; a result that is missing is one line."""
    scalar = next(param.values[0] for param in operator_cases("relu") if param.id == "relu/boundary/scalar")
    scalar.check(lambda x: max(float(x), 0.0))
    several = operator_cases("dynamic_quantize")[0].values[0]
    several.check(lambda x: list(ops.dynamic_quantize(x)))
    with pytest.raises(AssertionError, match="answered with outputs codes; expected codes, scale, zero_point"):
        operator_cases("dynamic_quantize", goldens=False)[0].values[0].check(lambda x: ops.dynamic_quantize(x).codes)


def test_a_function_gets_float32_and_arrays_of_its_own():
    """As a runtime holds them; what it writes into them stays with it."""
    case = next(param.values[0] for param in operator_cases("quantize") if param.id.endswith("boundary/float64"))
    seen = []

    def spoiling(x, scale, zero_point, axis=None):
        seen.append(x.dtype)
        codes = ops.quantize(x, scale, zero_point)
        x[...] = 0
        return codes

    case.check(spoiling)
    case.check(spoiling)
    assert set(seen) == {np.dtype(np.float32)}


@settings(max_examples=20)
@given(operator_calls("softmax"))
def test_drawn_cases_are_cases(case):
    """For ``hypothesis.given``; they print with their elements."""
    case.check(ops.softmax)
    assert repr(case).startswith("softmax(x=array(")


def test_known_failures_are_marked_and_must_go_on_failing(pytester):
    """A pattern of ids with a reason; one that matches nothing is an error, one that passes fails."""
    pytester.makepyfile(
        test_known="""
        import numpy as np, pytest
        from distilspec.conformance.pytest_cases import operator_cases
        from distilspec.reference import ops

        @pytest.mark.parametrize("case", operator_cases("relu", xfail={"relu/boundary/special*": "NaN, issue 7"}))
        def test_relu_that_drops_nan(case):
            case.check(lambda x: np.nan_to_num(ops.relu(x), nan=0.0, posinf=np.inf))

        @pytest.mark.parametrize("case", operator_cases("relu", goldens=False, xfail={"*/scalar": "wrong once"}))
        def test_relu(case):
            case.check(ops.relu)
        """
    )
    result = pytester.runpytest("-q", "-p", "no:cacheprovider")

    outcomes = result.parseoutcomes()
    assert outcomes["xfailed"] == 2
    assert "XPASS(strict)" in result.stdout.str()
    with pytest.raises(RangeError, match=r"xfail gelu\* matches no case; expected at least one of "):
        operator_cases("relu", xfail={"gelu*": ""})


def test_the_programs_in_the_documentation_run_as_it_says(pytester):
    """A suite that passes, one that fails as printed, and one on drawn cases."""
    programs = written_in_the_document()
    assert set(programs) == {"test_my_runtime.py", "test_my_softmax.py", "test_fresh.py"}
    for name, text in programs.items():
        pytester.path.joinpath(name).write_text(text, "utf-8")
    passing = pytester.runpytest("-q", "-p", "no:cacheprovider", "test_my_runtime.py", "test_fresh.py")
    assert set(passing.parseoutcomes()) == {"passed", "skipped"}

    failing = pytester.runpytest("-q", "-p", "no:cacheprovider", "test_my_softmax.py")
    shown = re.search(r"```text\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)[1]
    assert failing.parseoutcomes()["failed"] > 3
    assert shown in failing.stdout.str()
