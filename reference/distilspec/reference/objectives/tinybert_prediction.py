"""``tinybert_prediction``: TinyBERT's soft cross entropy, as printed and as coded."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_elements, expect_finite, expect_float, expect_shape
from distilspec.reference.contract.types import RealArray
from distilspec.reference.objectives.loss import Loss, expect_temperature, expect_variant, log_softmax


def tinybert_prediction(
    student: RealArray, teacher: RealArray, *, temperature: float = 1.0, variant: str = "paper"
) -> Loss:
    """
    Return the cross entropy of the student under the teacher's softened distribution, without a squared temperature.

    TBP-C1  student and teacher are float32 or float64, and finite
    TBP-C2  student is [rows, classes] with at least one of each, and teacher has its shape
    TBP-C3  0 < temperature < infinity
    TBP-C4  variant is paper or code
    TBP-S1  p = softmax(teacher / temperature) and q = softmax(student / temperature), for each row   (real numbers)
    TBP-S2  n = rows (paper), or rows * classes (code)
    TBP-S3  value = -(sum of p * log q) / n
    TBP-S4  gradient = (q - p) / (n * temperature)

    Parameters
    ----------
    student : float [rows, classes]
    teacher : float [rows, classes]
    temperature : float
    variant : str

    Returns
    -------
    Loss
        Gradients: ``student``, float64 [rows, classes], fresh memory.

    Raises
    ------
    DTypeError
        TBP-C1.
    ShapeError
        TBP-C2.
    RangeError
        Logits that are not finite (TBP-C1), the temperature (TBP-C3), the variant (TBP-C4).

    Accuracy
    --------
    Real value, evaluated in float64.

    Special values
    --------------
    Equal logits do not give 0: the value is then the entropy of the teacher.

    Source
    ------
    arXiv 1909.10351, equation 10: the cross entropy of one example, whose mean over rows is the paper's. The published
    code (task_distill.py) takes the mean over the classes too, so its gradient is smaller by their number. Neither has
    the factor temperature**2 of ``logit_distillation``; the default temperature of both is 1.

    Examples
    --------
    Paper and code differ by the number of classes:

    >>> logits = np.zeros((1, 4))
    >>> paper, code = (tinybert_prediction(logits, logits, variant=variant).value for variant in ("paper", "code"))
    >>> paper / code
    4.0
    """
    expect_float("tinybert_prediction", "TBP-C1", student=student, teacher=teacher)
    expect_shape("tinybert_prediction", "student", student, (None, None), why="a row is a decision", clause="TBP-C2")
    expect_shape("tinybert_prediction", "teacher", teacher, student.shape, why="both decide the same", clause="TBP-C2")
    expect_elements("tinybert_prediction", "student", student, why="a mean is taken", clause="TBP-C2")
    for name, logits in (("student", student), ("teacher", teacher)):
        expect_finite("tinybert_prediction", name, logits, why="probabilities are their ratios", clause="TBP-C1")
    expect_temperature("tinybert_prediction", temperature, clause="TBP-C3")
    expect_variant("tinybert_prediction", variant, ("paper", "code"), clause="TBP-C4")
    p, log_q = np.exp(log_softmax(real(teacher) / temperature)), log_softmax(real(student) / temperature)  # TBP-S1
    n = student.shape[0] if variant == "paper" else student.size  # TBP-S2
    value = -float(np.sum(p * log_q)) / n  # TBP-S3
    return Loss(value, {"student": (np.exp(log_q) - p) / (n * temperature)})  # TBP-S4
