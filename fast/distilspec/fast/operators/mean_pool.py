"""``mean_pool``: the mean of the tokens that the attention mask keeps."""

from __future__ import annotations

import numpy as np

from distilspec.fast.backends.space import spaced
from distilspec.fast.isa.host import host_target
from distilspec.fast.kernels.mean_pool import mean_pool as mean_pool_kernel
from distilspec.fast.operators.cls_pool import pooled
from distilspec.fast.operators.tiling import rounded
from distilspec.reference.contract.operands.mean_pool import expect_mean_pool
from distilspec.reference.contract.types import BoolArray, Float32Array, RealArray


def mean_pool(hidden_states: RealArray, attention_mask: BoolArray) -> Float32Array:
    """Return the operator ``mean_pool`` of operands that are rounded to float32, within its bound."""
    expect_mean_pool(hidden_states, attention_mask)
    batch, sequence = attention_mask.shape
    space = spaced(batch, sequence, host_target().tile)
    mask = np.asarray(attention_mask, np.uint8, order="C")
    return pooled(mean_pool_kernel, rounded(hidden_states), mask=mask, start=space.start, count=space.count)
