"""Every answer that was found without the reference is the reference's answer, too."""

from __future__ import annotations

import numpy as np
import pytest

from distilspec.conformance import bounds
from distilspec.conformance.goldens import load_goldens
from distilspec.conformance.goldens.load import installed
from distilspec.conformance.one_step import one_step_program
from distilspec.reference import ops
from distilspec.reference.formats.saved import load_program

CASES = load_goldens(origins=("hand", "exact", "reference"))

#: A bound counts roundings of float32, and the same roundings are 2**29 times smaller in float64; four times that
#: leaves room for other versions of NumPy, SciPy and BLAS.
SHARE = 2.0**-27

#: Where float32 can promise nothing, the reference keeps twelve digits.
DIGITS = 1e-12


def named(results, expected):
    """Return the results of an operator under the names of the expected outputs."""
    several = results if isinstance(results, tuple) else (results,)
    return {output.name: np.asarray(array) for output, array in zip(expected, several, strict=True)}


@pytest.mark.parametrize("case", [c for c in CASES if c.origin != "reference"], ids=lambda case: case.id)
def test_the_reference_gives_the_golden_answer(case):
    """Exact answers, codes and scales bit for bit; real numbers within the float64 part of the derived bound."""
    got = named(ops.OPERATORS[case.operator](*case.arguments, **case.attributes), case.expected)

    for output in case.expected:
        array, judged = got[output.name], ... if output.judged is None else output.judged
        assert (array.dtype, array.shape) == (output.value.dtype, output.value.shape)
        if output.judgement == "bound" and array.dtype == np.float64:
            assert np.all(near(array, output.value, error_in_float32(case, output.name)))
        else:
            assert np.array_equal(array[judged], output.value[judged], equal_nan=array.dtype.kind == "f")


@pytest.mark.parametrize("case", [c for c in CASES if c.origin == "reference"], ids=lambda case: case.id)
def test_a_program_gives_the_same_numbers_as_when_it_was_frozen(case):
    """The file keeps float32; another order of float64 sums moves a result by far less than half of its last bit."""
    results = load_program(installed() / case.program).run(ops, case.inputs)

    assert list(results) == [output.name for output in case.expected]
    for output in case.expected:
        assert np.max(np.abs(results[output.name] - output.value)) <= 2.0**-24 * np.max(np.abs(output.value)) * 1.01


def error_in_float32(case, name):
    """Return the derived bound of an output."""
    program, inputs = one_step_program(case)
    lifted = {label: bounds.Bounded.exact(array) for label, array in inputs.items()}
    return program.run(bounds, lifted)[name].error


def near(got, expected, error):
    """Return where ``got`` is as near to ``expected`` as the float64 evaluation of the reference must be."""
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        difference = np.abs(got - expected)
    return same | (difference <= np.where(np.isfinite(error), SHARE * error, DIGITS * np.abs(expected)))


def test_the_comparison_can_fail():
    """One bit of float32 is far outside."""
    assert not near(np.float64(1 + 2.0**-24), np.float64(1), np.float64(2.0**-23))
    assert not near(np.float64(np.nan), np.float64(1), np.float64(np.inf))
    assert near(np.float64(1 + 2.0**-53), np.float64(1), np.float64(2.0**-23))
