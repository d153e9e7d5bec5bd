"""Tensors of a runtime that shows none, from programs that are cut off after them."""

from __future__ import annotations

import numpy as np
import pytest
from planted_relations import Planted
from small_encoder import BATCH, encoder

from distilspec.conformance.answer_form import AnswerError
from distilspec.conformance.runtimes.reference import Float32
from distilspec.conformance.truncated import run_truncated
from distilspec.reference import ops
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.program import ProgramError


@pytest.mark.parametrize("recipe", [Recipe.FP32, Recipe.W8A8_DYNAMIC])
def test_every_tensor_of_an_opaque_runtime_can_be_had(recipe):
    """Codes, scales and real numbers, each as the whole program has it."""
    program = encoder(recipe)
    expected = program.run(Float32(ops), BATCH, keep=list(program.tensors))

    found = run_truncated(Planted(opaque=True), program, BATCH, list(program.tensors))

    assert list(found) == list(program.tensors)
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name])


def test_the_inputs_of_the_caller_stay_as_they_are():
    """A runtime may write into what it is given."""

    def spoil(executable, inputs, expose):
        found = executable.right.run_exposed(inputs, expose)
        for array in inputs.values():
            array[...] = 0
        return found

    before = {name: array.copy() for name, array in BATCH.items()}
    run_truncated(Planted(spoil, opaque=True), encoder(Recipe.FP32), BATCH, ["embeddings.LayerNorm"])

    assert all(np.array_equal(BATCH[name], array) for name, array in before.items())


def test_garbage_and_unknown_names_are_refused():
    """One line each."""

    def garbage(executable, inputs, expose):
        return dict.fromkeys(executable.program.outputs)

    with pytest.raises(AnswerError, match=r"^output embeddings.LayerNorm is a NoneType; expected an array$"):
        run_truncated(Planted(garbage), encoder(Recipe.FP32), BATCH, ["embeddings.LayerNorm"])
    with pytest.raises(ProgramError):
        run_truncated(Planted(), encoder(Recipe.FP32), BATCH, ["no such tensor"])
