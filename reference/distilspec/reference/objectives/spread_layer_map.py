"""``spread_layer_map``: which teacher layers a student starts from."""

from __future__ import annotations

from distilspec.reference.contract.checks import expect
from distilspec.reference.contract.errors import RangeError


def spread_layer_map(teacher_layers: int, student_layers: int) -> tuple[int, ...]:
    """
    Return the teacher layers whose weights a student starts with: the first, the last, and evenly between them.

    SPR-C1  1 <= student_layers <= teacher_layers
    SPR-S1  layer i starts from floor(i * (teacher_layers - 1) / (student_layers - 1))   (exact)
    SPR-S2  a student of one layer starts from the last

    Parameters
    ----------
    teacher_layers, student_layers : int

    Returns
    -------
    tuple of int
        Rising.

    Raises
    ------
    RangeError
        SPR-C1.

    Accuracy
    --------
    Exact.

    Special values
    --------------
    Equal numbers of layers give the identity.

    Source
    ------
    Distil-Whisper, create_student_model.py: linspace, cut to integers, the last set to the last layer. Its fractions
    are float64, which now and then fall below an exact integer: 23 layers of 31 differ in one. DistilBERT's own choice
    of 0, 2, 4, 7, 9, 11 is another: a pipeline may name any layers.

    Examples
    --------
    The fraction is dropped, not rounded:

    >>> spread_layer_map(6, 3), spread_layer_map(32, 2), spread_layer_map(12, 1)
    ((0, 2, 5), (0, 31), (11,))
    """
    expect(
        1 <= student_layers <= teacher_layers,
        RangeError,
        "spread_layer_map",
        seen=f"the teacher has {teacher_layers} layers and the student {student_layers}",
        expected="1 to as many as the teacher",
        why="each student layer is a copy of one",
        clause="SPR-C1",
    )
    if student_layers == 1:
        return (teacher_layers - 1,)  # SPR-S2
    return tuple(i * (teacher_layers - 1) // (student_layers - 1) for i in range(student_layers))  # SPR-S1
