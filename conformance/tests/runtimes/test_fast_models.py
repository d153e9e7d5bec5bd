"""Whole programs on the fast engine, judged by the suite: every recipe, dense and with every kind of block."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from distilspec.conformance.cases.models import model_subject
from distilspec.conformance.check import check_model
from distilspec.conformance.locate import How, locate
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime
from distilspec.fast import engine
from distilspec.reference.contract.recipes import Recipe

#: What of the encoder's weights is pruned: blocks of outputs and inputs, or None.
BLOCKS = (None, (4, 1), (4, 4), (16, 4))

#: Cells that are judged in some seconds: two of each recipe, so that each kind of block meets kernels of its own.
QUICK = {
    Recipe.FP32: (None, (16, 4)),
    Recipe.W8A8_STATIC: ((4, 1), (4, 4)),
    Recipe.W7A8_STATIC: ((4, 1), (4, 4)),
    Recipe.W8A8_STATIC_ATTN: (None, (16, 4)),
    Recipe.W8A8_DYNAMIC: (None, (4, 1)),
    Recipe.W8A8_DYNAMIC_TOKEN: (None, (4, 4)),
    Recipe.W8A32: (None, (4, 1)),
}

ATTENTION = "encoder.layer.0.attention"


def cells(chosen):
    """Return a parametrisation over recipes and blocks."""
    found = [(recipe, block) for recipe, blocks in chosen.items() for block in blocks]
    names = ["-".join((recipe, "dense" if block is None else "x".join(map(str, block)))) for recipe, block in found]
    return pytest.mark.parametrize(("recipe", "block"), found, ids=names)


def subject_of(name, recipe, block):
    """Return a model, half of whose blocks are pruned unless it is dense."""
    return model_subject(name, recipe, **({} if block is None else {"sparsity": 0.5, "block_shape": block}))


def of_one_layer(recipe, block):
    """Return a small subject with token types, odd lengths and padding, of one batch."""
    subject = subject_of("random-bert-1", recipe, block)
    return replace(subject, batches={"mixed": subject.batches["mixed"]})


def expect_conformant(runtime, subject):
    """
    Check that every case passes, that segments hold every operator of the program, and that nothing is located.

    A decision may be too close to call; of too many such decisions there is a case that is neither.
    """
    cases = check_model(runtime, subject)
    assert [(case.id, case.judgement) for case in cases if case.state not in (State.PASS, State.UNDECIDED)] == []
    segments = [case for case in cases if case.operators]
    reached = {operator for case in segments for operator in case.operators}
    assert reached == {step.op for step in subject.program.steps}

    found = locate(runtime, subject)
    assert (found.case, found.how, found.judged) == (None, How.SHOWN, len(segments))


@cells(QUICK)
def test_a_small_model_is_conformant(recipe, block):
    """One layer, native kernels."""
    expect_conformant(find_runtime("fast"), of_one_layer(recipe, block))


@pytest.mark.parametrize("recipe", Recipe)
def test_a_small_model_is_conformant_by_numpy(recipe):
    """The other backend, on the block that the quick native cells of the recipe leave out."""
    block = next(block for block in reversed(BLOCKS) if block not in QUICK[recipe])
    expect_conformant(find_runtime("fast", {"backend": "numpy"}), of_one_layer(recipe, block))


@pytest.mark.slow
@cells(dict.fromkeys(Recipe, BLOCKS))
@pytest.mark.parametrize("name", ["random-bert-0", "random-distilbert-0"])
def test_random_models_are_conformant(name, recipe, block):
    """The whole grid, two layers, a batch with padding and one of a single text."""
    expect_conformant(find_runtime("fast"), subject_of(name, recipe, block))


@pytest.mark.slow
@cells(dict.fromkeys(Recipe, BLOCKS))
def test_a_trained_model_is_conformant(recipe, block):
    """The whole grid on one text for MiniLM."""
    subject = subject_of("minilm", recipe, block)
    alone = replace(subject, batches={"single": subject.batches["single"]})
    expect_conformant(find_runtime("fast"), alone)


@pytest.mark.slow
@cells({recipe: (BLOCKS[number % len(BLOCKS)],) for number, recipe in enumerate(Recipe)})
def test_a_trained_model_is_conformant_on_all_its_texts(recipe, block):
    """With two threads; half a minute each, so every recipe once and every kind of block with some."""
    expect_conformant(find_runtime("fast", {"threads": "2"}), subject_of("minilm", recipe, block))


def larger_bias(step):
    """Return a Linear whose first output is far off."""
    return replace(step, bias=step.bias + np.float32(np.arange(len(step.bias)) == 0))


def other_code(step):
    """Return a Linear whose largest weight is one code less."""
    codes = step.weight.copy()
    largest = np.unravel_index(np.abs(codes.astype(int)).argmax(), codes.shape)
    codes[largest] -= np.sign(codes[largest])
    return replace(step, weight=codes)


def without_a_mask(step):
    """Return attention that looks at padding."""
    return replace(step, mask=None)


@pytest.mark.parametrize(
    ("recipe", "block", "out", "spoilt", "segment", "operators"),
    [
        pytest.param(
            Recipe.W8A8_STATIC, None, "encoder.layer.0.intermediate.gelu_tanh", larger_bias,
            "encoder.layer.0.intermediate.gelu_tanh.quantized", {"quantized_linear", "gelu_tanh", "quantize"},
            id="codes of an activation",
        ),
        pytest.param(
            Recipe.W7A8_STATIC, (4, 4), f"{ATTENTION}.output.add", other_code,
            f"{ATTENTION}.output.add", {"quantized_block_sparse_linear", "add"},
            id="one code of a sparse weight",
        ),
        pytest.param(
            Recipe.W8A8_DYNAMIC_TOKEN, None, f"{ATTENTION}.self.reshape", without_a_mask,
            f"{ATTENTION}.self.reshape", {"unsqueeze", "reshape", "transpose", "scaled_dot_product_attention"},
            id="attention",
        ),
    ],
)  # fmt: skip
def test_a_bug_in_one_fused_step_is_found_there_and_nowhere_else(
    recipe, block, out, spoilt, segment, operators, monkeypatch
):
    """The engine carries out one wrong step; ``check`` fails that segment alone, and ``locate`` names it."""
    subject, right = of_one_layer(recipe, block), engine.lower

    def wrong(program):
        lowered = right(program)
        assert sum(step.out == out for step in lowered.steps) == 1
        return replace(lowered, steps=tuple(spoilt(s) if s.out == out else s for s in lowered.steps))

    monkeypatch.setattr(engine, "lower", wrong)
    runtime = find_runtime("fast")
    segments = [case for case in check_model(runtime, subject) if case.operators]
    failing = [case.id for case in segments if case.state is not State.PASS]
    found = locate(runtime, subject)

    assert failing == [f"{subject.name}/{recipe}/mixed/{segment}"]
    assert (found.case.id, found.case.state, found.how) == (failing[0], State.FAIL, How.SHOWN)
    assert set(found.case.operators) == operators
    assert segments[found.judged - 1].id == failing[0]
