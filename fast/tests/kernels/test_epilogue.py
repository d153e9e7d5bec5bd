"""What follows a matrix product: within its bounds, the codes of what it gives, and nothing outside its buffers."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_runs import ARRANGED, UNTOUCHED, product
from rowwise_runs import RUNS, assert_within, everyhow, shifted, sizes

from distilspec.conformance import bounds
from distilspec.conformance.bounds.bounded import Bounded
from distilspec.fast.codegen.ir import IrError
from distilspec.fast.isa import TARGETS, executable_targets
from distilspec.fast.kernels.activations import ACTIVATIONS
from distilspec.fast.kernels.block_sparse import block_sparse
from distilspec.fast.kernels.codes import Layout
from distilspec.fast.kernels.dense import dense
from distilspec.fast.kernels.dense_matrix import dense_matrix
from distilspec.fast.kernels.epilogue import Epilogue
from distilspec.fast.kernels.linear import linear
from distilspec.reference import ops as reference

targets = pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)
kernels = pytest.mark.parametrize("kernel", ["dense", "block_sparse"])
#: Every activation, every other one with a residual, and a residual alone.
EPILOGUES = [Epilogue(name, number % 2 == 0) for number, name in enumerate([*ACTIVATIONS, None])]

#: The interpreter, which is slow, does two of them.
FINISHED = [
    pytest.param(
        target, machine, epilogue, id=f"{target.name}-{'machine' if machine else 'interpreted'}-{epilogue.name}"
    )
    for target, machine in RUNS
    for epilogue in (EPILOGUES if machine else (EPILOGUES[0], EPILOGUES[-1]))
]

layouts = pytest.mark.parametrize("layout", Layout)


def shapes(target, machine):
    """Return numbers of tokens and features; the interpreter, which is slow, gets every other one."""
    every = list(zip(sizes(target), (1, 2, 3, 4, 5, 13, 6), strict=False))
    return every if machine else every[1::2]


def drawn(tokens, inputs, features):
    """Return codes, a weight, and operands of ordinary size: sums are some thousands, results around 1."""
    seed = np.random.default_rng(tokens + 100 * inputs + 10_000 * features)
    operands = {
        "w_scale": seed.uniform(1e-3, 1e-2, features).astype(np.float32),
        "bias": seed.standard_normal(features, np.float32),
        "x_scale": seed.uniform(1e-3, 5e-2, tokens).astype(np.float32),
        "zero_point": seed.integers(0, 256, tokens),
    }
    return seed.integers(0, 256, (tokens, inputs)), seed.integers(-128, 128, (features, inputs)), operands


def bounded(codes, weight, w_scale, bias, x_scale, zero_point):
    """Return the bound of the product, token by token, because zero points differ."""
    matrix = weight.astype(np.int8)
    rows = [
        bounds.quantized_linear(row[np.newaxis].astype(np.uint8), scale, np.uint8(zero), matrix, w_scale, bias)
        for row, scale, zero in zip(codes, x_scale, zero_point, strict=True)
    ]
    return Bounded(*(np.concatenate([getattr(row, part) for row in rows]) for part in ("value", "error")))


def exact(tokens, inputs, features):
    """Return codes, a weight, operands with which every result is exact in float32, and the results."""
    codes, weight, operands = drawn(tokens, inputs, features)
    seed = np.random.default_rng(0)
    operands |= {
        "w_scale": np.exp2(seed.integers(-9, -6, features)).astype(np.float32),
        "bias": (seed.integers(-99, 99, features) / 8).astype(np.float32),
        "x_scale": np.exp2(seed.integers(-3, 0, tokens)).astype(np.float32),
    }
    sums = (codes - operands["zero_point"][:, np.newaxis]) @ weight.T
    assert np.abs(sums).max(initial=0) < 2**20
    scales = operands["x_scale"][:, np.newaxis].astype(np.float64) * operands["w_scale"]
    return codes, weight, operands, sums * scales + operands["bias"]


@everyhow
@kernels
def test_every_size_is_within_the_bound(target, machine, kernel):
    """Numbers of tokens and features beside registers, tiles, panels and fours; a scale and zero point by token."""
    for tokens, features in shapes(target, machine):
        codes, weight, operands = drawn(tokens, 5, features)
        found = product(kernel, target, codes, weight, machine=machine, parts=2, **operands)
        assert_within(found, bounded(codes, weight, **operands))


@pytest.mark.parametrize(("target", "machine", "epilogue"), FINISHED)
@kernels
def test_activations_and_residuals_are_within_the_bound(target, machine, kernel, epilogue):
    """The residual is added to what the activation gives, not before it."""
    codes, weight, operands = drawn(3, 7, 7)
    residual = np.random.default_rng(0).standard_normal((3, 7), np.float32)
    wanted = bounded(codes, weight, **operands)
    if epilogue.activation:
        wanted = getattr(bounds, epilogue.activation)(wanted)
    if epilogue.residual:
        wanted = bounds.add(wanted, residual)

    found = product(
        kernel, target, codes, weight, machine=machine, epilogue=epilogue, residual=residual, **operands
    )  # fmt: skip

    assert_within(found, wanted)


@everyhow
@kernels
@layouts
def test_codes_are_those_of_the_results(target, machine, kernel, layout):
    """Where results are exact there is one code for each, ties included; features that fill no lane, panel or four."""
    for number, (tokens, features) in enumerate(shapes(target, machine)):
        codes, weight, operands, results = exact(tokens, 6, features)
        residual = np.full((tokens, features), np.float32(0.25))
        scale, zero_point = np.float32([0.5, 1.0, 3.0, 0.1])[number % 4], number * 37 % 256

        found = product(
            kernel, target, codes, weight, machine=machine, epilogue=Epilogue(None, True, layout), parts=2,
            residual=residual, out_scale=float(scale), out_zero_point=zero_point, **operands,
        )  # fmt: skip

        wanted = reference.quantize(results + residual, scale, np.uint8(zero_point))
        arranged = ARRANGED[layout](wanted.astype(np.int64) - shifted(target), target).reshape(found.shape)
        used = ARRANGED[layout](np.ones(wanted.shape, np.int64), target).reshape(found.shape) == 1
        np.testing.assert_array_equal(found[used], arranged[used])


@everyhow
@pytest.mark.parametrize("kernel", ["dense", "block_sparse", "linear"])
def test_fewer_vectors_write_their_own_tokens_only(target, machine, kernel):
    """Every number of vectors; those beyond stay as they were."""
    codes, weight, operands = drawn(target.tile, 3, 5)
    whole = product(kernel, target, codes, weight, machine=machine, **operands)

    for vectors in range(1, target.dot):
        found = product(kernel, target, codes, weight, machine=machine, vectors=vectors, **operands)
        computed = vectors * target.lanes
        np.testing.assert_array_equal(found[:computed], whole[:computed])
        assert (found[computed:] == UNTOUCHED).all()


def test_all_targets_give_the_same_bits():
    """Activation, residual and codes, dense and sparse."""
    codes, weight, operands = drawn(37, 50, 14)
    for epilogue in (Epilogue("gelu", residual=True), Epilogue("silu")):
        results = [
            product(kernel, target, codes, weight, machine=machine, epilogue=epilogue, **operands)
            for target, machine in [(each, True) for each in executable_targets()] + [(TARGETS["neon-dot"], False)]
            for kernel in ("dense", "block_sparse")
        ]
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("function_of", [dense, dense_matrix, block_sparse, linear])
@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_less_than_a_row_of_codes_is_refused(target, function_of):
    """A row holds the tokens of all vectors."""
    with pytest.raises(IrError, match="less than a row of codes"):
        function_of(target, target.dot - 1, Epilogue(codes=Layout.ROWS))


def test_an_activation_that_does_not_exist_is_refused():
    """By name, with those that do."""
    with pytest.raises(IrError, match="activation swish does not exist; expected one of gelu"):
        Epilogue("swish")
