"""
The exponential function of vectors, within 2 ulp.

x = n log 2 + r with n an integer and |r| <= log(2) / 2. log 2 is held in two parts, the first of which n multiplies
exactly (Cody and Waite 1980). exp(r) is its Taylor polynomial of degree 7, whose error is below 6e-9; 2^n is made of
its exponent bits. Below -87.33 the result is that of -87.33, 1.2e-38, so that no subnormal number arises; above 88.37
it is that of 88.37. Callers that need 0 or infinity there select it.
"""

from __future__ import annotations

from math import factorial

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.ir import Kind, Type, Value

LOWEST, HIGHEST = -87.33, 88.37

_LOG2_OF_E = 1.4426950408889634
#: The first 15 bits of log 2, and the rest.
_LOG_2 = (0.693145751953125, 1.428606765330187e-06)
_DEGREE = 7
_EXPONENT_BIAS, _MANTISSA_BITS = 127, 23


def exp(builder: Builder, x: Value) -> Value:
    """Write e to the power of every lane of ``x``."""
    inside = builder.min(builder.max(x, LOWEST), HIGHEST)
    n = builder.round(builder.mul(inside, _LOG2_OF_E))
    rest = inside
    for part in _LOG_2:
        rest = builder.fma(n, builder.number(-part, x.type.lanes), rest)
    total = builder.number(1 / factorial(_DEGREE), x.type.lanes)
    for power in reversed(range(_DEGREE)):
        total = builder.fma(total, rest, builder.number(1 / factorial(power), x.type.lanes))
    exponent = builder.shl(builder.add(builder.to_i32(n), _EXPONENT_BIAS), bits=_MANTISSA_BITS)
    result: Value = builder.mul(total, builder.bits_as(exponent, type=Type(Kind.F32, x.type.lanes)))
    return result
