"""
Legitimate float32 arithmetic, written without anything of ours: sums in several orders, and inputs that hurt them.

Every array is float32 and every operation rounds once, unless its name says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from hypothesis import strategies as st

TINY = np.float32(2.0**-126)


def left_to_right(terms):
    """Add along the last axis from the first term to the last."""
    if terms.shape[-1] == 0:
        return np.zeros(terms.shape[:-1], np.float32)
    return np.add.accumulate(terms, axis=-1, dtype=np.float32)[..., -1]


def right_to_left(terms):
    """Add along the last axis from the last term to the first."""
    return left_to_right(terms[..., ::-1])


def pairwise(terms):
    """Add halves of the last axis, recursively."""
    n = terms.shape[-1]
    return left_to_right(terms) if n < 2 else pairwise(terms[..., : n // 2]) + pairwise(terms[..., n // 2 :])


def in_lanes(terms, lanes=8):
    """Add in ``lanes`` partial sums, as a vector register does, and add those at the end."""
    padding = -terms.shape[-1] % lanes
    padded = np.concatenate([terms, np.zeros((*terms.shape[:-1], padding), np.float32)], axis=-1)
    rows = padded.reshape(*terms.shape[:-1], -1, lanes)
    return left_to_right(left_to_right(np.swapaxes(rows, -1, -2)))


def flushed(array):
    """Return zero, with the same sign, in place of every subnormal number."""
    return np.where(np.abs(array) < TINY, np.copysign(np.float32(0), array), array)


def flushing(terms):
    """Add from the left, with every operand and every partial sum flushed to zero when it is subnormal."""
    total = np.zeros(terms.shape[:-1], np.float32)
    for index in range(terms.shape[-1]):
        total = flushed(total + flushed(terms[..., index]))
    return total


SUMS: dict[str, Callable] = {
    "left to right": left_to_right,
    "right to left": right_to_left,
    "pairwise": pairwise,
    "in lanes": in_lanes,
    "flushing": flushing,
}


def dots(a, b) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the products of the rows of ``a`` [m, k] with those of ``b`` [n, k] by every legitimate way."""
    products = a[:, np.newaxis, :] * b[np.newaxis, :, :]
    for name, add in SUMS.items():
        yield name, add(products)
    yield "BLAS", a @ b.T
    yield "fused multiply and add", fused_dot(a, b)


def fused_dot(a, b):
    """Return row products where each step is one fused multiply and add; the float64 product is exact."""
    total = np.zeros((len(a), len(b)), np.float32)
    for k in range(a.shape[-1]):
        exact = a[:, np.newaxis, k].astype(np.float64) * b[np.newaxis, :, k].astype(np.float64)
        total = (total + exact).astype(np.float32)
    return total


def sloppy(function, ulps=7.5):
    """Return ``function`` rounded to float32 after being off by ``ulps`` units in the last place, up or down."""

    def evaluate(x, sign):
        with np.errstate(all="ignore"):
            exact = function(np.asarray(x, np.float64))
            ulp = np.spacing(np.minimum(np.abs(exact), 2.0**127).astype(np.float32))
            return (exact + sign * ulps * ulp.astype(np.float64)).astype(np.float32)

    return evaluate


KINDS = ("normal", "cancelling", "one large and many small", "mixed magnitudes", "subnormal", "integers", "offset")


@st.composite
def tensors(draw, *shape, kinds=KINDS, exponents=(-30, 30)):
    """Draw a float32 array of one of the kinds that hurt sums, scaled by a power of two."""
    kind, seed = draw(st.sampled_from(kinds)), draw(st.integers(0, 2**32 - 1))
    return make(kind, np.random.default_rng(seed), shape, draw(st.integers(*exponents)))


def make(kind, random, shape, exponent=0):
    """Return a float32 array of one kind."""
    x = random.standard_normal(shape)
    if kind == "cancelling" and x.size > 1:
        flat = x.ravel()
        half = flat.size // 2
        flat[half : 2 * half] = -flat[:half] * (1 + 2.0**-20 * random.standard_normal(half))
        x = random.permutation(flat).reshape(shape)
    elif kind == "one large and many small":
        x = np.where(np.arange(x.size).reshape(shape) % max(shape[-1] if shape else 1, 1) == 0, 1.0, 2.0**-24.01 * x)
    elif kind == "mixed magnitudes":
        x = x * 2.0 ** random.integers(-12, 12, shape)
    elif kind == "subnormal":
        return (x * 2.0**-128).astype(np.float32)
    elif kind == "integers":
        x = np.rint(3 * x)
    elif kind == "offset":
        x = x + 2.0 ** random.integers(0, 12)
    return (x * 2.0**exponent).astype(np.float32)


def within(bounded, signs):
    """Return a float32 array that uses ``signs`` (-1 to 1) of the errors of ``bounded``, whose value is float32."""
    moved = (bounded.value + signs * bounded.error).astype(np.float32)
    inside = np.abs(moved.astype(np.float64) - bounded.value) <= bounded.error
    return np.where(inside & (bounded.error > 0), moved, np.asarray(bounded.value, np.float32))
