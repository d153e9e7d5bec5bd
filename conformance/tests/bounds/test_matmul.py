"""The bound of ``matmul``: safe for every order of summation, over leading axes too."""

from __future__ import annotations

import float32_forms
import numpy as np
from float32_arithmetic import leaving, tensors, within
from hypothesis import given
from hypothesis import strategies as st

from distilspec.conformance import bounds
from distilspec.conformance.bounds import Bounded


@given(tensors(2, 3, 17), tensors(1, 17, 4), st.floats(-26, 1), st.integers(0, 2**32 - 1))
def test_no_order_of_summation_leaves_the_bound(a, b, exponent, seed):
    """Exact operands, and operands anywhere inside their errors."""
    random = np.random.default_rng(seed)
    uncertain = [Bounded(x, 2.0**exponent * np.abs(x) * random.uniform(0, 1, x.shape)) for x in (a, b)]

    assert not leaving(bounds.matmul(a, b), float32_forms.matmul, a, b)
    for signs in (np.sign, lambda x: random.uniform(-1, 1, x.shape)):
        moved = [within(operand, signs(operand.value)) for operand in uncertain]
        assert not leaving(bounds.matmul(*uncertain), float32_forms.matmul, *moved)


def test_bugs_leave_the_bound():
    """A transposed operand, a dropped term and a float16 product."""
    a, b = np.random.default_rng(0).standard_normal((2, 8, 8)).astype(np.float32)
    bounded = bounds.matmul(a, b)

    assert bounded.contains(a @ b).all()
    assert not bounded.contains(a @ b.T).any()
    assert not bounded.contains(a[:, 1:] @ b[1:]).any()
    assert not bounded.contains((a.astype(np.float16) @ b.astype(np.float16)).astype(np.float32)).all()
