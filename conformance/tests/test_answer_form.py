"""The form of answers: what a runtime may return, and one line about what it may not."""

from __future__ import annotations

import numpy as np
import pytest
from small_encoder import BATCH, encoder

from distilspec.conformance.answer_form import AnswerError, by_form, checked_outputs, misfit
from distilspec.reference.contract.recipes import Recipe

PROGRAM = encoder(Recipe.W8A8_DYNAMIC_TOKEN)
OUTPUT = "sentence_embedding"
STATES = "embeddings.LayerNorm"
RIGHT = np.zeros((3, 16, 24), np.float32)


@pytest.mark.parametrize(
    ("got", "wrong"),
    [
        (RIGHT, ""),
        (RIGHT.astype(np.float64), ""),
        (RIGHT.astype(np.float16), "has dtype float16; expected float32"),
        (RIGHT.astype(np.int64), "has dtype int64; expected float32"),
        (RIGHT[:2], "has shape (2, 16, 24); expected (3, 16, 24)"),
        (RIGHT[0], "has shape (16, 24); expected (3, 16, 24)"),
        (RIGHT.tolist(), "is a list; expected an array"),
        (None, "is a NoneType; expected an array"),
        (np.float32(0), "has shape (); expected (3, 16, 24)"),
        (RIGHT.astype(object), "has dtype object; expected float32"),
    ],
)
def test_a_tensor_has_the_dtype_and_the_shape_of_its_program(got, wrong):
    """For the sizes that the inputs have; a real number may come in float64."""
    assert misfit(PROGRAM, BATCH, STATES, got) == wrong


def test_codes_have_no_other_dtype():
    """An int8 code is no uint8 code."""
    codes = next(step.outputs[0] for step in PROGRAM.steps if step.op == "dynamic_quantize_token")

    assert misfit(PROGRAM, BATCH, codes, RIGHT.astype(np.int8)) == ""
    assert misfit(PROGRAM, BATCH, codes, RIGHT.astype(np.uint8)) == "has dtype uint8; expected int8"


def test_outputs_are_copied_and_others_are_left_out():
    """A runtime may go on writing into what it returned."""
    answered = {OUTPUT: np.zeros((3, 24), np.float32), "more": None}

    outputs = checked_outputs(PROGRAM, BATCH, answered)

    assert list(outputs) == [OUTPUT]
    assert not np.shares_memory(outputs[OUTPUT], answered[OUTPUT])


@pytest.mark.parametrize(
    ("answered", "message"),
    [
        (None, "runtime answered with a NoneType; expected arrays by their names"),
        ([RIGHT], "runtime answered with a list; expected arrays by their names"),
        ({}, "runtime answered with outputs none; expected sentence_embedding"),
        ({"y": RIGHT}, "runtime answered with outputs y; expected sentence_embedding"),
        ({OUTPUT: RIGHT}, r"output sentence_embedding has shape \(3, 16, 24\); expected \(3, 24\)"),
    ],
)
def test_what_is_no_answer_is_refused_in_one_line(answered, message):
    """It says what came and what was expected."""
    with pytest.raises(AnswerError, match=f"^{message}$"):
        checked_outputs(PROGRAM, BATCH, answered)


def test_tensors_of_a_wrong_form_are_parted_from_the_others():
    """Tensors that the program does not have stay with the others."""
    values = {STATES: RIGHT, "l2_normalize": RIGHT, "fused.kernel.7": None}

    right, wrong = by_form(PROGRAM, BATCH, values)

    assert list(right) == [STATES, "fused.kernel.7"]
    assert wrong == {"l2_normalize": "has shape (3, 16, 24); expected (3, 24)"}
