"""``scaled_dot_product_attention``: a weighted mean of values, weighted by how well keys match queries."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.operands.scaled_dot_product_attention import expect_scaled_dot_product_attention
from distilspec.reference.contract.types import BoolArray, Float64Array, RealArray
from distilspec.reference.ops.softmax import softmax


def scaled_dot_product_attention(
    query: RealArray, key: RealArray, value: RealArray, mask: BoolArray | None = None, *, scale: float
) -> Float64Array:
    """
    Average the values of the kept keys, weighted by the softmax of the scaled products of query and key.

    SDPA-C1  query, key and value are float32 or float64
    SDPA-C2  query has at least two axes
    SDPA-C3  key has shape (..., keys, head_dim), with the leading axes and the head_dim of query
    SDPA-C4  value has shape (..., keys, value_dim), with the leading axes and the keys of key
    SDPA-C5  mask, when given, is bool; True keeps a key for a query
    SDPA-C6  mask broadcasts against (..., queries, keys) without enlarging it
    SDPA-C7  scale is finite
    SDPA-S1  scores[..., q, k] = scale * (sum over d of query[..., q, d] * key[..., k, d])   (real numbers)
    SDPA-S2  weights = softmax(scores, mask) over the keys, as SM-S1 to SM-S5 say   (real numbers)
    SDPA-S3  y[..., q, v] = sum over the kept k of weights[..., q, k] * value[..., k, v]   (real numbers)
    SDPA-S4  what key and value hold at a masked key, NaN and infinities included, changes nothing
    SDPA-S5  a query without a kept key gives zeros

    Parameters
    ----------
    query : float [..., queries, head_dim]
    key : float [..., keys, head_dim]
    value : float [..., keys, value_dim]
    mask : bool, broadcasts to [..., queries, keys], optional
        Absent: every key is kept for every query.
    scale : float
        Usually 1 / sqrt(head_dim).

    Returns
    -------
    float64 [..., queries, value_dim]
        Fresh memory.

    Raises
    ------
    DTypeError
        An operand is not floating point, or mask not bool (SDPA-C1, SDPA-C5).
    ShapeError
        The shapes do not fit together (SDPA-C2, SDPA-C3, SDPA-C4, SDPA-C6).
    RangeError
        scale is infinite or NaN (SDPA-C7).

    Accuracy
    --------
    Real value. With size = the largest |scale| * (|query| @ |key|), y is here within
    (2 * (head_dim + 3) * size + 3 * keys + 24) * 2**-53 * (weights @ |value|) until weights are below 2**-1022;
    the bound of a float32 runtime is derived in docs/derivations/scaled_dot_product_attention.md.

    Special values
    --------------
    head_dim = 0 gives the mean of the kept values, keys = 0 gives zeros. At kept keys, NaN and infinities in scores
    follow softmax, those in value follow IEEE 754 sums and products.

    Source
    ------
    Vaswani and others, arXiv 1706.03762, equation 1; torch.nn.functional.scaled_dot_product_attention with a boolean
    mask. Hugging Face adds a large negative number instead of masking, which gives another answer to SDPA-S5.

    Examples
    --------
    The second key is masked for the first query only; its NaN stays there, although the weight 0 times NaN is NaN:

    >>> value = np.array([[3.0], [np.nan]])
    >>> mask = np.array([[True, False], [True, True], [False, False]])
    >>> scaled_dot_product_attention(np.ones((3, 2)), np.ones((2, 2)), value, mask, scale=0.5).tolist()
    [[3.0], [nan], [0.0]]
    """
    expect_scaled_dot_product_attention(query, key, value, mask, scale)  # SDPA-C1 to SDPA-C7
    with np.errstate(over="ignore", invalid="ignore"):
        scores = scale * (real(query) @ real(key).swapaxes(-1, -2))  # SDPA-S1
        weights = softmax(scores, mask)  # SDPA-S2, SDPA-S5
        if mask is None or np.isfinite(value).all():
            y: Float64Array = weights @ real(value)  # SDPA-S3
        else:  # a matrix product would add 0 * NaN
            products = weights[..., np.newaxis] * real(value)[..., np.newaxis, :, :]
            kept = np.broadcast_to(mask, scores.shape)[..., np.newaxis]
            y = np.sum(products, axis=-2, where=kept)  # SDPA-S3, SDPA-S4
    return y
