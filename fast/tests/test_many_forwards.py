"""Forwards of any shape from several threads: each result as the reference allows, always the same bits, no leak."""

from __future__ import annotations

import gc
import os
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from small_models import small_program

from distilspec.conformance.result import State
from distilspec.conformance.segments import judge_segments
from distilspec.conformance.subject import prepare
from distilspec.fast import Engine
from distilspec.fast.backends import native
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.named_models import load_model

#: Threads that call, each of them engines of its choice.
CALLERS = 4

#: Longest sequence, and largest batch.
LONGEST, LARGEST = 130, 5

#: Bytes of resident memory that a forward may cost, between two moments in which engines hold the same. The allocator
#: keeps some freed memory for each thread that calls: in the worst of 16 runs 100 KiB after the 100 forwards here, and
#: 1.5 MiB after the 1,000. To forget buffers would cost 20 KiB a forward at least, since most shapes are bound anew.
A_FORWARD = 10 * 2**10


@dataclass(frozen=True)
class Case:
    """A batch, and the bits of its outputs."""

    arrays: dict
    expected: dict


def bits(outputs):
    """Return outputs in a form in which equal means the same bits."""
    return {label: array.tobytes() for label, array in outputs.items()}


def ragged(program, batch, sequence, seed):
    """Return ids, and a mask that ends somewhere in each sequence."""
    generator = np.random.default_rng([seed, batch, sequence])
    lengths = generator.integers(1, sequence, batch, endpoint=True)
    arrays = {
        "input_ids": generator.integers(0, 50, (batch, sequence)),
        "attention_mask": np.arange(sequence) < lengths[:, np.newaxis],
        "token_type_ids": generator.integers(0, 2, (batch, sequence)),
    }
    return {name: arrays[name] for name in program.inputs}


#: What can be judged in some seconds, the ends among it; twice the same shape, whose cases share buffers.
FEW = 2 * ((1, 1), (LARGEST, 8), (2, 33)) + ((1, LONGEST),)

#: The largest, and others at random, twice.
MANY = (*FEW, (LARGEST, LONGEST), *np.random.default_rng(0).integers(1, (LARGEST, LONGEST), (12, 2), endpoint=True)) * 2


def judged(program, shapes):
    """Return cases; the reference allows every tensor that one thread makes, and so the outputs."""
    cases = []
    with Engine(program) as engine:
        for seed, (batch, sequence) in enumerate(shapes):
            arrays = ragged(program, batch, sequence, seed)
            outputs, shown = engine.run_exposed(arrays, engine.survivors())
            known = {name: array for name, array in shown.items() if name in program.tensors}
            finals = {tensor: outputs[label] for label, tensor in program.outputs.items()}
            for segment in judge_segments(program, {**arrays, **known, **finals}):
                assert segment.judgement.state is State.PASS, (segment.segment.target, segment.judgement)
            cases.append(Case(arrays, bits(outputs)))
    return cases


def traffic(engines, cases, forwards):
    """Call engines from all callers, with any case each time, and return the cases that gave other bits."""
    wrong = []

    def call(caller):
        generator = np.random.default_rng(caller)
        for _ in range(forwards // CALLERS):
            engine, number = generator.choice(engines), generator.integers(len(cases))
            if bits(engine.run(cases[number].arrays)) != cases[number].expected:
                wrong.append(number)

    threads = [threading.Thread(target=call, args=(caller,)) for caller in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def settled(engines, cases):
    """Let every engine keep the buffers of the last shapes; return the process's threads, files and resident bytes."""
    for engine in engines:
        for case in cases:
            engine.run(case.arrays)
    gc.collect()
    mapped = sorted({line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/" in line})
    things = len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")), mapped
    return things, int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def expect_steady(engines, cases, forwards):
    """Check results and what the process holds, after as many forwards of another order have warmed everything up."""
    assert not traffic(engines, cases, 2 * len(cases))
    things, resident = settled(engines, cases)
    assert not traffic(engines, cases, forwards)
    things_then, resident_then = settled(engines, cases)
    assert things_then == things
    assert resident_then - resident < forwards * A_FORWARD


def small(recipe, shapes):
    """Return a program whose attention and pooling read the mask, with a sparse weight, and its cases."""
    program = small_program(recipe, head="sentence-embedding", sparsity=0.5, positions=LONGEST)
    return program, judged(program, shapes)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="this system does not tell its memory")
@pytest.mark.parametrize(
    ("shapes", "forwards"), [(FEW, 100), pytest.param(MANY, 1000, marks=pytest.mark.slow)], ids=["few", "many"]
)
@pytest.mark.parametrize(("engines", "threads", "recipe"), [(1, 2, "fp32"), (4, 1, "w8a8-static")])
def test_forwards_from_four_threads_agree_and_leak_nothing(engines, threads, recipe, shapes, forwards, monkeypatch):
    """Random shapes and masks, more of them than engines keep, whichever engine computes and whatever others do."""
    monkeypatch.setattr(native, "KEPT_SHAPES", len(set(map(tuple, shapes))) // 2)
    program, cases = small(recipe, shapes)
    with ExitStack() as stack:
        made = [Engine(program, threads=threads, oversubscribe=True) for _ in range(engines)]
        expect_steady([stack.enter_context(engine) for engine in made], cases, forwards)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="this system does not tell its memory")
def test_forwards_of_a_trained_model_agree_and_leak_nothing():
    """MiniLM, in some shapes."""
    program = prepare(load_model("minilm"), Recipe.W8A8_STATIC).program
    cases = judged(program, [(1, 1), (3, 17), (2, 130)])
    with Engine(program, threads=2, oversubscribe=True) as engine:
        expect_steady([engine], cases, 200)
