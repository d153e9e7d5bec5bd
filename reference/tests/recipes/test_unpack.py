"""``unpack``: dense weights with zeros instead of blocks, bit for bit."""

from __future__ import annotations

import pytest
from encoders import batch, small_bert

from distilspec.reference import ops
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.recipes import apply_recipe, calibrate, prune
from distilspec.reference.recipes.unpack import unpack


@pytest.mark.parametrize("recipe", [Recipe.FP32, Recipe.W8A8_STATIC, Recipe.W8A8_DYNAMIC_TOKEN])
def test_the_dense_form_of_a_packed_program_computes_the_same_bits(recipe):
    """It is the program that pruning without packing makes, down to every constant and step."""
    bert, inputs = small_bert(), batch()
    ranges = calibrate(bert, [inputs])
    kept = ["encoder.layer.0.output.dense"]
    packed, dense = (
        apply_recipe(
            prune(bert, sparsity=0.8, block_shape=(4, 4), pack=pack), recipe, calibration=ranges, keep=kept
        )
        for pack in (True, False)
    )  # fmt: skip

    unpacked = unpack(packed)

    assert any("block_sparse" in step.op for step in packed.steps)
    assert unpacked.steps == dense.steps
    assert unpacked.properties == packed.properties
    assert unpacked.constants.keys() == dense.constants.keys()
    for name, array in dense.constants.items():
        assert unpacked.constants[name].dtype == array.dtype
        assert unpacked.constants[name].tobytes() == array.tobytes(), name
    ours, theirs = (program.run(ops, inputs) for program in (packed, unpacked))
    assert all((ours[name] == theirs[name]).all() for name in ours)


def test_a_dense_program_stays_as_it_is():
    """Nothing to unpack."""
    bert = small_bert()
    assert unpack(bert).steps == bert.steps
