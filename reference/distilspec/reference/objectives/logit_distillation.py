"""``logit_distillation``: the student's softened distribution is drawn to the teacher's."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.checks import expect_elements, expect_finite, expect_float, expect_shape
from distilspec.reference.contract.types import RealArray
from distilspec.reference.objectives.loss import Loss, expect_temperature, log_softmax


def logit_distillation(student: RealArray, teacher: RealArray, *, temperature: float) -> Loss:
    """
    Return the divergence of the softened distributions, times the square of the temperature, as a mean over rows.

    KD-C1  student and teacher are float32 or float64, and finite
    KD-C2  student is [rows, classes] with at least one of each, and teacher has its shape
    KD-C3  0 < temperature < infinity
    KD-S1  p = softmax(teacher / temperature) and q = softmax(student / temperature), for each row   (real numbers)
    KD-S2  value = temperature**2 * (sum of p * (log p - log q)) / rows
    KD-S3  gradient = temperature * (q - p) / rows

    Parameters
    ----------
    student : float [rows, classes]
    teacher : float [rows, classes]
    temperature : float

    Returns
    -------
    Loss
        Gradients: ``student``, float64 [rows, classes], fresh memory.

    Raises
    ------
    DTypeError
        KD-C1.
    ShapeError
        KD-C2.
    RangeError
        Logits that are not finite (KD-C1), the temperature (KD-C3).

    Accuracy
    --------
    Real value, evaluated in float64; a divergence below about 1e-16 of its terms is lost in their sum.

    Special values
    --------------
    Where p is 0 because it is below the smallest float64, its term is 0.

    Source
    ------
    Hinton, Vinyals, Dean, arXiv 1503.02531, minimises the cross entropy sum of p * -log q, which is larger by the
    entropy of p and has the same gradient; the factor temperature**2 is theirs. Distiller, DistilBERT and Prune-OFA
    use this divergence and divide by rows ("batchmean"). The reduction "mean" of torch.nn.functional.kl_div divides
    by the classes too and is no divergence.

    Examples
    --------
    temperature**2 keeps the gradient's size: for small logits it does not depend on the temperature:

    >>> student, teacher = np.array([[0.0, 0.0]]), np.array([[0.001, 0.0]])
    >>> [round(logit_distillation(student, teacher, temperature=t).gradients["student"][0, 0] * 1e6) for t in (1, 8)]
    [-250, -250]
    """
    expect_float("logit_distillation", "KD-C1", student=student, teacher=teacher)
    expect_shape("logit_distillation", "student", student, (None, None), why="a row is a decision", clause="KD-C2")
    expect_shape("logit_distillation", "teacher", teacher, student.shape, why="both decide the same", clause="KD-C2")
    expect_elements("logit_distillation", "student", student, why="a mean is taken", clause="KD-C2")
    for name, logits in (("student", student), ("teacher", teacher)):
        expect_finite("logit_distillation", name, logits, why="probabilities are their ratios", clause="KD-C1")
    expect_temperature("logit_distillation", temperature, clause="KD-C3")
    rows = student.shape[0]
    log_p, log_q = log_softmax(real(teacher) / temperature), log_softmax(real(student) / temperature)  # KD-S1
    p, q = np.exp(log_p), np.exp(log_q)
    value = temperature**2 * float(np.sum(p * (log_p - log_q))) / rows  # KD-S2
    return Loss(value, {"student": temperature * (q - p) / rows})  # KD-S3
