"""Dense products by matrix registers: exact sums, any number of tokens and features, all epilogues."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_runs import exact, product

from distilspec.fast.backends.weights import pack
from distilspec.fast.codegen.compile import assembly
from distilspec.fast.codegen.emit import emit
from distilspec.fast.codegen.ir import IrError
from distilspec.fast.codegen.opcodes import DEPTH, MATRIX
from distilspec.fast.isa import TARGETS, executable_targets
from distilspec.fast.kernels.codes import Layout
from distilspec.fast.kernels.dense_matrix import dense_matrix
from distilspec.fast.kernels.epilogue import Epilogue
from distilspec.fast.lower.fused import Linear

(TARGET,) = (target for target in TARGETS.values() if target.matrix)

machine = pytest.mark.skipif(TARGET not in executable_targets(), reason="a processor without AMX")


def drawn(data, most_tokens=140, most_features=70, most=5):
    """Return codes [tokens, K] and a weight [N, K], of the full range, extremes often."""
    tokens, features, blocks = (data.draw(st.integers(1, top)) for top in (most_tokens, most_features, most))
    seed = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    codes, weight = (
        seed.integers(0, 256, (tokens, DEPTH * blocks)),
        seed.integers(-128, 128, (features, DEPTH * blocks)),
    )
    if data.draw(st.booleans()):
        codes[:] = data.draw(st.sampled_from([1, 127, 128, 255]))
        weight[:] = data.draw(st.sampled_from([-128, 127]))
    return codes, weight


@machine
@given(data=st.data())
def test_machine_code_sums_exactly(data):
    """Odd zero points, any number of calls, and the last panel cut."""
    codes, weight = drawn(data)
    zero_point, parts = data.draw(st.integers(0, 255)), data.draw(st.integers(1, 3))
    found = product("dense_matrix", TARGET, codes, weight, parts=parts, zero_point=np.full(len(codes), zero_point))
    np.testing.assert_array_equal(found, exact(codes, weight, zero_point))


@settings(max_examples=5)
@given(data=st.data())
def test_the_kernel_itself_sums_exactly(data):
    """Interpreted: no access outside a buffer, and nothing read that was not written."""
    codes, weight = drawn(data, most_tokens=3, most_features=40, most=2)
    found = product("dense_matrix", TARGET, codes, weight, machine=False, zero_point=np.full(len(codes), 7))
    np.testing.assert_array_equal(found, exact(codes, weight, 7))


@machine
def test_sums_of_full_range_products_do_not_saturate():
    """255 * -128 throughout: pairs need 17 bits, the sum of 3072 needs 27."""
    found = product("dense_matrix", TARGET, np.full((3, 3072), 255), np.full((MATRIX + 1, 3072), -128))
    assert (found == np.float32(-255 * 128 * 3072)).all()


@machine
@pytest.mark.parametrize("vectors", range(1, TARGET.dot + 1))
@pytest.mark.parametrize("how", [{"machine": True}, {"machine": False}], ids=["machine", "interpreted"])
def test_some_vectors_of_a_tile_are_those_of_dense(vectors, how):
    """And scales, bias, activation and residual come after the same sums, bit for bit."""
    seed = np.random.default_rng(0)
    codes, weight = seed.integers(0, 256, (70, DEPTH)), seed.integers(-128, 128, (37, DEPTH))
    operands = {
        "w_scale": seed.random(37, np.float32), "bias": seed.standard_normal(37, np.float32),
        "x_scale": seed.random(70, np.float32), "zero_point": seed.integers(0, 256, 70),
        "residual": seed.standard_normal((70, 37), np.float32), "epilogue": Epilogue("gelu", residual=True),
    }  # fmt: skip
    whole = product("dense", TARGET, codes, weight, **operands)
    found = product("dense_matrix", TARGET, codes, weight, vectors=vectors, **how, **operands)
    computed = [row for row in range(70) if row % TARGET.tile < vectors * TARGET.lanes]
    np.testing.assert_array_equal(found[computed], whole[computed])


@machine
@pytest.mark.parametrize("layout", Layout)
def test_codes_are_those_of_dense(layout):
    """Codes of features that fill no step are padded as there."""
    seed = np.random.default_rng(0)
    codes, weight = seed.integers(0, 256, (70, 2 * DEPTH)), seed.integers(-128, 128, (37, 2 * DEPTH))
    operands = {"w_scale": np.full(37, 1e-4, np.float32), "out_scale": 0.01, "out_zero_point": 100}
    operands["epilogue"] = Epilogue("gelu", codes=layout)
    found, whole = (product(kernel, TARGET, codes, weight, **operands) for kernel in ("dense_matrix", "dense"))
    np.testing.assert_array_equal(found, whole)


def linear(inputs):
    """Return a dense INT8 Linear."""
    weight = np.ones((40, inputs), np.int8)
    scale, bias = np.ones(40, np.float32), np.zeros(40, np.float32)
    return Linear(out="y", x="x", weight=weight, w_scale=scale, bias=bias)


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_weights_of_whole_blocks_are_multiplied_so_where_a_target_can(target):
    """All others by ``dense``, whose steps are shorter."""
    for inputs in (DEPTH - 4, DEPTH, DEPTH + 1, 3 * DEPTH):
        found = pack(linear(inputs), target).kernel
        assert found == ("dense_matrix" if target.matrix and inputs % DEPTH == 0 else "dense")


def test_it_is_emitted_for_a_processor_that_is_not_at_hand():
    """Four products a block, by the instruction that the target is for, and the registers are given back."""
    text = assembly([dense_matrix(TARGET, TARGET.dot, Epilogue())], TARGET)
    assert len(re.findall("\ttdpbsud\t", text)) == 4 * TARGET.tile // MATRIX
    assert text.count("\tldtilecfg\t") == text.count("\ttilerelease\n") == 1


@pytest.mark.parametrize("target", [target for target in TARGETS.values() if not target.matrix and target.dot == 4])
def test_other_targets_refuse_it(target):
    """Rather than emitting what the processor lacks."""
    with pytest.raises(IrError, match=f"^{target.name} has no matrix_open$"):
        emit([dense_matrix(target, target.dot, Epilogue())], target)
