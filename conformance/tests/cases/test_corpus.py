"""The boundary corpus: it reaches every clause, finds every planted bug that it can, and accuses nobody wrongly."""

from __future__ import annotations

import re

import pytest

from distilspec.conformance.cases.asking import ask
from distilspec.conformance.cases.corpus import check_corpus, posed_cases
from distilspec.conformance.cases.operators import OPERATORS, boundary_cases
from distilspec.conformance.mutants import MutantRuntime, all_mutants
from distilspec.conformance.report.environment import this_environment
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.reference import ops
from distilspec.reference.clauses import all_clauses

#: Operators that prepare a program: no runtime carries them out.
AHEAD_OF_TIME = {
    "block_magnitude_mask",
    "mean_sigma_range",
    "minmax_range",
    "pack_block_sparse",
    "percentile_range",
}

_BY_RECIPROCAL = "the scale may be computed with a reciprocal, so that no quotient is known to be a tie"
_FLOAT_EPILOGUE = "the result before it is quantised may be off by three roundings, so that no tie is known"

#: Bugs that stay within the freedoms of the derived bound. Goldens find them: there the answer is known to be exact.
WITHIN_THE_BOUND = {
    ("asymmetric_scale", "the zero point's ties are rounded away from zero"): _BY_RECIPROCAL,
    ("dynamic_quantize", "x is not rounded to float32"): _BY_RECIPROCAL,
    ("dynamic_quantize", "the zero point's ties are rounded away from zero"): _BY_RECIPROCAL,
    ("dynamic_quantize", "ties are rounded away from zero"): _BY_RECIPROCAL,
    ("dynamic_quantize", "the zero point is added before rounding"): _BY_RECIPROCAL,
    ("dynamic_quantize_token", "x is not rounded to float32"): _BY_RECIPROCAL,
    ("dynamic_quantize_token", "ties are rounded away from zero"): _BY_RECIPROCAL,
    ("quantize", "the quotient is formed in float64"): "a quotient may be off by two ulp, as a product with a "
    "reciprocal is",
    ("quantized_linear", "ties are rounded away from zero when requantising"): _FLOAT_EPILOGUE,
    ("quantized_linear", "the zero point is added before rounding when requantising"): _FLOAT_EPILOGUE,
}

#: Departures of real runtimes that docs/findings describes: the finding, and the ids of the cases.
KNOWN = {
    "torch": {
        "0006": "gelu/boundary/special gelu/boundary/special-alone gelu_tanh/boundary/special "
        "gelu_tanh/boundary/special-alone silu/boundary/special silu/boundary/special-alone "
        "scaled_dot_product_attention/boundary/masked-special-values "
        "scaled_dot_product_attention/boundary/masked-special-keys",
    },
    "onnxruntime": {
        "0006": "gelu/boundary/special gelu/boundary/special-alone gelu_tanh/boundary/special "
        "gelu_tanh/boundary/special-alone silu/boundary/special silu/boundary/special-alone "
        "reduce_max/boundary/special reduce_min/boundary/special reduce_sum/boundary/int64 "
        "reduce_sum/boundary/int64-1 reduce_sum/boundary/int64-7 reduce_sum/boundary/int64-16 "
        "reduce_sum/boundary/int64-17 reduce_sum/boundary/int64-33 reduce_sum/boundary/int64-64 "
        "reduce_sum/boundary/int64-65 scaled_dot_product_attention/boundary/masked-special-values",
        "0015": "maximum/boundary/int64 minimum/boundary/int64 dynamic_quantize_token/boundary/no-tokens",
        "0016": "quantized_linear/boundary/cancellation-int8",
    },
}

INSTRUCTIONS = this_environment().instructions

#: Finding 0001: weights that are fed, which no option prepares, saturate on processors without VNNI.
SATURATING = (
    set() if INSTRUCTIONS.get("avx512_vnni") or INSTRUCTIONS.get("avx_vnni") else {"matmul_integer/boundary/b-fed"}
)

#: Finding 0005: what is returned was never written, and may be right by chance.
UNINITIALISED = {"matmul_integer/boundary/inner-0", "quantized_linear/boundary/inner-0"}

SPECIFICATION = all_clauses()
MUTANTS = [mutant for mutant in all_mutants() if mutant.replaces in OPERATORS]


def title(mutant):
    """Return a name that is unique among all mutants."""
    return f"{mutant.replaces}: {mutant.name}"


def test_every_operator_that_a_runtime_can_be_asked_for_has_cases():
    """The others prepare a program."""
    assert set(OPERATORS) == set(ops.OPERATORS) - AHEAD_OF_TIME


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_semantic_clause_is_aimed_at(operator):
    """And no case claims a clause of another operator."""
    cases = list(boundary_cases(operator))
    semantic = {clause.id for clause in SPECIFICATION[operator] if clause.kind == "S"}

    assert {clause for case in cases for clause in case.clauses} == semantic


@pytest.mark.parametrize("operator", OPERATORS)
def test_cases_have_names_of_their_own_and_say_what_they_are_for(operator):
    """An id can be a file name behind its operator, and never changes from one run to the next."""
    cases, again = list(boundary_cases(operator)), list(boundary_cases(operator))

    assert len({case.id for case in cases}) == len(cases)
    assert [case.id for case in cases if not re.fullmatch(rf"{operator}/boundary/[a-z0-9.+_-]+", case.id)] == []
    assert [case.id for case in cases if not case.aim] == []
    assert [case.call.digest() for case in cases] == [case.call.digest() for case in again]


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_reference_passes_and_no_case_proves_nothing(operator):
    """A case whose bound swallows the signal would be MISTRUSTED."""
    results = list(check_corpus(find_runtime("reference"), operator))

    assert results
    assert [(result.id, result.judgement.detail) for result in results if result.state is not State.PASS] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=title)
def test_a_mutant_is_found_by_cases_that_aim_at_what_it_breaks(mutant):
    """Every clause that it breaks is seen to be broken by a case that claims the clause."""
    runtime, unseen = MutantRuntime(mutant), set(mutant.clauses)
    for case, question in posed_cases(mutant.replaces):
        if unseen & set(case.clauses) and ask(runtime, question).judgement.state is State.FAIL:
            unseen -= set(case.clauses)

    expected = set(mutant.clauses) if (mutant.replaces, mutant.name) in WITHIN_THE_BOUND else set()
    assert unseen == expected


def test_what_is_within_the_bound_is_a_mutant():
    """An entry without a mutant would be a leftover."""
    assert set(WITHIN_THE_BOUND) <= {(mutant.replaces, mutant.name) for mutant in MUTANTS}


@pytest.mark.parametrize(
    ("name", "options"),
    [("torch", {}), ("onnxruntime", {"session.x64quantprecision": "1"})],
    ids=lambda value: str(value),
)
def test_a_real_runtime_departs_only_where_the_findings_say(name, options):
    """Any other failure is a new finding, or a bug of ours."""
    runtime = find_runtime(name, options)
    results = [result for operator in OPERATORS for result in check_corpus(runtime, operator)]

    failing = {result.id for result in results if result.state not in (State.PASS, State.UNSUPPORTED)} - UNINITIALISED
    saturating = SATURATING if name == "onnxruntime" else set()
    assert failing == {case_id for ids in KNOWN[name].values() for case_id in ids.split()} | saturating
    assert sum(result.state is State.PASS for result in results) > 0.97 * len(results)
