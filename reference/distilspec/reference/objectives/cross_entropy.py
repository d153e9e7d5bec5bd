"""``cross_entropy``: the loss of hard labels."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import (
    expect,
    expect_dtype,
    expect_elements,
    expect_finite,
    expect_float,
    expect_shape,
)
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.types import Int64Array, RealArray
from distilspec.reference.objectives.loss import Loss, log_softmax

#: The label of a row that takes no part.
IGNORED = -100


def cross_entropy(logits: RealArray, labels: Int64Array) -> Loss:
    """
    Return the mean negative logarithm of the probability that the logits give to the labels.

    XE-C1  logits are float32 or float64, and finite
    XE-C2  logits are [rows, classes] with at least one class
    XE-C3  labels are int64 [rows], each a class, or -100: the row is ignored
    XE-C4  at least one row is not ignored
    XE-S1  log q = logits - log(sum of exp(logits)) for each row   (real numbers)
    XE-S2  value = -(sum of log q[row, label]) / n, over the n rows that are not ignored
    XE-S3  gradient = (q - onehot(label)) / n where the row is not ignored, else exactly 0

    Parameters
    ----------
    logits : float [rows, classes]
    labels : int64 [rows]

    Returns
    -------
    Loss
        Gradients: ``logits``, float64 [rows, classes], fresh memory.

    Raises
    ------
    DTypeError
        XE-C1, XE-C3.
    ShapeError
        XE-C2, XE-C3.
    RangeError
        Logits that are not finite (XE-C1), a label that is no class (XE-C3), nothing but ignored rows (XE-C4).

    Accuracy
    --------
    Real value, evaluated in float64.

    Special values
    --------------
    A row whose label has a probability below the smallest float64 keeps its finite loss.

    Source
    ------
    torch.nn.functional.cross_entropy, from which -100 comes. It answers NaN where XE-C4 refuses.

    Examples
    --------
    The mean is over the rows that take part, and a probability of exp(-1000) costs 1000:

    >>> loss = cross_entropy(np.array([[0.0, 1000.0], [5.0, 5.0]]), np.array([0, -100]))
    >>> loss.value, loss.gradients["logits"].tolist()
    (1000.0, [[-1.0, 1.0], [0.0, 0.0]])
    """
    expect_float("cross_entropy", "XE-C1", logits=logits)
    expect_shape("cross_entropy", "logits", logits, (None, None), why="a row is a decision", clause="XE-C2")
    expect_elements("cross_entropy", "logits", logits, why="a mean is taken", clause="XE-C2")
    expect_finite("cross_entropy", "logits", logits, why="probabilities are their ratios", clause="XE-C1")
    expect_dtype("cross_entropy", "labels", labels, ("int64",), why="they are indices", clause="XE-C3")
    expect_shape("cross_entropy", "labels", labels, logits.shape[:1], why="each row has one", clause="XE-C3")
    kept = labels != IGNORED
    classes = logits.shape[1]
    wrong = labels[kept & ((labels < 0) | (labels >= classes))]
    expect(
        wrong.size == 0,
        RangeError,
        "cross_entropy",
        seen=f"labels hold {wrong[0] if wrong.size else ''}",
        expected=f"0 to {classes - 1}, or {IGNORED}",
        why=f"there are {classes} classes",
        clause="XE-C3",
    )
    expect(
        bool(kept.any()),
        RangeError,
        "cross_entropy",
        seen="every row is ignored",
        expected="a row with a label",
        why="the mean of nothing is no number",
        clause="XE-C4",
    )
    rows = np.flatnonzero(kept)
    log_q = log_softmax(real(logits[rows]))  # XE-S1
    chosen = np.arange(rows.size), labels[rows]
    gradient = np.zeros(logits.shape)
    step = np.exp(log_q)
    step[chosen] -= 1
    gradient[rows] = step / rows.size  # XE-S3
    return Loss(-float(np.mean(log_q[chosen])), {"logits": gradient})  # XE-S2
