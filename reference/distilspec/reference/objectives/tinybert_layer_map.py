"""``tinybert_layer_map``: which teacher layer each student layer learns from."""

from __future__ import annotations

from typing import NamedTuple

from distilspec.reference.contract.checks import expect
from distilspec.reference.contract.errors import RangeError


class TinyBertLayerMap(NamedTuple):
    """Indices of the teacher, one a student layer, and one a hidden state of the student."""

    attentions: tuple[int, ...]
    hidden_states: tuple[int, ...]


def tinybert_layer_map(teacher_layers: int, student_layers: int) -> TinyBertLayerMap:
    """
    Return TinyBERT's uniform map: each student layer learns from the last of as many teacher layers.

    TLM-C1  student_layers is positive and divides teacher_layers, which is positive
    TLM-S1  with r = teacher_layers / student_layers: attention of layer i, from 0, learns from layer r * (i + 1) - 1
    TLM-S2  hidden state i, where 0 is the output of the embeddings and i that of layer i - 1, learns from r * i

    Parameters
    ----------
    teacher_layers, student_layers : int

    Returns
    -------
    TinyBertLayerMap

    Raises
    ------
    RangeError
        TLM-C1.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    Equal numbers of layers give the identity.

    Source
    ------
    arXiv 1909.10351, section 4.1 (g(m) = r * m, from 1), and task_distill.py.

    Examples
    --------
    >>> tinybert_layer_map(12, 4)
    TinyBertLayerMap(attentions=(2, 5, 8, 11), hidden_states=(0, 3, 6, 9, 12))
    """
    expect(
        student_layers > 0 and teacher_layers > 0 and teacher_layers % student_layers == 0,
        RangeError,
        "tinybert_layer_map",
        seen=f"the teacher has {teacher_layers} layers and the student {student_layers}",
        expected="a positive number that divides a positive one",
        why="each student layer stands for the same number of layers",
        clause="TLM-C1",
    )
    r = teacher_layers // student_layers
    attentions = tuple(r * (i + 1) - 1 for i in range(student_layers))  # TLM-S1
    return TinyBertLayerMap(attentions, tuple(r * i for i in range(student_layers + 1)))  # TLM-S2
