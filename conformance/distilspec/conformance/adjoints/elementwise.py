"""Reverse rules of functions of one element, and of two with broadcasting."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from distilspec.conformance.adjoints.rule import Applied, Pullback, Rule, summed_to
from distilspec.reference.arith import real
from distilspec.reference.contract.types import Float64Array


def _of_one(derivative: Callable[[Float64Array, Float64Array], Float64Array]) -> Rule:
    """Return the rule of y = f(x) whose derivative is ``derivative(x, y)``."""

    def rule(step: Applied) -> Pullback:
        return {0: lambda: step.cotangent * derivative(real(step.operands[0]), real(step.result))}

    return rule


def _of_two(
    first: Callable[[Float64Array, Float64Array], Float64Array],
    second: Callable[[Float64Array, Float64Array], Float64Array],
) -> Rule:
    """Return the rule of y = f(a, b) with the partial derivatives ``first(a, b)`` and ``second(a, b)``."""

    def rule(step: Applied) -> Pullback:
        a, b = (real(operand) for operand in step.operands)
        g = step.cotangent
        return {0: lambda: summed_to(g * first(a, b), a.shape), 1: lambda: summed_to(g * second(a, b), b.shape)}

    return rule


def _gelu_slope(x: Float64Array, _: Float64Array) -> Float64Array:
    return np.asarray(special.ndtr(x) + x * np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi))


def _gelu_tanh_slope(x: Float64Array, _: Float64Array) -> Float64Array:
    root = np.sqrt(2 / np.pi)
    t = np.tanh(root * (x + 0.044715 * x**3))
    return np.asarray(0.5 * (1 + t) + 0.5 * x * (1 - t * t) * root * (1 + 3 * 0.044715 * x * x))


def _silu_slope(x: Float64Array, _: Float64Array) -> Float64Array:
    s = special.expit(x)
    return np.asarray(s * (1 + x * (1 - s)))


relu = _of_one(lambda x, _: (x > 0).astype(np.float64))
tanh = _of_one(lambda _, y: 1 - y * y)
sigmoid = _of_one(lambda _, y: y * (1 - y))
silu = _of_one(_silu_slope)
gelu = _of_one(_gelu_slope)
gelu_tanh = _of_one(_gelu_tanh_slope)
erf = _of_one(lambda x, _: 2 / np.sqrt(np.pi) * np.exp(-x * x))
exp = _of_one(lambda _, y: y)
sqrt = _of_one(lambda _, y: 0.5 / y)
reciprocal = _of_one(lambda _, y: -y * y)
negate = _of_one(lambda x, _: -np.ones_like(x))
absolute = _of_one(lambda x, _: np.sign(x))

add = _of_two(lambda a, b: np.ones_like(a + b), lambda a, b: np.ones_like(a + b))
subtract = _of_two(lambda a, b: np.ones_like(a + b), lambda a, b: -np.ones_like(a + b))
multiply = _of_two(lambda _, b: b, lambda a, _: a)
divide = _of_two(lambda _, b: 1 / b, lambda a, b: -a / (b * b))
power = _of_two(
    lambda a, b: b * np.where(b == 0, 1.0, a) ** (b - 1),
    lambda a, b: a**b * np.log(np.maximum(a, np.finfo(np.float64).tiny)),
)
minimum = _of_two(lambda a, b: (a <= b).astype(np.float64), lambda a, b: (b < a).astype(np.float64))
maximum = _of_two(lambda a, b: (a >= b).astype(np.float64), lambda a, b: (b > a).astype(np.float64))


def where(step: Applied) -> Pullback:
    """Y = a where the condition holds, else b."""
    condition, a, b = step.operands
    return {
        1: lambda: summed_to(np.where(condition, step.cotangent, 0.0), a.shape),
        2: lambda: summed_to(np.where(condition, 0.0, step.cotangent), b.shape),
    }


def cast(step: Applied) -> Pullback:
    """Y = x for floats."""
    return {0: lambda: step.cotangent}
