"""``layer_norm``: normalisation over the last axis."""

from __future__ import annotations

import numpy as np

from distilspec.fast.kernels.layer_norm import layer_norm as layer_norm_kernel
from distilspec.fast.operators.call import call
from distilspec.fast.operators.tiling import rounded, rows_of, tiled, untiled
from distilspec.reference.contract.operands.layer_norm import expect_layer_norm
from distilspec.reference.contract.types import Float32Array, RealArray


def layer_norm(x: RealArray, weight: RealArray, bias: RealArray, *, epsilon: float) -> Float32Array:
    """Return the operator ``layer_norm`` of operands that are rounded to float32, within its bound."""
    expect_layer_norm(x, weight, bias, epsilon)
    rows = rows_of(rounded(x))
    tiles = tiled(rows[np.newaxis])
    out = np.empty_like(tiles)
    operands = {"weight": rounded(weight), "bias": rounded(bias), "features": rows.shape[1], "epsilon": epsilon}
    call(layer_norm_kernel, None, units=len(tiles), x=tiles, out=out, **operands)
    return untiled(out, 1, len(rows)).reshape(x.shape)
