"""``distilbert_cosine``: the student's hidden states are turned towards the teacher's."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_elements, expect_finite, expect_float, expect_shape
from distilspec.reference.contract.types import RealArray
from distilspec.reference.objectives.loss import Loss

#: Added to a squared length, so that a zero vector has an angle.
EPSILON = 1e-12


def distilbert_cosine(student: RealArray, teacher: RealArray) -> Loss:
    """
    Return the mean of one minus the cosine of the angle between each token's two hidden states.

    COS-C1  student and teacher are float32 or float64, and finite
    COS-C2  student is [tokens, hidden_size] with at least one of each, and teacher has its shape
    COS-S1  a = sum of student**2 + 1e-12 and b = sum of teacher**2 + 1e-12, for each token   (real numbers)
    COS-S2  cosine = (sum of student * teacher) / sqrt(a * b)
    COS-S3  value = the mean of 1 - cosine over the tokens
    COS-S4  gradient = (cosine * student / a - teacher / sqrt(a * b)) / tokens

    Parameters
    ----------
    student : float [tokens, hidden_size]
        Only tokens that are not padding.
    teacher : float [tokens, hidden_size]

    Returns
    -------
    Loss
        Gradients: ``student``, float64 [tokens, hidden_size], fresh memory.

    Raises
    ------
    DTypeError
        COS-C1.
    ShapeError
        COS-C2.
    RangeError
        A value that is not finite (COS-C1).

    Accuracy
    --------
    Real value, evaluated in float64; squares beyond the largest float64 overflow.

    Special values
    --------------
    A zero vector has the cosine 0.

    Source
    ------
    arXiv 1910.01108, L_cos; its code uses torch.nn.CosineEmbeddingLoss with target 1 on the tokens that are not
    padding, of which COS-S1 is the rule. torch.nn.functional.cosine_similarity instead raises each length to 1e-8.

    Examples
    --------
    Length does not matter, direction does; a zero vector is at a right angle to everything:

    >>> student = np.array([[2.0, 0.0], [0.0, 3.0], [0.0, 0.0]])
    >>> teacher = np.array([[9.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    >>> round(distilbert_cosine(student, teacher).value * 3, 9)
    2.0
    """
    expect_float("distilbert_cosine", "COS-C1", student=student, teacher=teacher)
    expect_shape("distilbert_cosine", "student", student, (None, None), why="a row is a token", clause="COS-C2")
    expect_shape("distilbert_cosine", "teacher", teacher, student.shape, why="angles need pairs", clause="COS-C2")
    expect_elements("distilbert_cosine", "student", student, why="a mean is taken", clause="COS-C2")
    for name, operand in (("student", student), ("teacher", teacher)):
        expect_finite("distilbert_cosine", name, operand, why="angles are taken", clause="COS-C1")
    s, t = real(student), real(teacher)
    a = np.sum(s**2, axis=1, keepdims=True) + EPSILON  # COS-S1
    b = np.sum(t**2, axis=1, keepdims=True) + EPSILON
    lengths = np.sqrt(a * b)
    cosine = np.sum(s * t, axis=1, keepdims=True) / lengths  # COS-S2
    gradient = (cosine * s / a - t / lengths) / len(s)  # COS-S4
    return Loss(float(np.mean(1 - cosine)), {"student": gradient})  # COS-S3
