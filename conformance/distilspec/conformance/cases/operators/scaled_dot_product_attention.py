"""Cases of ``scaled_dot_product_attention``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, Draft, call
from distilspec.conformance.goldens.build import boolean, i64

CASES = Cases("scaled_dot_product_attention")
FORMULA = "SDPA-S1 SDPA-S2 SDPA-S3"


def heads(
    new: Draft, queries: int, keys: int, head_dim: int, value_dim: int, size: float = 1.0, **others: object
) -> Case:
    """Return a case of 2 sequences with 3 heads, at the usual scale unless another is given."""
    return new.case(
        query=new.reals(2, 3, queries, head_dim, size=size),
        key=new.reals(2, 3, keys, head_dim, size=size),
        value=new.reals(2, 3, keys, value_dim),
        **{"scale": head_dim**-0.5, **others},
    )


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: tails in every direction, scales, large scores, masks of all kinds, infinities."""
    for size in (2, *values.TAILS[1:], 129):
        new = CASES.named(f"keys-{size}", FORMULA, "the keys beyond the last full vector or block")
        yield heads(new, 3, size, 8, 4)
    for size in values.FEW_TAILS:
        yield heads(CASES.named(f"queries-{size}", FORMULA, "the queries beyond the last full block"), size, 5, 8, 4)
        yield heads(CASES.named(f"head-{size}", FORMULA, "the terms beyond the last full vector"), 3, 5, size, 4)
        yield heads(CASES.named(f"value-{size}", FORMULA, "the outputs beyond the last full vector"), 3, 5, 8, size)
    yield heads(CASES.named("head-64-keys-128", FORMULA, "the sizes of encoders"), 4, 128, 64, 64)
    yield heads(CASES.named("one-key", "SDPA-S3", "a single key has the weight 1"), 3, 1, 8, 4)
    new = CASES.named("no-keys", "SDPA-S5", "no keys at all")
    query, key, value = np.ones((1, 3, 4)), np.ones((1, 0, 4)), np.ones((1, 0, 2))
    yield new.case(query=np.float32(query), key=np.float32(key), value=np.float32(value), scale=0.5)
    for scale in (0.0, 1.0, 0.3, -0.5, 3.0):
        new = CASES.named(f"scale-{scale:g}", "SDPA-S1", "the scale that is asked for, applied once")
        yield heads(new, 3, 7, 8, 4, scale=scale)
    for level in (8.0, 40.0):
        new = CASES.named(f"scores-{level:g}", "SDPA-S2", "scores beyond 88, where exp overflows")
        yield heads(new, 4, 9, 8, 5, size=level)
    for name, shape in (("two-axes", ()), ("three-axes", (3,)), ("five-axes", (2, 1, 2))):
        new = CASES.named(name, FORMULA, "any number of axes before the last two")
        tensors = {"query": new.reals(*shape, 3, 8), "key": new.reals(*shape, 5, 8), "value": new.reals(*shape, 5, 4)}
        yield new.case(**tensors, scale=0.25)
    yield from _masks()


def _masks() -> Iterator[Case]:
    lengths = i64([5, 9]).reshape(2, 1, 1, 1)
    new = CASES.named("mask-padding", "SDPA-S2 SDPA-S3", "padding at the end of one sequence")
    yield heads(new, 4, 9, 8, 4, mask=np.arange(9) < lengths)
    new = CASES.named("mask-causal", "SDPA-S2 SDPA-S3", "each query sees the keys up to its own")
    yield heads(new, 7, 7, 8, 4, mask=np.tri(7, dtype=np.bool_))
    new = CASES.named("mask-any", "SDPA-S2 SDPA-S3", "a mask of its own for each head and query")
    mask = new.mask(2, 3, 5, 17)
    mask[..., 0] = True
    yield heads(new, 5, 17, 8, 4, mask=mask)
    new = CASES.named(
        "mask-square", "SDPA-S2", "as many queries as keys, so that a mask could be read as if transposed"
    )
    mask = new.mask(2, 1, 6, 6) | np.eye(6, dtype=np.bool_)
    yield heads(new, 6, 6, 8, 4, mask=mask)
    new = CASES.named("masked-is-largest", "SDPA-S2", "what is masked exceeds the rest by more than 10000")
    mask = np.ones((2, 1, 1, 9), np.bool_)
    mask[..., [2, 8]] = False
    query, key, value = new.reals(2, 3, 4, 8), new.reals(2, 3, 9, 8), new.reals(2, 3, 9, 4)
    key[:, :, [2, 8]] = query[:, :, :1] * np.float32(1e6)
    yield new.case(query=query, key=key, value=value, mask=mask, scale=0.5)
    for name, place in (("values", 2), ("keys", 1)):
        new = CASES.named(
            f"masked-special-{name}", "SDPA-S4", f"NaN and infinities in masked {name}, in one place each"
        )
        operands = [new.reals(2, 3, 4, 8), new.reals(2, 3, 9, 8), new.reals(2, 3, 9, 4)]
        operands[place][:, 0, 2, 0], operands[place][:, 2, 8, 3] = np.nan, np.inf
        query, key, value = operands
        yield new.case(query=query, key=key, value=value, mask=mask, scale=0.5)
    new = CASES.named("all-masked", "SDPA-S5", "queries without a kept key, among others")
    mask = new.mask(2, 1, 6, 9)
    mask[..., [0, 3], :], mask[..., [1, 2, 4, 5], 0] = False, True
    yield heads(new, 6, 9, 8, 4, mask=mask)
    new = CASES.named("sequence-masked", "SDPA-S5", "a sequence without a kept key, beside another")
    yield heads(new, 3, 5, 8, 4, mask=boolean([False, True]).reshape(2, 1, 1, 1))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a few queries, and many keys or long heads; with a mask or without."""
    leading, queries = values.leading(draw), values.narrow_size(draw)
    keys, head_dim = values.wide_and_narrow(draw)
    value_dim, scale = values.narrow_size(draw), values.choice(draw, (1.0, 0.125, 0.5, 0.3))
    masked = draw(st.booleans())
    scores, contents = values.palette(draw, ("whole", "ordinary")), values.palette(draw, values.NOT_EXTREME)
    shape = values.some_ones(draw, (*leading, queries, keys))
    mask = values.masks(draw, shape) if masked else None
    query = values.paint(draw, scores, (*leading, queries, head_dim))
    key = values.paint(draw, scores, (*leading, keys, head_dim))
    value = values.paint(draw, contents, (*leading, keys, value_dim))
    return call("scaled_dot_product_attention", query=query, key=key, value=value, mask=mask, scale=scale)
