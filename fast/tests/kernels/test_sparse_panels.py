"""Block-sparse products by steps of a panel: exact sums, every step once, no four beyond the limit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_runs import exact, product
from small_models import inputs, small_program

from distilspec.conformance.metamorphic.sparse_equals_dense import form
from distilspec.fast import Engine
from distilspec.fast.backends.fusion import is_in_steps
from distilspec.fast.codegen.ir import IrError
from distilspec.fast.isa import TARGETS, executable_targets
from distilspec.fast.isa.host import VARIABLE
from distilspec.fast.kernels import layout
from distilspec.fast.kernels.epilogue import Epilogue
from distilspec.fast.kernels.sparse_steps import DOT, Steps, steps_by_two_and_alone
from distilspec.fast.lower.fused import Linear

(TARGET,) = (target for target in TARGETS.values() if target.pair_limit)
LIMIT, ROWS = TARGET.pair_limit, TARGET.panel

machine = pytest.mark.skipif(TARGET not in executable_targets(), reason="a processor without AVX2")


def drawn(data, most_tokens=40, most=30, largest=64):
    """Return codes [tokens, K] and a weight [N, K] in blocks of (4, 4), of which some, all or none are zeros."""
    tokens, panels, steps = (data.draw(st.integers(1, top)) for top in (most_tokens, 5, most))
    seed = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    codes = seed.integers(0, 256, (tokens, DOT * steps))
    weight = seed.integers(-largest, largest + 1, (ROWS * panels, DOT * steps))
    if data.draw(st.booleans()):
        codes[:] = 255
        weight[:] = data.draw(st.sampled_from([-largest, largest]))
    kept = seed.random((panels, steps)) < data.draw(st.sampled_from([0.0, 0.2, 0.5, 1.0]))
    return codes, weight * kept.repeat(ROWS, axis=0).repeat(DOT, axis=1)


@machine
@given(data=st.data())
def test_machine_code_sums_exactly(data):
    """Odd zero points, any number of calls, and the last panel cut."""
    codes, weight = drawn(data)
    weight = weight[: len(weight) - data.draw(st.integers(0, ROWS - 1))]
    zero_point, parts = data.draw(st.integers(0, 255)), data.draw(st.integers(1, 3))
    found = product("sparse_panels", TARGET, codes, weight, parts=parts, zero_point=np.full(len(codes), zero_point))
    np.testing.assert_array_equal(found, exact(codes, weight, zero_point))


@settings(max_examples=10)
@given(data=st.data())
def test_the_kernel_itself_sums_exactly(data):
    """Interpreted: no access outside a buffer, no sum beyond 16 bits."""
    codes, weight = drawn(data, most_tokens=3, most=7)
    found = product("sparse_panels", TARGET, codes, weight, machine=False, zero_point=np.full(len(codes), 7))
    np.testing.assert_array_equal(found, exact(codes, weight, 7))


@machine
@pytest.mark.parametrize("vectors", range(1, TARGET.dot + 1))
def test_some_vectors_of_a_tile_are_those_of_the_whole(vectors):
    """And scales, bias, activation and residual come after the same sums as those of ``dense``."""
    seed = np.random.default_rng(0)
    codes, weight = seed.integers(0, 256, (37, 48)), seed.integers(-64, 65, (20, 48))
    weight[:, 12:20] = 0
    operands = {
        "w_scale": seed.random(20, np.float32), "bias": seed.standard_normal(20, np.float32),
        "x_scale": seed.random(37, np.float32), "zero_point": seed.integers(0, 256, 37),
        "residual": seed.standard_normal((37, 20), np.float32), "epilogue": Epilogue("gelu", residual=True),
    }  # fmt: skip
    whole = product("dense", TARGET, codes, weight, **operands)
    found = product("sparse_panels", TARGET, codes, weight, vectors=vectors, **operands)
    computed = [row for row in range(37) if row % TARGET.tile < vectors * TARGET.lanes]
    np.testing.assert_array_equal(found[computed], whole[computed])


@given(data=st.data(), largest=st.sampled_from([40, 64]))
def test_every_step_is_multiplied_once(data, largest):
    """Those of zeros not at all; by two, no weights of one sign in a four are more than the limit."""
    weight = drawn(data, most=80, largest=largest)[1].astype(np.int8)
    by_two, alone = steps_by_two_and_alone(weight, ROWS, LIMIT)

    for panel, rows in enumerate(weight.reshape(-1, ROWS, weight.shape[1])):
        together = np.zeros_like(rows)
        for number, steps in enumerate((by_two, alone)):
            some = slice(steps.starts[panel], steps.starts[panel + 1])
            if number == 0:
                assert (some.stop - some.start) % 2 == 0
                expect_within_limit(steps.weights[some])
            for step, values in zip(steps.steps[some], steps.weights[some], strict=True):
                here = together[:, DOT * step : DOT * (step + 1)]
                assert not here.any(), "twice"
                assert values.any(), "zeros"
                here[:] = values
        np.testing.assert_array_equal(together, rows)
    assert len(by_two.weights) == by_two.starts[-1]
    assert len(alone.weights) == alone.starts[-1]


def expect_within_limit(weights):
    """Check steps [even, rows, DOT] in Python's integers."""
    for first, second in zip(weights[::2].tolist(), weights[1::2].tolist(), strict=True):
        for row in range(ROWS):
            for pair in (slice(0, 2), slice(2, 4)):
                four = first[row][pair] + second[row][pair]
                assert max(sum(w for w in four if w > 0), -sum(w for w in four if w < 0)) <= LIMIT


@pytest.mark.parametrize("inputs_", [768, 3072])
def test_nearly_all_steps_of_seven_bits_are_multiplied_by_two(inputs_):
    """Normal weights pruned to 80 % in blocks of (4, 4): what is alone is at most the odd step and a few more."""
    seed = np.random.default_rng(0)
    weight = seed.standard_normal((256, inputs_))
    norms = np.abs(weight).reshape(64, ROWS, -1, DOT).sum(axis=(1, 3))
    weight *= (norms > np.quantile(norms, 0.8)).repeat(ROWS, axis=0).repeat(DOT, axis=1)
    codes = np.rint(weight / np.abs(weight).max(axis=1, keepdims=True) * 64).astype(np.int8)
    by_two, alone = steps_by_two_and_alone(codes, ROWS, LIMIT)
    assert len(alone.weights) <= 64 / 2 + 0.01 * len(by_two.weights)


def test_a_four_beyond_the_limit_is_refused_by_the_interpreter(monkeypatch):
    """So the tests above see weights that are packed wrong, whatever the codes are."""
    weight = np.full((ROWS, 2 * DOT), 64, np.int8)

    def all_by_two(held, rows, limit):
        by_two, alone = steps_by_two_and_alone(held, rows, limit)
        assert not len(by_two.weights)
        return alone, by_two

    monkeypatch.setattr(layout, "steps_by_two_and_alone", all_by_two)
    with pytest.raises(IrError, match="dot8"):
        product("sparse_panels", TARGET, np.zeros((1, 2 * DOT)), weight, machine=False)


@pytest.mark.parametrize(
    ("block_shape", "largest", "holds"),
    [((4, 4), 64, True), ((16, 4), 64, True), ((8, 8), 1, True), ((4, 4), 65, False), ((4, 1), 64, False),
     ((2, 4), 64, False), ((4, 2), 64, False), (None, 64, False)],
)  # fmt: skip
def test_blocks_of_whole_steps_with_small_weights_are_in_steps(block_shape, largest, holds):
    """On targets that add pairs in 16 bits; on others no weight is."""
    step = Linear("x", "y", np.zeros((16, 16), np.int8), np.zeros(16), np.ones(16), block_shape, largest)
    assert is_in_steps(step, TARGET) == holds
    assert not any(is_in_steps(step, target) for target in TARGETS.values() if not target.pair_limit)


@machine
@pytest.mark.parametrize("recipe", ["w7a8-static", "w8a8-static"])
@pytest.mark.parametrize("block_shape", [(4, 1), (4, 4), (16, 4)])
def test_a_program_has_the_bits_of_its_dense_form(recipe, block_shape, monkeypatch):
    """Whichever kernel multiplies; that of ``w7a8-static`` in blocks of (4, 4) and (16, 4) is the one by steps."""
    monkeypatch.setenv(VARIABLE, TARGET.name)
    program = small_program(recipe, sparsity=0.6, block_shape=block_shape, shape="blocks")
    found, kinds = answered(program)
    expected, kinds_of_dense = answered(form(program, packed=False))

    by_steps = recipe == "w7a8-static" and block_shape[1] == DOT
    assert kinds - kinds_of_dense == {"sparse_panels" if by_steps else "near_block_sparse"}
    assert kinds_of_dense - kinds == {"dense"}
    assert found == expected


def answered(program):
    """Return the bits of a program's outputs, and which kinds of operations made them."""
    arrays = inputs(program, 3, 21)
    with Engine(program, threads=1) as engine:
        kinds = {operation.kind for operation in engine.profile(arrays, seconds=0).operations}
        return {label: array.tobytes() for label, array in engine.run(arrays).items()}, kinds


def test_no_step_at_all_is_no_error():
    """A weight of zeros, and one without rows."""
    for rows in (ROWS, 0):
        for steps in steps_by_two_and_alone(np.zeros((rows, 8), np.int8), ROWS, LIMIT):
            assert isinstance(steps, Steps)
            assert steps.weights.shape == (0, ROWS, DOT)
            assert steps.starts.tolist() == [0] * (rows // ROWS + 1)
