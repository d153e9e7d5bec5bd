"""``layer_norm``: normalisation over the last axis."""

from __future__ import annotations

import math

import numpy as np

from distilspec.fast.kernels.layer_norm import layer_norm as layer_norm_kernel
from distilspec.fast.operators.call import call
from distilspec.fast.operators.tiling import rounded, rows_of, tiled, untiled
from distilspec.reference.contract.checks import expect, expect_float, expect_rank, expect_shape
from distilspec.reference.contract.errors import RangeError, ShapeError
from distilspec.reference.contract.types import Float32Array, RealArray


def layer_norm(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float32Array:
    """Return the operator ``layer_norm`` of operands that are rounded to float32, within its bound."""
    expect_float("layer_norm", "LN-C1", x=x, weight=weight, bias=bias)
    expect_rank("layer_norm", "x", x, 1, why="the last axis is normalised", clause="LN-C2")
    n = x.shape[-1]
    expect(
        n > 0,
        ShapeError,
        "layer_norm",
        seen=f"x has shape {x.shape}",
        expected="at least 1 feature",
        why="a mean of nothing does not exist",
        clause="LN-C2",
    )
    expect_shape("layer_norm", "weight", weight, (n,), why=f"x has shape {x.shape}", clause="LN-C3")
    expect_shape("layer_norm", "bias", bias, (n,), why=f"x has shape {x.shape}", clause="LN-C3")
    expect(
        math.isfinite(epsilon) and epsilon >= 0,
        RangeError,
        "layer_norm",
        seen=f"epsilon is {epsilon}",
        expected="a finite number that is not negative",
        why="it is added to a variance",
        clause="LN-C4",
    )
    rows = rows_of(rounded(x))
    tiles = tiled(rows[np.newaxis])
    out = np.empty_like(tiles)
    operands = {"weight": rounded(weight), "bias": rounded(bias), "features": n, "epsilon": epsilon}
    call(layer_norm_kernel, None, units=len(tiles), x=tiles, out=out, **operands)
    return untiled(out, 1, len(rows)).reshape(x.shape)
