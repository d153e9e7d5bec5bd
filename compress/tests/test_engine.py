"""What a program answers on the fast engine, in the order of the rows."""

from __future__ import annotations

import numpy as np

from distilspec.compress import engine
from distilspec.compress.batches import EncodedRows, logits_of
from distilspec.compress.data import Rows
from distilspec.compress.engine import answers, program_logits


def test_logits_are_in_the_order_of_the_rows(saved, monkeypatch):
    """Texts of several lengths in batches of two: torch's answer that is nearest to each is that of the same row."""
    model, loaded, _ = saved
    texts = ("a man is eating food", "food", "a man", "food is a man", "eating", "is a man eating a food")
    rows = EncodedRows.of(Rows(texts, (0, 1, 0, 1, 0, 1)), loaded.tokenizer, 16)
    monkeypatch.setattr(engine, "READING", 2)
    got, wanted = program_logits(loaded.program, rows), logits_of(model, rows)

    assert got.shape == wanted.shape == (6, 2)
    assert np.abs(got[:, None] - wanted[None]).sum(axis=2).argmin(axis=1).tolist() == list(range(6))


def test_what_a_program_does_not_read_may_be_there(saved):
    """A batch is the tokenizer's; the program takes its own inputs of it."""
    program = saved[1].program
    batch = {"input_ids": np.int64([[2, 5, 3]]), "attention_mask": np.int64([[1, 1, 1]])}
    (plain,) = answers(program, [batch], "logits")
    (more,) = answers(program, [batch | {"token_type_ids": np.int64([[0, 0, 0]])}], "logits")
    np.testing.assert_array_equal(plain, more)
