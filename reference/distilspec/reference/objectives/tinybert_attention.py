"""``tinybert_attention``: the student's attention scores are drawn to the teacher's."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_elements, expect_finite, expect_float, expect_shape
from distilspec.reference.contract.types import RealArray
from distilspec.reference.objectives.loss import Loss, expect_variant

#: The published code takes a score this small for one of a masked key.
MASKED_SCORE = -100.0


def tinybert_attention(student: RealArray, teacher: RealArray, *, variant: str = "paper") -> Loss:
    """
    Return the mean squared difference of two layers' attention scores, before the softmax.

    TBA-C1  student and teacher are float32 or float64, and finite
    TBA-C2  student is [batch, heads, queries, keys] with at least one of each, and teacher has its shape
    TBA-C3  variant is paper or code
    TBA-S1  code: a score of at most -100, on either side, is 0; paper: scores stand as they are
    TBA-S2  value = the mean of (student - teacher)**2 over all elements, padding included   (real numbers)
    TBA-S3  gradient = 2 * (student - teacher) / elements; exactly 0 where TBA-S1 replaced the student's score

    Parameters
    ----------
    student : float [batch, heads, queries, keys]
        query @ key.T / sqrt(head_dim). For the variant ``code``, with the additive mask -10000 in it.
    teacher : float [batch, heads, queries, keys]
    variant : str

    Returns
    -------
    Loss
        Gradients: ``student``, float64 [batch, heads, queries, keys], fresh memory.

    Raises
    ------
    DTypeError
        TBA-C1.
    ShapeError
        TBA-C2: student and teacher need the same number of heads.
    RangeError
        Scores that are not finite (TBA-C1), the variant (TBA-C3).

    Accuracy
    --------
    Real value, evaluated in float64.

    Special values
    --------------
    A mask of -infinity is refused: the difference of two infinities is no number.

    Source
    ------
    arXiv 1909.10351, equation 7, which compares unnormalised scores and does not speak of padding; the published code
    (task_distill.py, general_distill.py) adds TBA-S1 and keeps padding in the mean. The attention of one student layer
    is compared with that of the teacher layer in ``tinybert_layer_map``, and the losses of all layers are added.

    Examples
    --------
    Without TBA-S1, a key that only one side masks would outweigh everything else:

    >>> student, teacher = np.array([[[[1.0, -10000.0]]]]), np.array([[[[2.0, 0.0]]]])
    >>> [tinybert_attention(student, teacher, variant=variant).value for variant in ("paper", "code")]
    [50000000.5, 0.5]
    """
    expect_float("tinybert_attention", "TBA-C1", student=student, teacher=teacher)
    four = (None, None, None, None)
    expect_shape("tinybert_attention", "student", student, four, why="each head scores keys", clause="TBA-C2")
    expect_shape("tinybert_attention", "teacher", teacher, student.shape, why="heads are paired", clause="TBA-C2")
    expect_elements("tinybert_attention", "student", student, why="a mean is taken", clause="TBA-C2")
    for name, scores in (("student", student), ("teacher", teacher)):
        expect_finite("tinybert_attention", name, scores, why="differences are squared", clause="TBA-C1")
    expect_variant("tinybert_attention", variant, ("paper", "code"), clause="TBA-C3")
    compared = np.ones(student.shape, np.bool_)
    s, t = real(student), real(teacher)
    if variant == "code":
        compared = s > MASKED_SCORE
        s, t = np.where(compared, s, 0.0), np.where(t > MASKED_SCORE, t, 0.0)  # TBA-S1
    difference = s - t
    gradient = np.where(compared, 2 * difference / difference.size, 0.0)  # TBA-S3
    return Loss(float(np.mean(difference**2)), {"student": gradient})  # TBA-S2
