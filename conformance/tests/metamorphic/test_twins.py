"""The programs that relations make of a program: the same function, and a refusal where that cannot be had."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from distilspec.conformance.cases.models import model_subject
from distilspec.conformance.metamorphic import head_permutation, sparse_equals_dense, vocabulary_reduction
from distilspec.conformance.metamorphic.linears import read_linear, rewritten
from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.tracer import Builder

#: Every head, both families, and more than one attention head.
MODELS = [
    f"random-{family}-{number}" for number, family in zip((2, 3, 4, 5, 7, 12), ["bert", "distilbert"] * 3, strict=True)
]


@cache
def subject(name, recipe=Recipe.FP32, sparsity=0.0):
    """Return a small model under a recipe."""
    return model_subject(name, recipe, sparsity=sparsity)


def assert_same_function(program, twin, inputs, renumbered=None):
    """Check that outputs in float64 agree, but for the rounding of sums that were added in another order."""
    expected, got = program.run(ops, inputs), twin.run(ops, renumbered or inputs)
    for label, output in expected.items():
        np.testing.assert_allclose(got[label], output, rtol=0, atol=1e-12 * np.abs(output).max())


@pytest.mark.parametrize("recipe", Recipe)
@pytest.mark.parametrize("name", MODELS)
def test_heads_in_another_order_are_the_same_function(name, recipe):
    """HEAD-S1: every weight moves, and no output does."""
    chosen = subject(name, recipe)
    twin = head_permutation.permuted(chosen.program)

    assert twin.constants.keys() == chosen.program.constants.keys()
    moved = [key for key, array in twin.constants.items() if not np.array_equal(array, chosen.program.constants[key])]
    assert len(moved) >= 4 * chosen.model.config.num_layers
    assert_same_function(chosen.program, twin, chosen.batches["mixed"])


@pytest.mark.parametrize("recipe", [Recipe.FP32, Recipe.W8A8_STATIC])
def test_heads_of_block_sparse_weights_are_permuted_too(recipe):
    """HEAD-S1: the blocks are taken apart for it, and put together."""
    chosen = subject("random-distilbert-0", recipe, 0.5)

    assert_same_function(chosen.program, head_permutation.permuted(chosen.program), chosen.batches["mixed"])


@pytest.mark.parametrize("name", MODELS)
def test_a_smaller_vocabulary_is_the_same_function(name):
    """VOC-S1: exactly, and with every id in another place."""
    chosen = subject(name)
    for inputs in chosen.batches.values():
        twin, renumbered = vocabulary_reduction.reduced(chosen.program, inputs)
        used = np.unique(inputs["input_ids"])

        table = next(array for key, array in twin.constants.items() if key.endswith(".used"))
        assert len(table) == len(used)
        assert sorted(np.unique(renumbered["input_ids"])) == list(range(len(used)))
        assert not np.array_equal(np.sort(renumbered["input_ids"][0]), np.sort(inputs["input_ids"][0]))
        expected, got = chosen.program.run(ops, inputs), twin.run(ops, renumbered)
        assert all(np.array_equal(got[label], output) for label, output in expected.items())


@pytest.mark.parametrize("sparsity", [0.0, 0.75])
@pytest.mark.parametrize("recipe", [Recipe.FP32, Recipe.W8A8_STATIC, Recipe.W8A8_DYNAMIC, Recipe.W8A8_DYNAMIC_TOKEN])
def test_weights_in_blocks_and_with_zeros_are_the_same_function(recipe, sparsity):
    """SPD-S1: there are blocks to leave out, in every Linear of the encoder and in no other."""
    chosen = subject("random-distilbert-2", recipe, sparsity)
    sparse, dense = (sparse_equals_dense.form(chosen.program, packed=packed) for packed in (True, False))
    kinds = [[step.op for step in program.steps if "linear" in step.op] for program in (sparse, dense)]

    assert [kind.replace("linear", "block_sparse_linear") for kind in kinds[1] if "quantized" in kind] == [
        kind for kind in kinds[0] if "quantized" in kind
    ]
    assert "block_sparse_linear" not in "".join(kinds[1])
    assert sum("block_sparse" in kind for kind in kinds[0]) == 6 * chosen.model.config.num_layers
    names = [name for name in sparse.constants if name.endswith(".indptr")]
    assert all(0 < sparse.constants[name][-1] < _blocks(dense, name) for name in names)
    assert_same_function(sparse, dense, chosen.batches["mixed"])


def _blocks(dense, name):
    rows, columns = dense.constants[name.replace(".blocks.indptr", ".dense")].shape
    return rows * columns // (1 if rows % 4 else 4)


def tied():
    """Return a program of two Linears that share a weight."""
    builder = Builder("tied", {"x": TensorSpec("float", ("batch", 4))}, {"recipe": "fp32"})
    weight = builder.constant("weight", np.arange(16, dtype=np.float32).reshape(4, 4))
    (first,) = builder.emit("first", "linear", ["x", weight])
    (second,) = builder.emit("second", "linear", [first, weight])
    return builder.finish({"y": second})


def test_a_shared_weight_is_not_changed_behind_anybodys_back():
    """The other Linear would compute something else."""
    program = tied()
    first, second = (read_linear(program, step) for step in program.steps)
    turned = [3, 2, 1, 0]

    with pytest.raises(UnsupportedError, match="constant weight is shared with step second"):
        rewritten(program, [first.permuted(rows=turned)])
    with pytest.raises(UnsupportedError, match="constant weight is shared by Linears that differ"):
        rewritten(program, [first.permuted(rows=turned), second])
    assert rewritten(program, [first, second]).constants["weight"] is not None


def test_what_has_no_twin_is_refused_by_name():
    """No words, no heads, no blocks."""
    program = tied()

    with pytest.raises(UnsupportedError, match="has no attention with several heads"):
        head_permutation.permuted(program)
    with pytest.raises(UnsupportedError, match="no input of which words are looked up and nothing else"):
        vocabulary_reduction.reduced(program, {"x": np.zeros((1, 4))})
    with pytest.raises(UnsupportedError, match="no Linear with a constant weight that divides into blocks"):
        sparse_equals_dense.form(program.replace(steps=(), outputs={"y": "x"}, constants={}), packed=True)
