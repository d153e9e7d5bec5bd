"""
Legitimate float32 arithmetic, written without anything of ours: sums in several orders, and inputs that hurt them.

Every array is float32 and every operation rounds once, unless its name says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from hypothesis import strategies as st
from scipy import special


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


def in_blocks(terms, block=5):
    """Add blocks of ``block`` terms from the left, each from the left."""
    parts = [left_to_right(terms[..., start : start + block]) for start in range(0, terms.shape[-1], block)]
    return left_to_right(np.stack(parts, axis=-1)) if parts else left_to_right(terms)


def shuffled(terms):
    """Add in a random order, the same one for every row."""
    return left_to_right(terms[..., np.random.default_rng(terms.shape[-1]).permutation(terms.shape[-1])])


SUMS: dict[str, Callable] = {
    "left to right": left_to_right,
    "right to left": right_to_left,
    "pairwise": pairwise,
    "in lanes": in_lanes,
    "in blocks": in_blocks,
    "shuffled": shuffled,
}


def dots(a, b) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the products of the rows of ``a`` [..., m, k] with those of ``b`` [..., n, k] by every legitimate way."""
    products = a[..., :, np.newaxis, :] * b[..., np.newaxis, :, :]
    for name, add in SUMS.items():
        yield name, add(products)
    yield "BLAS", a @ b.swapaxes(-1, -2)
    yield "fused multiply and add", fused_dot(a, b)


def fused_dot(a, b):
    """Return row products where each step is one fused multiply and add; the float64 product is exact."""
    total = np.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-2]), np.float32)
    for k in range(a.shape[-1]):
        exact = a[..., :, np.newaxis, k].astype(np.float64) * b[..., np.newaxis, :, k].astype(np.float64)
        total = (total + exact).astype(np.float32)
    return total


def leaving(bounded, forms, *operands, **attributes) -> list[str]:
    """Return the names of the ``forms`` whose results leave ``bounded``, as written and flushing subnormal numbers."""
    return [name for name, got in _results(forms, operands, attributes) if not bounded.contains(got).all()]


def share_used(bounded, forms, *operands, **attributes) -> float:
    """Return the largest share of its error that an element of the results of ``forms`` uses; infinite outside."""
    largest = 0.0
    for _, got in _results(forms, operands, attributes):
        with np.errstate(all="ignore"):
            shares = np.abs(got.astype(np.float64) - bounded.value) / bounded.error
        shares = np.where(bounded.contains(got), np.nan_to_num(shares, nan=0.0), np.inf)
        largest = max(largest, float(shares.max(initial=0.0)))
    return largest


def _results(forms, operands, attributes) -> list[tuple[str, np.ndarray]]:
    with np.errstate(all="ignore"):
        results = list(forms(*operands, **attributes))
        with flushing() as supported:
            flushed = list(forms(*operands, **attributes)) if supported else []
    return results + [(f"{name}, flushing", got) for name, got in flushed]


@contextmanager
def flushing() -> Iterator[bool]:
    """Let this thread's processor read and write subnormal numbers as zero; says whether it can."""
    try:
        yield torch.set_flush_denormal(True)
    finally:
        torch.set_flush_denormal(False)


def sloppy(function, ulps=7.0):
    """
    Return ``function`` in float32 after being off by ``ulps`` units in the last place of the real result.

    Rounding adds half a unit, or a whole one where the result crosses a power of two: 8 with the default.
    """

    def evaluate(x, sign):
        with np.errstate(all="ignore"):
            exact = function(np.asarray(x, np.float64))
            _, exponent = np.frexp(np.minimum(np.abs(exact), 1 - 2.0**-53) if function in BELOW_ONE else exact)
            ulp = np.where(exact == 0, 0.0, np.ldexp(1.0, np.maximum(exponent, -125) - 24))
            return (exact + sign * ulps * ulp).astype(np.float32)

    return evaluate


#: Functions that never reach 1 in magnitude, although float64 cannot tell.
BELOW_ONE = (np.tanh, special.erf)


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
    with np.errstate(over="ignore"):
        moved = (bounded.value + signs * bounded.error).astype(np.float32)
    inside = np.abs(moved.astype(np.float64) - bounded.value) <= bounded.error
    return np.where(inside & (bounded.error > 0), moved, np.asarray(bounded.value, np.float32))
