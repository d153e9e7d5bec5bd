"""``minilm_relation``: how the student's tokens relate to each other is drawn to how the teacher's do."""

from __future__ import annotations

from math import sqrt

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
from distilspec.reference.contract.errors import RangeError, ShapeError
from distilspec.reference.contract.types import BoolArray, Float64Array, RealArray
from distilspec.reference.objectives.loss import Loss, expect_variant, log_softmax

VARIANTS = ("minilm", "autodistil-paper", "autodistil-code")


def minilm_relation(
    student_left: RealArray,
    student_right: RealArray,
    teacher_left: RealArray,
    teacher_right: RealArray,
    mask: BoolArray,
    *,
    relation_heads: int,
    variant: str = "minilm",
) -> Loss:
    """
    Return the difference of two relations between tokens, each the softmax of scaled dot products in every head.

    REL-C1  the four operands are float32 or float64, and finite
    REL-C2  they are [batch, sequence, size] with at least one element; left and right of one side have one size
    REL-C3  mask is bool [batch, sequence]; True keeps a token; at least one is kept
    REL-C4  relation_heads is positive, and divides both sizes; for autodistil-code it may be any up to both sizes
    REL-C5  variant is minilm, autodistil-paper or autodistil-code
    REL-S1  d = size // relation_heads; head h of an operand is its columns h * d to (h + 1) * d - 1
    REL-S2  scores = left @ right.T / sqrt(d) in each head   (real numbers)
    REL-S3  relation = softmax of scores over the kept tokens; the teacher's is P, the student's Q
    REL-S4  minilm: value = (sum of P * (log P - log Q)) / (heads * kept), over the kept queries and keys
    REL-S5  autodistil-paper: value = the mean of (Q - P)**2 over heads, kept queries and kept keys
    REL-S6  autodistil-code: value = the mean of (student's scores - teacher's)**2, padding included, without softmax
    REL-S7  the gradients are the derivatives of the value with respect to student_left and student_right

    Parameters
    ----------
    student_left, student_right : float [batch, sequence, student_size]
        Queries and keys, or twice the queries, keys or values of one layer: the outputs of its Linears, all heads.
    teacher_left, teacher_right : float [batch, sequence, teacher_size]
    mask : bool [batch, sequence]
    relation_heads : int
        May differ from the attention heads of either model.
    variant : str

    Returns
    -------
    Loss
        Gradients: ``student_left`` and ``student_right``, float64 [batch, sequence, student_size], fresh memory. Where
        both are one tensor, its gradient is their sum.

    Raises
    ------
    DTypeError
        REL-C1, REL-C3.
    ShapeError
        REL-C2, REL-C3, REL-C4.
    RangeError
        A value that is not finite (REL-C1), nothing kept (REL-C3), the variant (REL-C5).

    Accuracy
    --------
    Real value, evaluated in float64.

    Special values
    --------------
    What a padded token holds changes nothing, except in autodistil-code.

    Source
    ------
    MiniLM, arXiv 2002.10957: the relation of queries to keys, and of values to values, in the attention heads.
    MiniLMv2, arXiv 2012.15828: queries to queries, keys to keys, values to values, in relation heads. Both divide by
    heads and tokens of an example; the mean over a batch is here over all its kept queries.
    AutoDistil, arXiv 2201.12507, prints a squared error of the relations. Its code compares scores: it adds -10000 for
    padded keys on both sides, which a difference does not see, and cuts the sizes to a multiple of the heads.

    Examples
    --------
    A rotation inside a head is not seen; a student may have another size than the teacher:

    >>> x = np.array([[[1.0, 2.0], [0.5, -1.0]]])
    >>> turned = x[..., ::-1] * [1, -1]
    >>> kept = np.array([[True, True]])
    >>> minilm_relation(turned, turned, x, x, kept, relation_heads=1).value
    0.0
    >>> wide = np.concatenate([x, np.zeros((1, 2, 2))], axis=-1) * 2**0.25
    >>> round(minilm_relation(wide, wide, x, x, kept, relation_heads=1).value, 12)
    0.0
    """
    operands = {
        "student_left": student_left,
        "student_right": student_right,
        "teacher_left": teacher_left,
        "teacher_right": teacher_right,
    }
    expect_float("minilm_relation", "REL-C1", **operands)
    three = (None, None, None)
    for side, left, right in (("student", student_left, student_right), ("teacher", teacher_left, teacher_right)):
        expect_shape("minilm_relation", f"{side}_left", left, three, why="a token is a row", clause="REL-C2")
        expect_shape("minilm_relation", f"{side}_right", right, left.shape, why="left has it", clause="REL-C2")
        expect_elements("minilm_relation", f"{side}_left", left, why="a mean is taken", clause="REL-C2")
    tokens = student_left.shape[:2]
    expect_shape("minilm_relation", "teacher_left", teacher_left, (*tokens, None), why="tokens match", clause="REL-C2")
    expect_dtype("minilm_relation", "mask", mask, ("bool",), why="True keeps a token", clause="REL-C3")
    expect_shape("minilm_relation", "mask", mask, tokens, why="it keeps tokens", clause="REL-C3")
    expect(
        bool(mask.any()),
        RangeError,
        "minilm_relation",
        seen="mask keeps nothing",
        expected="a kept token",
        why="the mean of nothing is no number",
        clause="REL-C3",
    )
    expect_variant("minilm_relation", variant, VARIANTS, clause="REL-C5")
    sizes = student_left.shape[2], teacher_left.shape[2]
    fits = 0 < relation_heads <= min(sizes)
    expect(
        fits and (variant == "autodistil-code" or all(size % relation_heads == 0 for size in sizes)),
        ShapeError,
        "minilm_relation",
        seen=f"relation_heads is {relation_heads}",
        expected=f"a positive number that divides {sizes[0]} and {sizes[1]}",
        why="every head has the same size",
        clause="REL-C4",
    )
    for name, operand in operands.items():
        expect_finite("minilm_relation", name, operand, why="relations are compared", clause="REL-C1")
    left, right = _split(real(student_left), relation_heads), _split(real(student_right), relation_heads)
    student = _scores(left, right)
    teacher = _scores(_split(real(teacher_left), relation_heads), _split(real(teacher_right), relation_heads))
    keys = mask[:, None, None, :]
    pairs = np.broadcast_to(keys & mask[:, None, :, None], student.shape)
    log_p, log_q = log_softmax(teacher, keys), log_softmax(student, keys)  # REL-S3
    p, q = np.where(pairs, np.exp(log_p), 0.0), np.where(pairs, np.exp(log_q), 0.0)
    match variant:
        case "minilm":
            n = relation_heads * int(mask.sum())
            value = float(np.sum(p * (log_p - log_q))) / n  # REL-S4
            slope = (q - p) / n
        case "autodistil-paper":
            value = float(np.sum((q - p) ** 2) / pairs.sum())  # REL-S5
            step = 2 * (q - p) / pairs.sum()
            slope = q * (step - np.sum(step * q, axis=-1, keepdims=True))
        case _:
            value = float(np.mean((student - teacher) ** 2))  # REL-S6
            slope = 2 * (student - teacher) / student.size
    slope = slope / sqrt(left.shape[-1])
    size = sizes[0]
    gradients = {  # REL-S7
        "student_left": _join(slope @ right, size),
        "student_right": _join(slope.swapaxes(-1, -2) @ left, size),
    }
    return Loss(value, gradients)


def _split(x: Float64Array, heads: int) -> Float64Array:
    batch, sequence, size = x.shape
    d = size // heads  # REL-S1
    return x[..., : heads * d].reshape(batch, sequence, heads, d).transpose(0, 2, 1, 3)


def _scores(left: Float64Array, right: Float64Array) -> Float64Array:
    scores: Float64Array = left @ right.swapaxes(-1, -2) / sqrt(left.shape[-1])  # REL-S2
    return scores


def _join(x: Float64Array, size: int) -> Float64Array:
    batch, heads, sequence, d = x.shape
    joined = np.zeros((batch, sequence, size))
    joined[..., : heads * d] = x.transpose(0, 2, 1, 3).reshape(batch, sequence, heads * d)
    return joined
