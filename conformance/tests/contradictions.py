"""Which goldens a function contradicts: the comparison that the tests of planted mistakes share."""

from __future__ import annotations

import functools
from collections import defaultdict

import numpy as np

from distilspec.conformance import bounds
from distilspec.conformance.goldens import load_goldens
from distilspec.conformance.one_step import one_step_program


@functools.cache
def cases_by_operator():
    """Return the goldens of origin hand and exact by operator."""
    cases = defaultdict(list)
    for case in load_goldens():
        cases[case.operator].append(case)
    return cases


def contradicted(operator, function):
    """Return the ids of the operator's goldens with which a function, put in the operator's place, disagrees."""
    failed = []
    for case in cases_by_operator()[operator]:
        with np.errstate(all="ignore"):
            results = function(*case.arguments, **case.attributes)
        if not agrees(case, results if isinstance(results, tuple) else (results,)):
            failed.append(case.id)
    return failed


def agrees(case, results):
    """Return whether results are the expected ones, within their freedom, or one of the allowed alternatives."""
    return all(map(functools.partial(_fits, case), case.expected, results)) or any(
        all(map(_equal, answer, results)) for answer in case.allowed
    )


def _fits(case, output, got):
    if output.judgement == "exact":
        return _equal(output, got)
    same = np.asarray(got).shape == output.value.shape
    return same and bool(np.all(_inside(output.value, got, errors(case)[output.name])))


def _inside(expected, got, error):
    with np.errstate(invalid="ignore"):
        difference = np.abs(np.asarray(got, np.float64) - expected)
    return (difference <= error) | (got == expected) | (np.isnan(got) & np.isnan(expected)) | np.isinf(error)


def _equal(output, got):
    got = np.asarray(got)
    if got.shape != output.value.shape:
        return False
    same = got == output.value
    if got.dtype.kind == "f":
        same |= np.isnan(got) & np.isnan(output.value)
    return bool(np.all(same if output.judged is None else same | ~output.judged))


def errors(case):
    """Return the derived bound of every output of a case."""
    program, inputs = one_step_program(case)
    lifted = {label: bounds.Bounded.exact(array) for label, array in inputs.items()}
    return {label: bounded.error for label, bounded in program.run(bounds, lifted).items()}
