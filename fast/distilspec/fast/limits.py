"""
What the processor can do at most: products in registers alone, and bytes from memory alone.

The loops are written in the language of the kernels, so they use the instructions that the kernels use. Figures are
those of the best of many short runs, because whatever disturbs a run makes it slower.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.compile import Compiled
from distilspec.fast.codegen.ir import I64, PTR, Function, Kind, Type, Value
from distilspec.fast.codegen.opcodes import DEPTH, MATRIX
from distilspec.fast.isa import host_target
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.panels import factors

#: Steps of a loop that are written out, so that counting costs nothing beside them.
UNROLLED = 8

#: Turns of a loop in registers: a run takes some milliseconds, long beside the start of a thread's work.
TURNS = 400_000

#: Bytes that are read from memory in a run, many times what a last-level cache holds.
READ = 512 * 2**20

#: Runs of which the best counts.
RUNS, RUNS_OF_READING = 40, 8

#: A run in which every thread is ready to begin.
Runs = Sequence[Callable[[], None]]


def int8_peak(target: Target | None = None, threads: int = 1) -> float:
    """
    Return the INT8 products that ``threads`` processors add up in a second, with all operands in registers.

    The sum of a lane is a factor of the next product, which no compiler can take out of the loop. Matrix registers are
    loaded from the first cache for each product, as they are in kernels.
    """
    target = target or host_target()
    if target.matrix:
        block = np.ones(2 * MATRIX * DEPTH, np.int8)
        return _products(target, threads, matrix_loop(), MATRIX * MATRIX * DEPTH, block, MATRIX * MATRIX)
    held = accumulators(target, weights_at_once(target)) * target.lanes
    weights = np.ones(weights_at_once(target) * 4 * target.lanes, np.int8)
    each = UNROLLED * held * weights_at_once(target) * target.dot
    return _products(target, threads, int8_loop(target), each, weights, held)


def float32_peak(target: Target | None = None, threads: int = 1) -> float:
    """Return the float32 products that ``threads`` processors add up in a second, with all operands in registers."""
    target = target or host_target()
    held = accumulators(target) * target.lanes
    # x * 0.5 + 0.5 tends to 1: no subnormal number, infinity or NaN slows an instruction down
    return _products(
        target, threads, float32_loop(target), UNROLLED * held, np.full(target.lanes, 0.5, np.float32), held
    )


def read_bandwidth(target: Target | None = None, threads: int = 1) -> float:
    """Return the bytes that ``threads`` processors read from memory in a second, one after the other in each part."""
    target = target or host_target()
    function = read_loop(target)
    read = Compiled([function], target).callable(function.name)
    line = UNROLLED * 4 * target.lanes
    part = READ // threads // line * line
    memory = np.ones(READ, np.uint8)
    sums = [np.zeros(line, np.uint8) for _ in range(threads)]

    def run(number: int) -> Callable[[], None]:
        return lambda: read(memory.ctypes.data + number * part, sums[number].ctypes.data, part)

    return threads * part / _best([run(number) for number in range(threads)], RUNS_OF_READING)


def int8_loop(target: Target) -> Function:
    """
    Return the kernel ``limits.int8``: ``turns`` times ``UNROLLED`` dot products into each accumulator.

    ``dot8`` takes two registers of weights, since a compiler takes two products with the same one for one.
    """
    accumulator, factor = Type(Kind.I32, target.lanes), factors(target)
    opcode = {2: "dot2", 4: "dot4"}[target.dot]

    def product(builder: Builder, total: Value, weights: Sequence[Value]) -> Value | None:
        codes = builder.bits_as(total, type=factor)
        if target.pair_limit:
            return builder.write("dot8", total, codes, weights[0], codes, weights[1])
        return builder.write(opcode, total, codes, weights[0], signed=target.signed_codes)

    return _register_loop(target, "limits.int8", accumulator, [factor] * weights_at_once(target), product)


def matrix_loop() -> Function:
    """Return the kernel ``limits.matrix``: a square of sums, of ``turns`` times the same block of weights and codes."""
    builder = Builder("limits.matrix", factors=PTR, sums=PTR, turns=I64)
    p, row = builder.parameters, MATRIX * 4
    builder.matrix_open()
    codes = builder.at(p["factors"], MATRIX * DEPTH)
    builder.matrix_dot(p["sums"], p["factors"], codes, p["turns"], row=row, step=row, w_move=0, x_move=0, fetch=False)
    builder.matrix_close()
    return builder.finish()


def float32_loop(target: Target) -> Function:
    """Return the kernel ``limits.float32``: ``turns`` times ``UNROLLED`` fma into each accumulator."""
    vector = Type(Kind.F32, target.lanes)

    def product(builder: Builder, total: Value, weights: Sequence[Value]) -> Value | None:
        return builder.write("fma", total, weights[0], weights[0])

    return _register_loop(target, "limits.float32", vector, [vector], product)


def read_loop(target: Target) -> Function:
    """Return the kernel ``limits.read``: the sum of the vectors in ``bytes`` bytes, a multiple of ``UNROLLED``."""
    builder = Builder("limits.read", memory=PTR, sums=PTR, bytes=I64)
    p, vector = builder.parameters, Type(Kind.I32, target.lanes)
    with builder.loop(0, p["bytes"], UNROLLED * vector.size, [builder.zeros(vector)] * UNROLLED) as line:
        at = builder.offset(p["memory"], line.index)
        read = [builder.load(builder.at(at, number * vector.size), type=vector) for number in range(UNROLLED)]
        line.hand_on(*(builder.add(total, value) for total, value in zip(line.carried, read, strict=True)))
    for number, total in enumerate(line.results):
        builder.store(total, builder.at(p["sums"], number * vector.size))
    return builder.finish()


def accumulators(target: Target, weights: int = 1) -> int:
    """Return how many sums are held beside the weights: enough to hide a latency, with a register to multiply in."""
    return 3 * target.registers // 4 if weights == 1 else target.registers // 2


def weights_at_once(target: Target) -> int:
    """Return how many registers of INT8 weights an instruction of the kernels takes: those of ``dot8`` are two."""
    return 2 if target.pair_limit else 1


def _register_loop(
    target: Target,
    name: str,
    accumulator: Type,
    given: Sequence[Type],
    product: Callable[[Builder, Value, Sequence[Value]], Value | None],
) -> Function:
    builder = Builder(name, factors=PTR, sums=PTR, turns=I64)
    p = builder.parameters
    weights = [builder.load(builder.at(p["factors"], number * one.size), type=one) for number, one in enumerate(given)]
    at = [builder.at(p["sums"], number * accumulator.size) for number in range(accumulators(target, len(given)))]
    with builder.loop(0, p["turns"], 1, [builder.load(place, type=accumulator) for place in at]) as turn:
        totals: list[Value] = list(turn.carried)
        for _ in range(UNROLLED):
            totals = [made for total in totals if (made := product(builder, total, weights)) is not None]
        turn.hand_on(*totals)
    for total, place in zip(turn.results, at, strict=True):
        builder.store(total, place)
    return builder.finish()


def _products(
    target: Target, threads: int, function: Function, in_a_turn: int, given: NDArray[Any], held: int
) -> float:
    """Return the products a second of a loop that makes so many ``in_a_turn`` and holds so many sums."""
    code = Compiled([function], target).callable(function.name)
    sums = [np.zeros(held, np.int32) for _ in range(threads)]

    def run(number: int) -> Callable[[], None]:
        return lambda: code(given.ctypes.data, sums[number].ctypes.data, TURNS)

    return threads * TURNS * in_a_turn / _best([run(number) for number in range(threads)], RUNS)


def _best(runs: Runs, count: int) -> float:
    """
    Return the seconds of the shortest of ``count`` runs, from the first thread's beginning to the last one's end.

    Each thread has a processor of its own where the system lets it choose: a thread that another one wakes is often put
    on the same processor, and then two do the work of one.
    """
    ready = threading.Barrier(len(runs))
    times = np.zeros((len(runs), count, 2))
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []

    def work(number: int) -> None:
        if processors:
            os.sched_setaffinity(0, [processors[number % len(processors)]])
        for turn in range(count):
            ready.wait()
            times[number, turn, 0] = time.perf_counter()
            runs[number]()
            times[number, turn, 1] = time.perf_counter()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(len(runs))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return float((times[:, :, 1].max(axis=0) - times[:, :, 0].min(axis=0)).min())
