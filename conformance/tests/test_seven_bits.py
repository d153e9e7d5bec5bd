"""``w7a8-static`` on runtimes that add products in 16 bits: right in pairs, where ``w8a8-static`` is wrong."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from small_encoder import BATCH, ENCODER

from distilspec.conformance.cases.asking import ask, pose
from distilspec.conformance.cases.operators import boundary_cases
from distilspec.conformance.check import check_model, check_operators
from distilspec.conformance.goldens import load_goldens
from distilspec.conformance.mutants import all_mutants
from distilspec.conformance.mutants.matmul_integer import saturating_fours, saturating_pairs
from distilspec.conformance.result import State
from distilspec.conformance.subject import Subject
from distilspec.reference import ops
from distilspec.reference.recipes import apply_recipe, calibrate, prune

PAIRS, FOURS = (f"{several} of products saturate in 16 bits" for several in ("pairs", "fours"))


def runtime(bug, operator="quantized_linear"):
    """Return the reference with one operator that has a bug."""
    return next(m for m in all_mutants() if (m.name, m.replaces) == (bug, operator)).runtime()


@cache
def program(recipe, operator):
    """Return a small encoder under a static recipe, in blocks where the operator is block-sparse."""
    plain = prune(ENCODER, sparsity=0.5, block_shape=(4, 1)) if "sparse" in operator else ENCODER
    return apply_recipe(plain, recipe, calibration=calibrate(plain, [BATCH]))


@pytest.mark.parametrize("operator", ["quantized_linear", "quantized_block_sparse_linear"])
@pytest.mark.parametrize(("recipe", "worst"), [("w7a8-static", State.PASS), ("w8a8-static", State.FAIL)])
def test_a_runtime_that_saturates_pairs_gives_what_seven_bits_specify(recipe, worst, operator):
    """QL-S1, QBSL-S2: the same runtime fails with eight bits, on the products alone."""
    cases = check_model(runtime(PAIRS, operator), Subject("small", program(recipe, operator), {"mixed": BATCH}))

    products = {case.state for case in cases if operator in case.operators}
    assert products - {State.PASS} == {worst} - {State.PASS}
    assert {case.state for case in cases if case.operators and operator not in case.operators} == {State.PASS}


@given(
    a=hnp.arrays(np.uint8, (3, 9), elements=st.integers(0, 255) | st.just(255)),
    b=hnp.arrays(np.int8, (9, 4), elements=st.integers(-64, 64) | st.sampled_from([-64, 64])),
    zero_point=st.integers(0, 255).map(np.uint8),
)
def test_no_pair_of_products_of_seven_bits_leaves_16_bits(a, b, zero_point):
    """MMI-S1: whatever the codes and the zero point are, which is taken out of the sum afterwards."""
    assert np.array_equal(saturating_pairs(a, b, zero_point), ops.matmul_integer(a, b, zero_point))


def test_a_pair_beyond_seven_bits_and_a_four_within_them_leave_16_bits():
    """The limit is where it is said to be: 2 x 255 x 65 and 4 x 255 x 64 saturate."""
    a = np.full((1, 4), 255, np.uint8)

    assert saturating_pairs(a, np.full((4, 1), 65, np.int8)) < ops.matmul_integer(a, np.full((4, 1), 65, np.int8))
    assert saturating_fours(a, np.full((4, 1), 64, np.int8)) < ops.matmul_integer(a, np.full((4, 1), 64, np.int8))


GOLDENS = {f"quantized_linear-pairs-of-seven-bits-{inner}": inner for inner in (2, 4, 65)}
CORPUS = {f"quantized_linear/boundary/pairs-255-{name}-{size}": size for name in ("64", "m64") for size in (2, 17, 512)}


@pytest.mark.parametrize(("bug", "spared"), [(PAIRS, 512), (FOURS, 2)])
def test_the_cases_of_seven_bits_tell_pairs_from_fours(bug, spared):
    """QL-S1: a runtime that widens pairs passes all of them, one that widens fours those of one pair only."""
    frozen = [case for case in load_goldens() if case.id in GOLDENS]
    posed = [case for case in boundary_cases("quantized_linear") if case.id in CORPUS]

    states = {case.id: case.state for case in check_operators(runtime(bug), frozen)}
    states |= {case.id: ask(runtime(bug), pose(case.call)).judgement.state for case in posed}

    terms = GOLDENS | CORPUS
    assert states == {name: State.PASS if inner <= spared else State.FAIL for name, inner in terms.items()}
