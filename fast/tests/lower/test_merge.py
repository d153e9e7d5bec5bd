"""Query, key and value are one product only where no other step needs them, and no bit depends on it."""

from __future__ import annotations

import numpy as np
import pytest

from distilspec.fast import Engine
from distilspec.fast.lower.fused import Linear
from distilspec.fast.lower.lower import lower
from distilspec.reference.contract.types import TensorSpec
from distilspec.reference.tracer import trace

#: Tokens of a sequence: more than a tile of any target has, so that keys lie in several.
TOKENS = 70

_GENERATOR = np.random.default_rng(0)
WEIGHTS = {
    "table": _GENERATOR.uniform(size=(9, 8)).astype(np.float32),
    **{name: _GENERATOR.normal(size=(8, 8)).astype(np.float32) for name in ("query", "key", "value", "other")},
}
IDS = _GENERATOR.integers(0, 9, (2, TOKENS))


def attended(function):
    """
    Return the program of attention of two heads; ``function`` makes its operands and further outputs.

    It takes the operators, the weights and rows that are not negative, so that ``relu`` leaves them as they are.
    """

    def model(ops, weights, input_ids):
        rows = ops.embedding(input_ids, weights["table"])
        operands, outputs = function(ops, weights, rows)
        split = [ops.reshape(operand, shape=(*rows.shape[:2], 2, 4)) for operand in operands]
        query, key, value = (ops.transpose(operand, axes=(0, 2, 1, 3)) for operand in split)
        context = ops.scaled_dot_product_attention(query, key, value, scale=0.5)
        joined = ops.reshape(ops.transpose(context, axes=(0, 2, 1, 3)), shape=(*rows.shape[:2], 8))
        return {"context": joined, **outputs}

    return trace("attended", model, {"input_ids": TensorSpec("int64", ("batch", "sequence"))}, WEIGHTS)


def three(ops, weights, rows):
    """Return query, key and value."""
    return [ops.linear(rows, weights[name]) for name in ("query", "key", "value")]


def products(program):
    """Return how many matrix products there are."""
    return sum(isinstance(step, Linear) for step in lower(program).steps)


def outputs_of(program):
    """Return the outputs by their labels, of the kernels."""
    with Engine(program, backend="native") as engine:
        return engine(IDS)


@pytest.fixture(scope="module")
def context():
    """Return what attention gives whose operands are one product."""
    program = attended(lambda *given: (three(*given), {}))
    assert products(program) == 1
    return outputs_of(program)["context"]


@pytest.mark.parametrize("which", range(3))
def test_an_operand_of_other_rows_is_a_product_of_its_own(which, context):
    """So are the others: their rows would be as wide as two of them, and those of the third not."""

    def model(ops, weights, rows):
        of = [rows, rows, rows]
        of[which] = ops.relu(rows)
        names = ("query", "key", "value")
        return [ops.linear(x, weights[name]) for x, name in zip(of, names, strict=True)], {}

    program = attended(model)
    assert products(program) == 3
    np.testing.assert_array_equal(outputs_of(program)["context"], context)


@pytest.mark.parametrize("which", range(3))
def test_an_operand_that_another_step_reads_is_a_product_of_its_own(which, context):
    """It reads whole rows."""

    def model(ops, weights, rows):
        operands = three(ops, weights, rows)
        return operands, {"operand": operands[which], "positive": ops.relu(operands[which])}

    program = attended(model)
    assert products(program) == 3
    outputs = outputs_of(program)
    np.testing.assert_array_equal(outputs["context"], context)
    np.testing.assert_array_equal(outputs["positive"], np.maximum(outputs["operand"], 0))


@pytest.mark.parametrize("which", range(3))
def test_an_operand_may_be_an_output(which, context):
    """It is a part of the one product."""

    def model(ops, weights, rows):
        operands = three(ops, weights, rows)
        return operands, {"operand": operands[which]}

    def alone(ops, weights, rows):
        operand = three(ops, weights, rows)[which]
        return [operand] * 3, {"operand": operand}

    program = attended(model)
    assert products(program) == 1
    outputs = outputs_of(program)
    np.testing.assert_array_equal(outputs["context"], context)
    np.testing.assert_array_equal(outputs["operand"], outputs_of(attended(alone))["operand"])


def test_a_product_between_them_stays_one():
    """Attention does not read it."""

    def model(ops, weights, rows):
        query, other, key, value = (ops.linear(rows, weights[name]) for name in ("query", "other", "key", "value"))
        return [query, key, value], {"other": other}

    assert products(attended(model)) == 4
