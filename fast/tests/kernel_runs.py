"""Running matrix products on ordinary matrices, by the interpreter or as machine code, for tests."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from rowwise_runs import by_token, run, shifted, tiled, untiled

from distilspec.fast.kernels.block_sparse import block_sparse, near_block_sparse
from distilspec.fast.kernels.codes import Layout, code_bytes
from distilspec.fast.kernels.dense import dense
from distilspec.fast.kernels.dense_matrix import dense_matrix
from distilspec.fast.kernels.epilogue import Epilogue
from distilspec.fast.kernels.layout import (
    code_type,
    packed_blocks,
    packed_float_panels,
    packed_panels,
    packed_squares,
    packed_steps,
    padded,
    tiled_factors,
    tiled_rows,
)
from distilspec.fast.kernels.linear import linear
from distilspec.fast.kernels.sparse_panels import sparse_panels

#: What buffers for floats hold where nothing may be written, and how many more floats than they need.
UNTOUCHED, SPARE = np.float32(-12345.0), 4096

#: The same for buffers of codes, in bytes.
NO_CODE = 0x55

ARRANGED = {Layout.FACTORS: tiled_factors, Layout.ROWS: tiled_rows}


def product(kernel, target, x, weight, *, machine=True, epilogue=None, parts=1, vectors=None, **operands):
    """
    Return what a kernel makes of x [tokens, K], codes of the specification or floats, and a weight [N, K].

    ``operands`` are w_scale and bias [N], x_scale and zero_point [tokens], the numbers out_scale and out_zero_point,
    and residual [tokens, N], all that are not given 0 or 1. The rows are computed in ``parts`` calls. Floats are
    [tokens, N], codes [tiles, codes of a tile] as they are held.
    """
    epilogue = epilogue or Epilogue()
    tokens, features = len(x), len(weight)
    tiles = padded(tokens, target.tile) // target.tile
    given = {
        "sums": weight.astype(np.int64).sum(axis=1).astype(np.int32), "w_scale": np.ones(features, np.float32),
        "bias": np.zeros(features, np.float32), "x_scale": np.ones(tokens, np.float32),
        "zero_point": np.zeros(tokens, np.int32), "residual": np.zeros((tokens, features), np.float32),
        "out_scale": 1.0, "out_zero_point": 0,
    } | operands  # fmt: skip
    given["zero_point"] = given["zero_point"].astype(np.int32) - np.int32(shifted(target))
    given["out_zero_point"] -= shifted(target)
    for name in ("x_scale", "zero_point"):
        given[name] = by_token(given[name], target, 1)
    given["residual"] = tiled(given["residual"], target)
    written = tiles * features * target.tile
    given["out"] = np.full(written + (SPARE if machine else 0), UNTOUCHED)
    size = tiles * code_bytes(target, epilogue.codes, features) if epilogue.codes else 0
    given["out_codes"] = np.full(size + (SPARE if machine else 0), NO_CODE, np.uint8)

    function_of, own, units = _prepared(kernel, target, x, weight)
    named = {"features": features, "tiles": tiles} | given | own
    variant = (vectors or target.dot, epilogue)
    names = [parameter.name for parameter in function_of(target, *variant).parameters[:-2]]
    for first, last in pairwise(units * part // parts for part in range(parts + 1)):
        run(function_of, target, variant, machine, *(named[name] for name in names), first, last)

    assert (given["out"][written:] == UNTOUCHED).all(), "floats beyond the buffer"
    assert (given["out_codes"][size:] == NO_CODE).all(), "codes beyond the buffer"
    if epilogue.codes:
        assert (given["out"] == UNTOUCHED).all(), "floats besides codes"
        return given["out_codes"][:size].view(code_type(target)).reshape(tiles, -1)
    return untiled(given["out"][:written].reshape(tiles, features, target.tile), tokens, features)


def _prepared(kernel, target, x, weight):
    """Return a kernel, its own operands, and how many units of work there are."""
    if kernel == "linear":
        panels = packed_float_panels(weight, target)
        return linear, {"x": tiled(x, target), **panels.operands}, panels.units
    codes = x - shifted(target)
    if kernel == "dense":
        panels = packed_panels(weight, target)
        return dense, {"codes": tiled_factors(codes, target), **panels.operands, "block": 1}, panels.units
    if kernel == "dense_matrix":
        squares = packed_squares(weight, target)
        return dense_matrix, {"codes": tiled_factors(codes, target), **squares.operands, "block": 1}, squares.units
    if kernel == "sparse_panels":
        panels = packed_steps(weight, target)
        return sparse_panels, {"codes": tiled_factors(codes, target), **panels.operands}, panels.units
    blocks = packed_blocks(weight, target)
    arrays = {"weights": blocks.weights, "columns": blocks.columns, "starts": blocks.starts}
    function_of = near_block_sparse if kernel == "near_block_sparse" else block_sparse
    return function_of, {"codes": tiled_rows(codes, target), **arrays, "inputs": x.shape[1]}, blocks.units


def exact(codes, weight, zero_point=0):
    """Return the sums in Python's integers, as float32 where they are small enough to be exact."""
    wide = (codes.astype(object) - zero_point) @ weight.astype(object).T
    assert all(abs(value) < 2**24 for row in wide for value in row)
    return wide.astype(np.float32)
