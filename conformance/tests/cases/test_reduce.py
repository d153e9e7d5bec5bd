"""``reduced``: axes are cut and elements cleared while a call goes on failing."""

from __future__ import annotations

import numpy as np
import pytest

from distilspec.conformance.cases.asking import pose
from distilspec.conformance.cases.call import call
from distilspec.conformance.cases.reduce import reduced
from distilspec.reference.contract.errors import ContractError


def valid(made):
    """Return whether a call satisfies its operator's preconditions."""
    try:
        pose(made)
    except ContractError:
        return False
    return True


def test_one_bad_element_remains_alone():
    """Wherever it stands."""
    x = np.arange(7 * 3 * 5, dtype=np.float32).reshape(7, 3, 5)
    made = reduced(call("relu", x=x), lambda candidate: 97 in candidate.operands["x"])

    assert made.operands["x"].tolist() == [[[97]]]


def test_axes_that_belong_together_are_cut_together():
    """The features of x, weight and bias; the rows of x alone."""
    rng = np.random.default_rng(0)
    x, weight, bias = rng.normal(size=(6, 40)), rng.normal(size=40), rng.normal(size=40)
    weight[33] = 9
    start = call("layer_norm", x=np.float32(x), weight=np.float32(weight), bias=np.float32(bias), epsilon=1e-5)

    made = reduced(start, lambda candidate: valid(candidate) and 9 in candidate.operands["weight"])

    assert made.operands["x"].tolist() == [[0]]
    assert made.operands["weight"].tolist() == [9]
    assert made.operands["bias"].tolist() == [0]


def test_a_square_weight_is_cut_on_both_axes():
    """Its axes have one size, and belong to different axes of the others."""
    weight = np.ones((16, 16), np.float32)
    weight[11, 5] = 9
    start = call("linear", x=np.ones((4, 16), np.float32), weight=weight, bias=np.ones(16, np.float32))

    made = reduced(start, lambda candidate: valid(candidate) and 9 in candidate.operands["weight"])

    assert made.operands["weight"].tolist() == [[9]]
    assert made.operands["x"].shape == (1, 1)


def test_what_needs_a_length_keeps_it():
    """A bug beyond a multiple of 16 needs 17 elements, of which 16 are cleared."""
    start = call("relu", x=np.ones(63, np.float32))

    made = reduced(start, lambda candidate: candidate.operands["x"][16:].any())

    assert made.operands["x"].tolist() == [0] * 16 + [1]


def test_the_search_can_be_ended():
    """What ends it is the caller's."""

    def enough(candidate):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reduced(call("relu", x=np.ones(63, np.float32)), enough)
