"""``tinybert_hidden``: the student's hidden states, projected, are drawn to the teacher's."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_elements, expect_finite, expect_float, expect_shape
from distilspec.reference.contract.types import RealArray
from distilspec.reference.objectives.loss import Loss


def tinybert_hidden(
    student: RealArray, teacher: RealArray, weight: RealArray | None = None, bias: RealArray | None = None
) -> Loss:
    """
    Return the mean squared difference of the projected hidden states; those of the embeddings are compared alike.

    TBH-C1  every operand is float32 or float64, and finite
    TBH-C2  student is [tokens, student_size] and teacher [tokens, teacher_size], with at least one element
    TBH-C3  weight, when given, is [teacher_size, student_size]; when absent, both sizes are equal and bias is absent
    TBH-C4  bias, when given, is [teacher_size]
    TBH-S1  projected = student @ weight.T + bias; without weight, projected = student   (real numbers)
    TBH-S2  value = the mean of (projected - teacher)**2 over all elements
    TBH-S3  with d = 2 * (projected - teacher) / elements: the gradient of student is d @ weight, of weight
            d.T @ student, of bias the sum of d over the tokens

    Parameters
    ----------
    student : float [tokens, student_size]
    teacher : float [tokens, teacher_size]
    weight : float [teacher_size, student_size], optional
    bias : float [teacher_size], optional

    Returns
    -------
    Loss
        Gradients: ``student``, and ``weight`` and ``bias`` where these are given; float64, fresh memory.

    Raises
    ------
    DTypeError
        TBH-C1.
    ShapeError
        TBH-C2, TBH-C3, TBH-C4.
    RangeError
        A value that is not finite (TBH-C1).

    Accuracy
    --------
    Real value, evaluated in float64.

    Special values
    --------------
    Padding is a token like another: the published code keeps it in the mean, and a caller who wants it out leaves its
    rows out.

    Source
    ------
    arXiv 1909.10351, equations 8 and 9. Paper: one projection for the hidden states and another for the embeddings,
    both without bias. Code (``fit_dense``): one projection with bias for both.

    Examples
    --------
    The gradient reaches the projection too:

    >>> loss = tinybert_hidden(np.array([[3.0]]), np.array([[1.0, 0.0]]), np.array([[1.0], [0.0]]))
    >>> loss.value, loss.gradients["weight"].tolist()
    (2.0, [[6.0], [0.0]])
    """
    expect_float("tinybert_hidden", "TBH-C1", student=student, teacher=teacher, weight=weight, bias=bias)
    expect_shape("tinybert_hidden", "student", student, (None, None), why="a row is a token", clause="TBH-C2")
    expect_shape("tinybert_hidden", "teacher", teacher, (student.shape[0], None), why="tokens match", clause="TBH-C2")
    size = teacher.shape[1]
    if weight is None:
        expect_shape("tinybert_hidden", "student", student, teacher.shape, why="weight is absent", clause="TBH-C3")
    else:
        projection = size, student.shape[1]
        expect_shape("tinybert_hidden", "weight", weight, projection, why="it projects", clause="TBH-C3")
    if bias is not None:
        known = (size,) if weight is not None else (0,)
        expect_shape("tinybert_hidden", "bias", bias, known, why="it belongs to weight", clause="TBH-C4")
    expect_elements("tinybert_hidden", "student", student, why="a mean is taken", clause="TBH-C2")
    expect_elements("tinybert_hidden", "teacher", teacher, why="a mean is taken", clause="TBH-C2")
    for name, operand in (("student", student), ("teacher", teacher), ("weight", weight), ("bias", bias)):
        if operand is not None:
            expect_finite("tinybert_hidden", name, operand, why="differences are squared", clause="TBH-C1")
    x = real(student)
    w = np.eye(size) if weight is None else real(weight)
    projected = x @ w.T + (0.0 if bias is None else real(bias))  # TBH-S1
    difference = projected - real(teacher)
    d = 2 * difference / difference.size
    gradients = {"student": d @ w}  # TBH-S3
    if weight is not None:
        gradients["weight"] = d.T @ x
    if bias is not None:
        gradients["bias"] = d.sum(axis=0)
    return Loss(float(np.mean(difference**2)), gradients)  # TBH-S2
