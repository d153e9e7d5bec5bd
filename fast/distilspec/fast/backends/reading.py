"""Codes as kernels hold them: what they differ by from a program's, and out of the layouts that kernels write."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.block_sparse import token_order
from distilspec.fast.kernels.codes import Layout
from distilspec.fast.kernels.layout import code_type

Array = NDArray[Any]


def code_shift(target: Target, *, signed: bool) -> int:
    """Return what is added to codes of a program, and to their zero points, ``signed`` ones or not, to be held."""
    return (128 if signed else 0) - (128 if target.signed_codes else 0)


def codes_of(memory: Array, layout: Layout, features: int, target: Target) -> Array:
    """Return the codes in a buffer of bytes as [rows, features], every row of every tile."""
    codes = memory.view(code_type(target))
    if layout is Layout.FACTORS:
        steps = -(-features // target.dot)
        by_token = codes.reshape(-1, steps, target.tile, target.dot).transpose(0, 2, 1, 3)
        return by_token.reshape(-1, steps * target.dot)[:, :features]
    tiles = codes.reshape(-1, features, target.tile)
    rows = np.empty_like(tiles)
    rows[:, :, token_order(target)] = tiles
    return rows.transpose(0, 2, 1).reshape(-1, features)
