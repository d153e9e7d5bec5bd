"""Whole runtimes with one bug each: what they claim, and that they are what they claim."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from small_encoder import BATCH, encoder

from distilspec.conformance.mutants.runtimes import all_runtime_mutants
from distilspec.conformance.mutants.runtimes.wiring import layers
from distilspec.conformance.report.clause_texts import clause_texts
from distilspec.conformance.runtimes.reference import ReferenceRuntime
from distilspec.reference.contract.recipes import Recipe

MUTANTS = all_runtime_mutants()

#: Float32 moves the small encoder's answer by less.
GROSS = 1e-5


def mutant(name):
    """Return the mutant of this name."""
    return next(mutant for mutant in MUTANTS if mutant.name == name)


def outputs(runtime, recipe=Recipe.FP32):
    """Return what a runtime makes of the small encoder."""
    return runtime.load(encoder(recipe)).run({name: array.copy() for name, array in BATCH.items()})


def test_there_are_more_than_the_operators_show():
    """Each is a bug of a whole runtime, so that it needs a name of its own."""
    assert len(MUTANTS) >= 60
    assert [name for name, count in Counter(m.name for m in MUTANTS).items() if count > 1] == []


def test_every_clause_that_a_mutant_breaks_exists():
    """A survivor is explained by the sentence of the clause."""
    known = clause_texts()

    assert [m.name for m in MUTANTS if not m.clauses or not set(known).issuperset(m.clauses)] == []


def test_every_clause_of_decisions_and_relations_is_broken_by_a_mutant():
    """Clauses of single operators have mutants of their own."""
    broken = {clause for mutant in MUTANTS for clause in mutant.clauses}
    of_models = ("DEC", "RUN2", "OWN", "THR", "BATCH", "PAD", "SPD", "VOC", "HEAD")

    assert {clause for clause in clause_texts() if clause.startswith(of_models)} - broken == set()


@pytest.mark.parametrize(
    "name",
    [
        "the last layer is skipped",
        "the second layer has the weights of the first",
        "two layers are exchanged",
        "the output projection is transposed",
        "the last LayerNorm is omitted",
        "positions start at 1",
        "token types are ignored",
        "heads are interleaved",
        "tensors are held in bfloat16",
        "padding is attended and pooled",
        "every row has the mask of the first",
    ],
)
def test_a_mutant_gives_another_answer(name):
    """A bug that changes nothing would be no bug; every recipe has it."""
    for recipe in (Recipe.FP32, Recipe.W8A8_STATIC, Recipe.W8A32):
        right = outputs(ReferenceRuntime({}), recipe)["sentence_embedding"]
        wrong = outputs(mutant(name).runtime(), recipe)["sentence_embedding"]
        assert np.max(np.abs(right - wrong)) > GROSS


def test_an_opaque_mutant_shows_nothing_but_its_outputs():
    """What is not shown cannot be found step by step."""
    program = encoder(Recipe.FP32)

    assert mutant("the last layer is skipped").runtime().load(program).survivors() == tuple(program.tensors)
    assert mutant("the last layer is skipped, nothing shown").runtime().load(program).survivors() == ("l2_normalize",)


def test_every_runtime_of_a_mutant_is_fresh():
    """What one call leaves behind must not reach another candidate."""
    compiled_once = mutant("a program is compiled once for its name")

    for recipe in (Recipe.W8A8_DYNAMIC, Recipe.W8A8_DYNAMIC_TOKEN):
        right = outputs(ReferenceRuntime({}), recipe)["sentence_embedding"]
        assert np.array_equal(outputs(compiled_once.runtime(), recipe)["sentence_embedding"], right)


def test_layers_are_found_in_order_and_whole():
    """The bugs of wiring are planted by layers."""
    program = encoder(Recipe.W8A8_STATIC)
    first, second = layers(program)

    assert {step.op for step in first} == {step.op for step in second}
    assert [step.name for step in second if step.op == "layer_norm"][-1] == "encoder.layer.1.output.LayerNorm"
