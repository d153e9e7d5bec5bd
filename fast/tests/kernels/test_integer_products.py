"""Dense and block-sparse INT8 products: exact sums for every target, size and split, against Python's integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_runs import exact, product

from distilspec.fast.codegen.compile import assembly
from distilspec.fast.codegen.verify import verify
from distilspec.fast.isa import TARGETS, executable_targets
from distilspec.fast.kernels.block_sparse import block_sparse
from distilspec.fast.kernels.dense import dense
from distilspec.fast.kernels.epilogue import Epilogue

targets = pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)
everywhere = pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)

KERNELS = ("dense", "block_sparse", "near_block_sparse")
kernels = pytest.mark.parametrize("kernel", KERNELS)

EXTREME = st.sampled_from([0, 1, 127, 128, 254, 255])


def drawn(data, most_tokens=40, most=70):
    """Return codes [tokens, K] and a weight [N, K], of the full range, extremes often, some blocks empty."""
    tokens, inputs, outputs = (data.draw(st.integers(1, top)) for top in (most_tokens, most, 30))
    seed = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    codes = seed.integers(0, 256, (tokens, inputs))
    weight = seed.integers(-128, 128, (outputs, inputs))
    if data.draw(st.booleans()):
        codes[:] = data.draw(EXTREME)
        weight[:] = data.draw(st.sampled_from([-128, -127, 127]))
    kept = seed.random((-(-outputs // 4), inputs)) < data.draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    return codes, weight, weight * np.repeat(kept, 4, axis=0)[:outputs]


@targets
@given(data=st.data())
def test_machine_code_sums_exactly(target, data):
    """Every kernel, odd zero points, any number of calls."""
    codes, weight, sparse = drawn(data)
    zero_point = data.draw(EXTREME)
    parts = data.draw(st.integers(1, 3))

    for matrix, kernel in ((weight, "dense"), (sparse, "block_sparse"), (sparse, "near_block_sparse")):
        found = product(kernel, target, codes, matrix, parts=parts, zero_point=np.full(len(codes), zero_point))
        np.testing.assert_array_equal(found, exact(codes, matrix, zero_point))


@everywhere
@settings(max_examples=5)
@given(data=st.data())
def test_the_kernels_themselves_sum_exactly(target, data):
    """Interpreted, for targets that this processor cannot execute as well: no access outside a buffer, no wrong sum."""
    codes, weight, sparse = drawn(data, most_tokens=5, most=9)

    for matrix, kernel in ((weight, "dense"), (sparse, "block_sparse"), (sparse, "near_block_sparse")):
        found = product(kernel, target, codes, matrix, machine=False, zero_point=np.full(len(codes), 7))
        np.testing.assert_array_equal(found, exact(codes, matrix, 7))


@targets
@kernels
def test_sums_of_full_range_products_do_not_saturate(target, kernel):
    """255 * -128 throughout: pairs need 17 bits, the sum of 3072 needs 27."""
    codes, weight = np.full((3, 3072), 255), np.full((8, 3072), -128)

    found = product(kernel, target, codes, weight)

    assert (found == np.float32(-255 * 128 * 3072)).all()


@targets
@pytest.mark.parametrize("alike", [False, True], ids=["normal", "alternating"])
def test_weights_as_models_have_them_sum_exactly(target, alike):
    """More steps than look for partners together, an odd number; with the largest codes, where sums are largest."""
    seed = np.random.default_rng(2)
    normal = np.clip(np.rint(seed.standard_normal((13, 418)) * 36), -127, 127).astype(int)
    weight = np.where(np.arange(418) % 2, -127, 127) * np.ones((13, 1), int) if alike else normal
    codes = np.stack([np.full(418, 255), np.where(normal[0] > 0, 255, 0), seed.integers(0, 256, 418)])

    np.testing.assert_array_equal(product("dense", target, codes, weight), exact(codes, weight))


@targets
def test_interpreter_and_machine_code_agree_bit_for_bit(target):
    """Scales, bias and residual included, where rounding would show any other order of operations."""
    seed = np.random.default_rng(0)
    codes, weight = seed.integers(0, 256, (19, 30)), seed.integers(-128, 128, (13, 30))
    operands = {
        "w_scale": seed.random(13, np.float32), "bias": seed.standard_normal(13, np.float32),
        "x_scale": seed.random(19, np.float32), "zero_point": seed.integers(0, 256, 19),
        "residual": seed.standard_normal((19, 13), np.float32),
    }  # fmt: skip

    for kernel in KERNELS:
        machine, interpreted = (
            product(kernel, target, codes, weight, machine=machine, epilogue=Epilogue(residual=True), **operands)
            for machine in (True, False)
        )
        np.testing.assert_array_equal(machine, interpreted)


def test_all_targets_give_the_same_bits():
    """Dense and sparse, because every token is computed alone and in one order."""
    seed = np.random.default_rng(1)
    codes, weight = seed.integers(0, 256, (37, 50)), seed.integers(-128, 128, (14, 50))
    operands = {"w_scale": seed.random(14, np.float32), "bias": seed.standard_normal(14, np.float32)}

    results = [
        product(kernel, target, codes, weight, zero_point=np.full(37, 9), **operands)
        for target in executable_targets()
        for kernel in KERNELS
    ]

    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@everywhere
@pytest.mark.parametrize("function_of", [dense, block_sparse], ids=["dense", "block_sparse"])
def test_every_target_gets_its_own_instruction(target, function_of):
    """Emitted for processors that are not at hand, too: the dot product is the one that the target is for."""
    function = function_of(target, target.dot, Epilogue())
    verify(function)

    text = assembly([function], target)

    wanted = {
        "avx512-amx": "vpdpbusd\t", "avx512-vnni": "vpdpbusd\t", "avx-vnni": "vpdpbusd\t", "avx2": "vpmaddwd\t",
        "avx2-bytes": "vpmaddubsw\t", "neon-dot": "sdot\t",
    }  # fmt: skip
    if target.name in wanted:
        assert text.count(wanted[target.name]) >= target.panel
    assert ("vpmaddubsw" in text) == (target.pair_limit is not None), "it saturates"
