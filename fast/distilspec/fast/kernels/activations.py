"""
Activation functions of vectors, each within the bound of its operator in docs/derivations.

NaN gives NaN, and infinities what the operator says: ``min`` and ``max`` take their constant first, because they return
their second operand where either is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import pi, sqrt

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import Value
from distilspec.fast.kernels.erf import EDGE, erf_of_half, polynomial
from distilspec.fast.kernels.exp import exp

#: tanh(x) = x P(x^2) / Q(x^2) on |x| <= 9.02, beyond which it is 1 - 2.9e-8 or more. P and Q are the fit of degree 4
#: with the smallest largest relative error, 2.1e-8, found as those of ``erf`` are. All coefficients are positive.
TANH_EDGE = 9.02
_NUMERATOR = (
    0.9999999790505425, 0.1337970680257169, 0.0034940212937441192, 2.0583264793861848e-05, 1.3318780982182222e-08,
)  # fmt: skip
_DENOMINATOR = (
    1.0, 0.4671302205373302, 0.02587102278597617, 0.0003283071183223419, 7.761898190271366e-07,
)  # fmt: skip

#: Below, gelu_tanh is 0: it is within 6e-9 of it, a hundredth of its bound.
GELU_ZERO = -6.0

#: Below, silu is 0: it is within 2e-36 of it.
SILU_ZERO = -87.0

#: The argument of gelu_tanh: _FACTOR (x + _CUBE x^3).
_FACTOR, _CUBE = sqrt(2 / pi), 0.044715


def gelu(builder: Builder, x: Value) -> Value:
    """Write x (1 + erf(x / sqrt 2)) / 2, and 0 from -``EDGE`` down, where the error function is -1 exactly."""
    above = builder.max(-EDGE, x)
    half = builder.mul(above, 0.5)
    result: Value = builder.fma(half, erf_of_half(builder, builder.min(EDGE, above)), half)
    return result


def gelu_tanh(builder: Builder, x: Value) -> Value:
    """Write x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2."""
    square = builder.mul(x, x)
    factor = builder.fma(square, *(builder.number(part, x.type.lanes) for part in (_CUBE * _FACTOR, _FACTOR)))
    half = builder.mul(x, 0.5)
    gate = tanh(builder, builder.mul(x, factor))
    return _zero_below(builder, GELU_ZERO, x, builder.fma(half, gate, half))


def _zero_below(builder: Builder, edge: float, x: Value, y: Value) -> Value:
    """Write ``y``, and 0 where ``x`` is less than ``edge``."""
    result: Value = builder.select(builder.less(x, edge), builder.zeros(x.type), y)
    return result


def tanh(builder: Builder, x: Value) -> Value:
    """Write the hyperbolic tangent, within 6 ulp."""
    inside = builder.min(TANH_EDGE, builder.max(-TANH_EDGE, x))
    square = builder.mul(inside, inside)
    numerator = builder.mul(inside, polynomial(builder, square, _NUMERATOR))
    result: Value = builder.div(numerator, polynomial(builder, square, _DENOMINATOR))
    return result


def sigmoid(builder: Builder, x: Value) -> Value:
    """Write 1 / (1 + exp(-x)), and NaN where x is, which ``exp`` does not keep."""
    result: Value = builder.select(builder.equal(x, x), builder.div(1.0, _one_and_exp(builder, x)), x)
    return result


def silu(builder: Builder, x: Value) -> Value:
    """Write x / (1 + exp(-x)), and 0 below ``SILU_ZERO``."""
    return _zero_below(builder, SILU_ZERO, x, builder.div(x, _one_and_exp(builder, x)))


def _one_and_exp(builder: Builder, x: Value) -> Value:
    """Write 1 + exp(-x)."""
    total: Value = builder.add(exp(builder, builder.sub(0.0, x)), 1.0)
    return total


def relu(builder: Builder, x: Value) -> Value:
    """Write max(x, 0)."""
    result: Value = builder.max(0.0, x)
    return result


#: By the name of the operator.
ACTIVATIONS: Mapping[str, Callable[[Builder, Value], Value]] = {
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "relu": relu,
    "sigmoid": sigmoid,
    "silu": silu,
    "tanh": tanh,
}
