"""Cases of ``quantized_block_sparse_linear``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st

from distilspec.conformance.cases import values
from distilspec.conformance.cases.call import Call, Case, Cases, Draft, call
from distilspec.conformance.cases.draw import Draw
from distilspec.conformance.cases.families.sparse import BLOCK_SHAPES, not_zero, packed, patterns, stored_blocks
from distilspec.conformance.cases.operators.matmul_integer import SATURATING
from distilspec.conformance.goldens.build import i8, u8
from distilspec.reference.contract.types import BoolArray

CASES = Cases("quantized_block_sparse_linear")
BOTH = "QBSL-S1 QBSL-S2"


def layer(new: Draft, stored: BoolArray, block_shape: tuple[int, int], rows: int = 3, **others: Any) -> Case:
    """Return a case of u8 activations with the zero point 131, and a bias, with some operands replaced."""
    outer, inner = stored.shape[0] * block_shape[0], stored.shape[1] * block_shape[1]
    operands = {
        "x": new.codes(np.uint8, rows, inner),
        "x_scale": np.float32(0.02),
        "x_zero_point": np.uint8(131),
        **packed(not_zero(new.codes(np.int8, outer, inner)), stored, block_shape),
        "weight_scale": new.scales(outer, low=-10, high=-6),
        "bias": new.reals(outer, size=4),
    }
    return new.case(**(operands | others))


def cases() -> Iterator[Case]:
    """Yield the boundary corpus: empty and full block rows, block shapes, saturating pairs, zero points, scales."""
    for name, aim, stored in patterns(Draw("quantized_block_sparse_linear")):
        for block_shape in ((4, 1), (4, 4), (16, 4), (3, 2)):
            out, columns = block_shape
            yield layer(CASES.named(f"{name}-{out}x{columns}", BOTH, aim), stored, block_shape)
    for out, columns in BLOCK_SHAPES:
        new = CASES.named(f"blocks-{out}x{columns}", BOTH, "elements of a block row by row")
        yield layer(new, new.units(3, 7) < 0.5, (out, columns))
    for rows in (0, 1, 2, 5, 7, 8, 9, 17, 33):
        new = CASES.named(f"rows-{rows}", BOTH, "the rows beyond the last full block")
        yield layer(new, new.units(3, 33) < 0.3, (4, 1), rows)
    for name, left, right in SATURATING:
        for blocks in (2, 3, 8, 17, 64):
            new = CASES.named(f"pairs-{name}-{blocks}", "QBSL-S2", "pairs of products beyond 16 bits, in two blocks")
            stored = np.zeros((3, blocks + 1), np.bool_)
            stored[0, :2], stored[1], stored[2, ::2] = True, True, True
            dense = np.full((12, blocks + 1), right, np.int8)
            x = np.full((2, blocks + 1), left, np.uint8)
            x[1, ::2] = 1
            operands: dict[str, Any] = {"x": x, "x_zero_point": np.uint8(0), **packed(dense, stored, (4, 1))}
            yield layer(new, stored, (4, 1), **operands)
    for zero_point in (*u8([0, 1, 128, 255]), *i8([-128, 0, 127])):
        name = f"{zero_point.dtype}-zero-point-{zero_point}"
        new = CASES.named(name, "QBSL-S2", "the zero point of stored terms only, beside an empty block row")
        stored = new.units(4, 17) < 0.4
        stored[1] = False
        yield layer(new, stored, (4, 1), x=new.codes(zero_point.dtype, 3, 17), x_zero_point=zero_point)
    new = CASES.named("no-bias", BOTH, "an absent bias: empty block rows give 0")
    stored = new.units(4, 9) < 0.4
    stored[2] = False
    yield layer(new, stored, (4, 1), bias=None)
    new = CASES.named("tokens", BOTH, "one scale a token, signed activations")
    stored = new.units(4, 9) < 0.4
    x, x_scale = new.codes(np.int8, 2, 3, 9), new.scales(2, 3, 1, low=-12, high=2)
    yield layer(new, stored, (4, 1), x=x, x_scale=x_scale, x_zero_point=np.int8(0))
    new = CASES.named("channel-scales", "QBSL-S2", "scales that differ inside a block row")
    scales = new.scales(16, low=-20, high=0)
    yield layer(new, stored, (4, 1), weight_scale=scales, bias=np.zeros(16, np.float32))
    new = CASES.named("long", BOTH, "a long block row, and an empty one")
    stored = new.units(2, 769) < 0.2
    stored[1] = False
    yield layer(new, stored, (4, 1))


@st.composite
def strategy(draw: st.DrawFn) -> Call:
    """Draw a pattern, a block shape and the operands."""
    stored, (out, columns) = stored_blocks(draw)
    outer, inner = stored.shape[0] * out, stored.shape[1] * columns
    shape, biased = (*values.leading(draw), inner), draw(st.booleans())
    codes, weights = values.codes(draw, values.choice(draw, (np.uint8, np.int8))), values.codes(draw, np.int8)
    scales, biases = values.scales(draw), values.palette(draw)
    operands: dict[str, Any] = {
        "x_scale": values.paint(draw, scales, ()),
        "x_zero_point": values.paint(draw, codes, ()),
        "weight_scale": values.paint(draw, scales, (outer,)),
        "bias": values.paint(draw, biases, (outer,)) if biased else None,
        **packed(values.paint(draw, weights[weights != 0], (outer, inner)), stored, (out, columns)),
        "x": values.paint(draw, codes, shape),
    }
    return call("quantized_block_sparse_linear", **operands)
