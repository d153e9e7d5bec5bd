"""``cls_pool``: the first token of every sequence."""

from __future__ import annotations

import numpy as np

from distilspec.reference.contract.operands.cls_pool import expect_cls_pool
from distilspec.reference.contract.types import Float64Array, RealArray


def cls_pool(hidden_states: RealArray) -> Float64Array:
    """
    Take the first token of every sequence.

    CLS-C1  hidden_states is float32 or float64
    CLS-C2  hidden_states has shape (batch, sequence, hidden_size)
    CLS-C3  sequence >= 1
    CLS-S1  y[b, h] = hidden_states[b, 0, h]   (exact)

    Parameters
    ----------
    hidden_states : float [batch, sequence, hidden_size]

    Returns
    -------
    float64 [batch, hidden_size]
        Fresh memory.

    Raises
    ------
    DTypeError
        hidden_states is not floating point (CLS-C1).
    ShapeError
        hidden_states does not have three axes (CLS-C2), or there is no first token (CLS-C3).

    Accuracy
    --------
    Exact.

    Special values
    --------------
    NaN and infinities are copied. No mask applies: the first token is taken even where it is padding.

    Source
    ------
    Devlin and others, arXiv 1810.04805, section 3: the final hidden state of [CLS] stands for the sequence.

    Examples
    --------
    Other tokens do not take part, whatever they hold:

    >>> cls_pool(np.array([[[1.0, 2.0], [np.nan, np.inf]], [[3.0, 4.0], [5.0, 6.0]]])).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    expect_cls_pool(hidden_states)  # CLS-C1 to CLS-C3
    return np.array(hidden_states[:, 0], dtype=np.float64)  # CLS-S1
