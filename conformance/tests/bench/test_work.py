"""The work of a forward, and the least time that a machine needs for it."""

from __future__ import annotations

import pytest
from counted_program import ATTENTION, WEIGHTS, program

from distilspec.conformance.bench.work import Limits, Work, work_of
from distilspec.conformance.bench.workloads import Shape
from distilspec.reference.contract.recipes import Recipe


def test_a_float32_forward_multiplies_every_weight_with_every_token():
    """Five texts of seven tokens; a weight has four bytes and is read once."""
    assert work_of(program(), Shape(5, 7)) == Work(0, 5 * (7 * WEIGHTS + ATTENTION), 4 * WEIGHTS)


def test_under_an_int8_recipe_only_the_attention_is_float32():
    """A weight has one byte."""
    assert work_of(program(recipe=Recipe.W8A8_DYNAMIC), Shape(5, 7)) == Work(5 * 7 * WEIGHTS, 5 * ATTENTION, WEIGHTS)


def test_pruned_blocks_are_no_work():
    """Half of the blocks; the weights that are left come with the numbers of their columns."""
    work = work_of(program(0.5, Recipe.W8A8_DYNAMIC), Shape(1, 7))

    assert work.int8_products == 7 * WEIGHTS // 2
    assert work.weight_bytes > WEIGHTS // 2


def test_the_least_time_is_that_of_products_or_of_memory():
    """100 INT8 products at 50 a second and 30 float32 ones at 10 take 5 s, 60 bytes at 10 a second 6 s."""
    limits = Limits(1, "avx2", int8_products=50.0, float32_products=10.0, read_bytes=10.0)

    assert limits.seconds(Work(100, 30, 40)) == 5.0
    assert limits.seconds(Work(100, 30, 60)) == 6.0


@pytest.mark.parametrize("recipe", [Recipe.FP32, Recipe.W8A8_DYNAMIC_TOKEN])
def test_twice_the_texts_are_twice_the_products_and_the_same_weights(recipe):
    """Attention grows with the square of the tokens, and everything with the texts."""
    one, two = (work_of(program(recipe=recipe), Shape(batch, 9)) for batch in (1, 2))

    assert (two.int8_products, two.float32_products) == (2 * one.int8_products, 2 * one.float32_products)
    assert two.weight_bytes == one.weight_bytes
