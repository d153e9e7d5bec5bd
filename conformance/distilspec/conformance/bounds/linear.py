"""Bound of ``linear``: docs/derivations/linear.md."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.bounds.bounded import Bounded, Operand, read, result
from distilspec.conformance.bounds.matmul import moved_product
from distilspec.conformance.bounds.model import gamma, rounding
from distilspec.reference import ops as reference
from distilspec.reference.arith import real


@np.errstate(all="ignore")
def linear(x: Operand, weight: Operand, bias: Operand | None = None) -> Bounded:
    """
    Bound a product with a transposed weight and a bias, summed in any order.

    The real result moves by e_x @ |W|.T + (|x| + e_x) @ e_W.T + e_b; to it comes gamma(K + 1), or gamma(K) without a
    bias, of (|x| + e_x) @ (|W| + e_W).T + |b| + e_b.
    """
    x, weight = read(x), read(weight)
    moved, magnitude = moved_product(x, Bounded(weight.value.T, weight.error.T))
    terms = x.shape[-1]
    if bias is None:
        value = reference.linear(x.value, weight.value)
    else:
        bias = read(bias)
        value = reference.linear(x.value, weight.value, bias.value)
        terms += 1
        moved, magnitude = moved + bias.error, magnitude + np.abs(real(bias.value)) + bias.error
    error = moved + rounding(magnitude, gamma(terms), 2 * terms)
    operands = (x, weight) if bias is None else (x, weight, bias)
    return result(value, error, magnitude * (1 + gamma(terms)), *operands)
