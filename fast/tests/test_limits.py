"""The loops that measure what a processor can do at most: that they do the work that is counted."""

from __future__ import annotations

import os

import numpy as np
import pytest
from rowwise_runs import everyhow, run

from distilspec.fast import limits
from distilspec.fast.codegen.ir import Instruction, Loop
from distilspec.fast.codegen.opcodes import DEPTH, MATRIX
from distilspec.fast.isa import TARGETS, executable_targets
from distilspec.fast.kernels.panels import factors
from distilspec.fast.limits import (
    UNROLLED,
    accumulators,
    float32_loop,
    int8_loop,
    matrix_loop,
    read_loop,
    weights_at_once,
)


def wrapped(total):
    """Return an integer as int32 holds it."""
    return (total + 2**31) % 2**32 - 2**31


def parts(total, target):
    """Return the factors whose bytes an accumulator has."""
    held = np.array([total], np.int32).tobytes()
    return np.frombuffer(held, np.int16 if target.dot == 2 else np.int8 if target.signed_codes else np.uint8)


@everyhow
def test_every_sum_takes_its_products_in_each_turn(target, machine):
    """Three turns of ``UNROLLED`` dot products: each multiplies the bytes of the sum itself."""
    rng = np.random.default_rng(0)
    dtype = np.int16 if target.dot == 2 else np.int8
    # No target saturates pairs of these, nor fours.
    weights = rng.integers(-30, 31, (weights_at_once(target), factors(target).lanes)).astype(dtype)
    sums = rng.integers(-1000, 1000, accumulators(target, len(weights)) * target.lanes).astype(np.int32)
    expected = []
    for position, total in enumerate(sums.tolist()):
        lane = position % target.lanes
        own = weights[:, lane * target.dot : (lane + 1) * target.dot].sum(axis=0, dtype=int).tolist()
        for _ in range(3 * UNROLLED):
            total = wrapped(total + sum(a * b for a, b in zip(parts(total, target).tolist(), own, strict=True)))
        expected.append(total)

    run(int8_loop, target, (), machine, weights, sums, 3)

    assert sums.tolist() == expected


@pytest.mark.parametrize(
    ("target", "machine"), [(None, False), *((target, True) for target in executable_targets() if target.matrix)]
)
def test_a_square_takes_its_products_in_each_turn(target, machine):
    """Three turns of the same block, against NumPy's products of integers."""
    rng = np.random.default_rng(0)
    weights, codes = rng.integers(-128, 128, (MATRIX, DEPTH)), rng.integers(0, 256, (DEPTH, MATRIX))
    held = codes.reshape(-1, 4, MATRIX).swapaxes(1, 2)
    block = np.concatenate([weights.astype(np.int8).reshape(-1), held.astype(np.uint8).view(np.int8).reshape(-1)])
    sums = np.full((MATRIX, MATRIX), -1, np.int32)

    run(lambda _: matrix_loop(), target, (), machine, block, sums, 3)

    assert (sums == 3 * weights @ codes).all()


@everyhow
def test_float32_sums_stay_ordinary_numbers(target, machine):
    """0 becomes 1 - 2^-16 after two turns: x * 0.5 + 0.5, sixteen times; that is exact in float32."""
    sums = np.zeros(accumulators(target) * target.lanes, np.float32)

    run(float32_loop, target, (), machine, np.full(target.lanes, 0.5, np.float32), sums, 2)

    assert set(sums.tolist()) == {1 - 2.0**-16}


@everyhow
def test_every_byte_is_read_once(target, machine):
    """The sum of all words, whatever lane and register each went into."""
    words = np.random.default_rng(0).integers(-1000, 1000, 5 * UNROLLED * target.lanes).astype(np.int32)
    sums = np.full(UNROLLED * target.lanes, -1, np.int32)

    run(read_loop, target, (), machine, words, sums, words.nbytes)

    assert sums.sum() == words.sum()


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_nothing_but_products_is_in_a_turn(target):
    """The loops touch no memory, and their sums fit the registers with one for the weights and one to multiply in."""
    for loop, opcodes in ((int8_loop, {"dot2", "dot4", "dot8", "bits_as"}), (float32_loop, {"fma"})):
        (turn,) = (item for item in loop(target).body if isinstance(item, Loop))
        assert {item.opcode for item in turn.body if isinstance(item, Instruction)} <= opcodes
    for weights in (1, weights_at_once(target)):
        assert accumulators(target, weights) + weights + 1 <= target.registers


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)
def test_as_many_products_are_counted_as_are_made(target, threads, monkeypatch):
    """A rate is the number of products in the instructions of all turns and threads, over the time of the best run."""
    monkeypatch.setattr(limits, "TURNS", 100)
    monkeypatch.setattr(limits, "RUNS", 2)
    monkeypatch.setattr(limits, "READ", 2**20)
    best = limits._best
    monkeypatch.setattr(limits, "_best", lambda runs, count: best(runs, count) * 0 + 4.0)

    if target.matrix:
        assert limits.int8_peak(target, threads) == threads * 100 * MATRIX * MATRIX * DEPTH / 4.0
        monkeypatch.setattr(target, "matrix", False)
    int8 = weights_at_once(target) * target.dot * target.lanes
    for rate, loop, each in (
        (limits.int8_peak, int8_loop, int8), (limits.float32_peak, float32_loop, target.lanes)
    ):  # fmt: skip
        (turn,) = (item for item in loop(target).body if isinstance(item, Loop))
        products = {"dot2", "dot4", "dot8", "fma"}
        made = sum(isinstance(item, Instruction) and item.opcode in products for item in turn.body)
        assert rate(target, threads) == threads * 100 * made * each / 4.0
    assert limits.read_bandwidth(target, threads) == 2**20 / 4.0


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system places threads as it likes")
def test_each_thread_has_a_processor_of_its_own():
    """As far as there are so many; this thread keeps all of its own."""
    mine, seen = os.sched_getaffinity(0), [set(), set()]

    limits._best([lambda one=one: one.update(os.sched_getaffinity(0)) for one in seen], 2)

    assert [len(one) for one in seen] == [1, 1]
    assert len(set.union(*seen)) == min(2, len(mine))
    assert os.sched_getaffinity(0) == mine


def test_the_best_run_is_from_the_first_beginning_to_the_last_end():
    """Of two threads, of which one is quick; every run happens as often as it is asked for."""
    counted = []
    slow = limits.threading.Event()

    seconds = limits._best([lambda: counted.append(0), lambda: slow.wait(0.01)], 3)

    assert counted == [0, 0, 0]
    assert seconds >= 0.01
