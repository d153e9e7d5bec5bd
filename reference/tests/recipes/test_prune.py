"""``prune``: blocks and numbers, and sparse programs against the same programs with explicit zeros."""

from __future__ import annotations

import numpy as np
import pytest
from encoders import LINEARS, batch, one_linear, small_bert
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusal import refused

from distilspec.reference import ops
from distilspec.reference.contract.errors import RangeError, ShapeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.recipes import apply_recipe, calibrate, prune

BLOCK_SHAPES = [(4, 1), (4, 4), (16, 4)]


@pytest.fixture(scope="module")
def bert():
    """Return a small random BERT."""
    return small_bert()


@pytest.mark.parametrize("recipe", Recipe)
@pytest.mark.parametrize("block_shape", BLOCK_SHAPES)
def test_sparse_equals_dense_with_zeros_bit_for_bit(bert, block_shape, recipe):
    """Design section 4, 9: every tensor that both programs have, codes and scales included."""
    inputs = batch()
    packed, dense = (prune(bert, sparsity=0.8, block_shape=block_shape, pack=pack) for pack in (True, False))
    ranges = calibrate(dense, [inputs], recipe=Recipe.W8A8_STATIC_ATTN)
    assert calibrate(packed, [inputs], recipe=Recipe.W8A8_STATIC_ATTN) == ranges

    sparse, explicit = (apply_recipe(program, recipe, calibration=ranges) for program in (packed, dense))

    assert list(sparse.tensors) == list(explicit.tensors)
    ours = sparse.run(ops, inputs, keep=list(sparse.tensors))
    theirs = explicit.run(ops, inputs, keep=list(explicit.tensors))
    assert any("block_sparse" in step.op for step in sparse.steps) == (recipe is not Recipe.W8A32)
    assert not any("block_sparse" in step.op for step in explicit.steps)
    for name, value in ours.items():
        assert value.dtype == theirs[name].dtype
        assert value.tobytes() == theirs[name].tobytes(), name


@given(hnp.arrays(np.float32, (8, 12), elements=st.floats(-4, 4, width=16)), st.floats(0, 1), st.booleans())
def test_a_pruned_weight_is_the_weight_under_its_mask(weight, sparsity, pack):
    """The exact number of blocks is +0, also where a weight is negative; the others keep every bit."""
    pruned = prune(one_linear(weight, None), sparsity=sparsity, block_shape=(4, 3), pack=pack).constants

    if pack:
        parts = (pruned[f"dense.weight.{field}"] for field in ("data", "indices", "indptr"))
        after = ops.unpack_block_sparse(*parts, in_features=12)
    else:
        after = pruned["dense.weight"]
    mask = ops.block_magnitude_mask(weight, block_shape=(4, 3), sparsity=sparsity)
    assert (~mask).sum() == 12 * round(sparsity * 8)
    assert after[mask].tobytes() == weight[mask].tobytes()
    assert not after[~mask].view(np.int32).any()


@pytest.mark.parametrize("block_shape", BLOCK_SHAPES)
def test_every_encoder_weight_loses_its_share(bert, block_shape):
    """Each Linear by itself; embeddings and head are untouched; the program says what it is."""
    pruned = prune(bert, sparsity=0.75, block_shape=block_shape)

    for name in LINEARS:
        data = pruned.constants[f"{name}.weight.data"]
        assert data.shape[1:] == block_shape
        assert data.size * 4 == bert.constants[f"{name}.weight"].size
        assert f"{name}.weight" not in pruned.constants
    assert [step.name for step in pruned.steps if step.op == "block_sparse_linear"] == list(LINEARS)
    assert [step.name for step in pruned.steps] == [step.name for step in bert.steps]
    assert pruned.tensors == bert.tensors
    assert pruned.constants["classifier.weight"] is bert.constants["classifier.weight"]
    assert pruned.properties == {"recipe": "fp32", "sparsity": "0.75", "block_shape": str(block_shape)}


def test_a_mapping_prunes_the_named_linears_alone(bert):
    """A sparsity for each of some steps."""
    shares = {LINEARS[0]: 0.5, LINEARS[4]: 0.9}

    pruned = prune(bert, sparsity=shares, block_shape=(4, 1))

    assert [step.name for step in pruned.steps if step.op == "block_sparse_linear"] == list(shares)
    assert pruned.properties["sparsity"] == "0.5 to 0.9"
    mixed = apply_recipe(pruned, "w8a8-dynamic")
    assert sum(step.op == "quantized_linear" for step in mixed.steps) == len(LINEARS) - 2
    assert sum(step.op == "quantized_block_sparse_linear" for step in mixed.steps) == 2


def test_a_pruned_weight_has_the_code_zero(bert):
    """Design section 4, 3: symmetric weights have no other code for 0."""
    dense = prune(bert, sparsity=0.8, block_shape=(4, 1), pack=False)
    codes = apply_recipe(dense, "w8a8-dynamic").constants

    for name in LINEARS:
        assert not codes[f"{name}.weight.codes"][dense.constants[f"{name}.weight"] == 0].any()


@pytest.mark.parametrize("recipe", ["w8a8-dynamic", "w8a8-dynamic-token", "w8a32"])
def test_a_matrix_without_blocks_gives_the_bias(recipe):
    """Sparsity 1 in every recipe."""
    bias = np.float32([1, 2, 3, 4])
    program = apply_recipe(prune(one_linear(np.ones((4, 2), np.float32), bias), sparsity=1, block_shape=(4, 1)), recipe)

    assert program.run(ops, {"x": np.ones((1, 2, 2), np.float32)})["y"].tolist() == [[[1, 2, 3, 4]] * 2]


ONES = np.ones((8, 6), np.float32)


@pytest.mark.parametrize(
    ("weight", "sparsity", "block_shape", "error", "match"),
    [
        (ONES, 0.5, (3, 1), ShapeError, "step dense: weight dense.weight: .*BMM-C2"),
        (ONES, 0.5, (0, 1), ShapeError, "BMM-C2"),
        (ONES, 1.5, (4, 1), RangeError, "step dense: weight dense.weight: .*BMM-C3"),
        (ONES, {"dense": -0.5}, (4, 1), RangeError, "BMM-C3"),
        (ONES, {"other": 0.5}, (4, 1), UnsupportedError, "other is to be pruned; expected an encoder Linear: dense"),
        (ONES, {}, (4, 1), UnsupportedError, "nothing is to be pruned"),
        (ONES * np.float32(np.nan), 0.5, (4, 1), RangeError, "step dense: weight dense.weight: .*BMM-C1"),
    ],
)
def test_bad_arguments_are_refused_in_one_line_that_names_the_tensor(weight, sparsity, block_shape, error, match):
    """No half-made program comes back."""
    with refused(error, match):
        prune(one_linear(weight, None), sparsity=sparsity, block_shape=block_shape)


def test_programs_that_are_packed_or_quantised_are_refused():
    """Pruning starts from dense real weights."""
    program = one_linear(ONES, None)

    with refused(UnsupportedError, "step dense: its weight is packed already"):
        prune(prune(program, sparsity=0.5, block_shape=(4, 1)), sparsity=0.5, block_shape=(4, 1))
    with refused(UnsupportedError, "its recipe is w8a8-dynamic; expected fp32"):
        prune(apply_recipe(program, "w8a8-dynamic"), sparsity=0.5, block_shape=(4, 1))
