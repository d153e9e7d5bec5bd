"""``mean_pool``: the mean of the tokens that the attention mask keeps."""

from __future__ import annotations

import numpy as np

from distilspec.fast.backends.operations import spaced
from distilspec.fast.isa.host import host_target
from distilspec.fast.kernels.mean_pool import mean_pool as mean_pool_kernel
from distilspec.fast.operators.cls_pool import pooled
from distilspec.fast.operators.tiling import rounded
from distilspec.reference.contract.checks import expect_dtype, expect_float, expect_shape
from distilspec.reference.contract.types import BoolArray, Float32Array, RealArray


def mean_pool(hidden_states: RealArray, attention_mask: BoolArray) -> Float32Array:
    """Return the operator ``mean_pool`` of operands that are rounded to float32, within its bound."""
    expect_float("mean_pool", "MEAN-C1", hidden_states=hidden_states)
    why = "its axes are batch, sequence and hidden_size"
    expect_shape("mean_pool", "hidden_states", hidden_states, (None, None, None), why=why, clause="MEAN-C2")
    why = "True keeps a token"
    expect_dtype("mean_pool", "attention_mask", attention_mask, ("bool",), why=why, clause="MEAN-C3")
    why = f"hidden_states has shape {hidden_states.shape}"
    expect_shape("mean_pool", "attention_mask", attention_mask, hidden_states.shape[:2], why=why, clause="MEAN-C4")
    batch, sequence = attention_mask.shape
    space = spaced(batch, sequence, host_target().tile)
    mask = np.asarray(attention_mask, np.uint8, order="C")
    return pooled(mean_pool_kernel, rounded(hidden_states), mask=mask, start=space.start, count=space.count)
