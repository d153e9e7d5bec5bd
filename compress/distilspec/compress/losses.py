"""
The distillation losses of ``distilspec.reference.objectives`` in torch, under the same names.

Each returns a scalar tensor through which gradients flow; the operands' meaning, the variants and their sources stand
in the formula of the same name. Hard labels are ``torch.nn.functional.cross_entropy``, whose formula is
``objectives.cross_entropy``. Teachers' tensors are taken as constants.
"""

from __future__ import annotations

from math import sqrt
from typing import Literal, TypeAlias

from torch import Tensor, finfo, nn, ones_like
from torch.nn import functional

#: The published forms of TinyBERT's losses.
TinyBertVariant: TypeAlias = Literal["paper", "code"]

#: The published forms of the relation losses.
RelationVariant: TypeAlias = Literal["minilm", "autodistil-paper", "autodistil-code"]

_MASKED_SCORE = -100.0


def logit_distillation(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """Return the divergence of the softened distributions times temperature**2, as a mean over rows."""
    log_q = functional.log_softmax(student / temperature, dim=-1)
    log_p = functional.log_softmax(teacher.detach() / temperature, dim=-1)
    return functional.kl_div(log_q, log_p, log_target=True, reduction="batchmean") * temperature**2


def tinybert_prediction(
    student: Tensor, teacher: Tensor, *, temperature: float = 1.0, variant: TinyBertVariant = "paper"
) -> Tensor:
    """Return the soft cross entropy without temperature**2, as a mean over rows or, as coded, over elements."""
    p = functional.softmax(teacher.detach() / temperature, dim=-1)
    total = -(p * functional.log_softmax(student / temperature, dim=-1)).sum()
    return total / (student.shape[0] if variant == "paper" else student.numel())


def tinybert_attention(student: Tensor, teacher: Tensor, *, variant: TinyBertVariant = "paper") -> Tensor:
    """Return the mean squared difference of attention scores before the softmax."""
    teacher = teacher.detach()
    if variant == "code":
        student = student.masked_fill(student <= _MASKED_SCORE, 0.0)
        teacher = teacher.masked_fill(teacher <= _MASKED_SCORE, 0.0)
    return functional.mse_loss(student, teacher)


def tinybert_hidden(student: Tensor, teacher: Tensor, projection: nn.Module | None = None) -> Tensor:
    """Return the mean squared difference of the hidden states, the student's projected where a projection is given."""
    return functional.mse_loss(student if projection is None else projection(student), teacher.detach())


def distilbert_cosine(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean of one minus the cosine of the two hidden states of each token; both are [tokens, size]."""
    together = ones_like(student[:, 0])
    return functional.cosine_embedding_loss(student, teacher.detach(), together)


def minilm_relation(
    student_left: Tensor,
    student_right: Tensor,
    teacher_left: Tensor,
    teacher_right: Tensor,
    mask: Tensor,
    *,
    relation_heads: int,
    variant: RelationVariant = "minilm",
) -> Tensor:
    """Return the difference of two relations between tokens; operands are [batch, sequence, size], mask is bool."""
    student = _scores(student_left, student_right, relation_heads)
    teacher = _scores(teacher_left, teacher_right, relation_heads).detach()
    if variant == "autodistil-code":
        return functional.mse_loss(student, teacher)
    keys = mask[:, None, None, :]
    pairs = (keys & mask[:, None, :, None]).expand_as(student)
    lowest = finfo(student.dtype).min  # as -infinity, but its differences are no NaN
    log_p, log_q = (functional.log_softmax(scores.masked_fill(~keys, lowest), dim=-1) for scores in (teacher, student))
    if variant == "autodistil-paper":
        squares = (log_q.exp() - log_p.exp()) ** 2
        return squares.masked_fill(~pairs, 0.0).sum() / pairs.sum()
    divergence = log_p.exp() * (log_p - log_q)
    return divergence.masked_fill(~pairs, 0.0).sum() / (relation_heads * mask.sum())


def _scores(left: Tensor, right: Tensor, heads: int) -> Tensor:
    d = left.shape[-1] // heads
    queries, keys = (x[..., : heads * d].reshape(*x.shape[:2], heads, d).transpose(1, 2) for x in (left, right))
    return queries.matmul(keys.transpose(-1, -2)) / sqrt(d)
