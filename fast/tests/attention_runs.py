"""Running attention on ordinary tensors, by the interpreter or as machine code, for tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rowwise_runs import run, shifted

from distilspec.fast.kernels.attention import attention, scratch_bytes
from distilspec.fast.kernels.block_sparse import token_order
from distilspec.fast.kernels.codes import Layout, code_bytes
from distilspec.fast.kernels.key_list import key_list
from distilspec.fast.kernels.layout import code_type, padded

#: What a float holds where nothing may be written.
UNTOUCHED = np.float32(-12345.0)


@dataclass(frozen=True)
class Case:
    """query, key and value float32 [batch, heads, tokens, head_dim], mask bool [batch, tokens], and the scale."""

    query: np.ndarray
    key: np.ndarray
    value: np.ndarray
    mask: np.ndarray
    scale: np.float32

    @property
    def operands(self):
        """Return what the operator of the specification takes, its mask broadcast to scores."""
        return self.query, self.key, self.value, self.mask[:, np.newaxis, np.newaxis, :]


def case(seed, batch, heads, tokens, head_dim, density=1.0, magnitude=1.0):
    """Return a random case; at density 1 every key is kept."""
    random = np.random.default_rng(seed)
    query, key, value = random.standard_normal((3, batch, heads, tokens, head_dim)).astype(np.float32)
    mask = random.random((batch, tokens)) < density
    return Case(magnitude * query, key, value, mask, np.float32(head_dim**-0.5))


def attended(target, given, machine=True, *, order=None, calls=1, layout=None, out_scale=None, zero_point=None):
    """
    Return what the kernels make of a case: float32, or codes of the specification, [batch, heads, tokens, head_dim].

    Lanes without a token hold NaN. Units run in ``order``, in ``calls`` calls by as many workers; those that are not in
    it leave ``UNTOUCHED``. A worker leaves the scratch memory of the others as it was. ``out_scale`` float32 and
    ``zero_point`` uint8 are numbers.
    """
    batch, heads, tokens, head_dim = given.query.shape
    tile, lane = target.tile, 4
    tiles, features = padded(tokens, tile) // tile, heads * head_dim
    merged = np.full((batch, tiles * tile, 3, heads, head_dim), np.nan, np.float32)
    for which, operand in enumerate((given.query, given.key, given.value)):
        merged[:, :tokens, which] = operand.transpose(0, 2, 1, 3)
    merged = merged.reshape(batch * tiles, tile, 3 * features).transpose(0, 2, 1).copy()
    feature, rows = tile * lane, 3 * features * tile * lane

    keys, counts = np.zeros((batch, tokens), np.int64), np.zeros(batch, np.int64)
    run(key_list, target, (), machine, given.mask.astype(np.uint8), keys, counts, tokens, rows, 0, batch)

    if layout is None:
        out = np.full((batch * tiles, features, tile), UNTOUCHED)
        out_tile, out_feature = features * feature, feature
    else:
        out_tile, out_feature = code_bytes(target, layout, features), target.lanes * 4
        out = np.zeros(batch * tiles * out_tile, np.uint8)
    places = np.array(
        [
            [
                (b * tiles + t) * rows + h * head_dim * feature,
                b * tiles * rows + (heads + h) * head_dim * feature,
                b * tiles * rows + (2 * heads + h) * head_dim * feature,
                b * tokens * 8, b * 8, (b * tiles + t) * out_tile + h * head_dim * out_feature,
            ]
            for b in range(batch) for h in range(heads) for t in range(tiles)
        ],
        np.int64,
    )  # fmt: skip
    if order is not None:
        places = np.ascontiguousarray(places[order])
    size = scratch_bytes(target, tokens, head_dim, layout)
    scratch = np.full((calls, size), 0xFF, np.uint8)
    of_codes = () if layout is None else (float(out_scale), int(zero_point) - shifted(target))
    operands = (
        merged, merged, merged, keys, counts, places, out, scratch, float(given.scale), *of_codes, head_dim, size,
    )  # fmt: skip
    for worker in range(calls):
        of_others = np.delete(scratch, worker, axis=0)
        cuts = [len(places) * end // calls for end in (worker, worker + 1)]
        run(attention, target, (layout,), machine, *operands, *cuts, worker)
        assert (np.delete(scratch, worker, axis=0) == of_others).all()
    made = out if layout is None else _codes(target, layout, out, batch * tiles, features)
    by_row = made.transpose(0, 2, 1).reshape(batch, tiles * tile, heads, head_dim)
    return by_row[:, :tokens].transpose(0, 2, 1, 3)


def _codes(target, layout, out, tiles, features):
    """Return codes of the specification, [tile, feature, tile tokens]."""
    held = out.view(code_type(target)).astype(np.int64) + shifted(target)
    if layout is Layout.FACTORS:
        by_lane = held.reshape(tiles, features // target.dot, target.tile, target.dot)
        return by_lane.transpose(0, 1, 3, 2).reshape(tiles, features, target.tile)
    return held.reshape(tiles, features, target.tile)[:, :, np.argsort(token_order(target))]
