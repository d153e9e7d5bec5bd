"""``mean_pool``: the mean of the tokens that the attention mask keeps."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.operands.mean_pool import expect_mean_pool
from distilspec.reference.contract.types import BoolArray, Float64Array, RealArray


def mean_pool(hidden_states: RealArray, attention_mask: BoolArray) -> Float64Array:
    """
    Average the kept tokens of every sequence.

    MEAN-C1  hidden_states is float32 or float64
    MEAN-C2  hidden_states has shape (batch, sequence, hidden_size)
    MEAN-C3  attention_mask is bool; True keeps a token
    MEAN-C4  attention_mask has shape (batch, sequence)
    MEAN-S1  count[b] = the number of kept tokens of sequence b   (exact)
    MEAN-S2  y[b, h] = (sum over the kept s of hidden_states[b, s, h]) / count[b]   (real numbers)
    MEAN-S3  what a masked token holds, NaN and infinities included, changes nothing
    MEAN-S4  a sequence without a kept token gives zeros

    Parameters
    ----------
    hidden_states : float [batch, sequence, hidden_size]
    attention_mask : bool [batch, sequence]

    Returns
    -------
    float64 [batch, hidden_size]
        Fresh memory.

    Raises
    ------
    DTypeError
        hidden_states is not floating point, or attention_mask not bool (MEAN-C1, MEAN-C3).
    ShapeError
        A shape differs (MEAN-C2, MEAN-C4).

    Accuracy
    --------
    Real value; a float32 runtime stays within gamma(count + 1) * (sum of |kept|) / count,
    derived in docs/derivations/mean_pool.md.

    Special values
    --------------
    At kept tokens, NaN and infinities follow IEEE 754 sums.

    Source
    ------
    Reimers, Gurevych, arXiv 1908.10084, section 3 (MEAN); sentence-transformers multiplies by the mask instead, which
    lets a masked NaN through, and divides by at least 1e-9, which gives MEAN-S4.

    Examples
    --------
    A masked NaN does not leak, and a sequence without a kept token is zero:

    >>> hidden_states = np.array([[[1.0], [4.0], [np.nan]], [[1.0], [2.0], [3.0]]])
    >>> mean_pool(hidden_states, np.array([[True, True, False], [False, False, False]])).tolist()
    [[2.5], [0.0]]
    """
    expect_mean_pool(hidden_states, attention_mask)  # MEAN-C1 to MEAN-C4
    count = attention_mask.sum(axis=1)[:, np.newaxis]  # MEAN-S1
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.sum(real(hidden_states), axis=1, where=attention_mask[:, :, np.newaxis])  # MEAN-S3
    y: Float64Array = total / np.maximum(count, 1)  # MEAN-S2, MEAN-S4
    return y
