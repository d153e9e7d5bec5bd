"""Batches hold every row once, in an order that seed and epoch decide, with little padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_classifier import tiny_classifier
from word_piece import word_piece

from distilspec.compress.batches import EncodedRows, logits_of
from distilspec.compress.data import Rows
from distilspec.reference.formats.tokenizer import Tokenizer


@pytest.fixture
def rows(tmp_path):
    """Return 70 rows of 3 to 9 tokens, cut to 8."""
    tokenizer = Tokenizer(word_piece(tmp_path), max_positions=16, vocab_size=11)
    generator = np.random.default_rng(0)
    texts = tuple(" ".join(["food"] * generator.integers(1, 8)) for _ in range(70))
    return EncodedRows.of(Rows(texts, tuple(range(70))), tokenizer, 8)


def test_an_epoch_has_every_row_once(rows):
    """Another epoch or seed is another order, the same is the same."""
    first = rows.epoch(4, seed=0, epoch=0)

    assert sorted(row for batch in first for row in batch) == list(range(70))
    assert len(first) == rows.steps(4) == 18
    assert rows.epoch(4, seed=0, epoch=0) == first
    assert rows.epoch(4, seed=0, epoch=1) != first != rows.epoch(4, seed=1, epoch=0)


def test_batches_have_little_padding(rows):
    """Less than a quarter of what batches of neighbouring rows have, which chance has ordered."""

    def padding(batches):
        return sum(int((rows.batch(batch).attention_mask == 0).sum()) for batch in batches)

    drawn = [list(range(start, min(start + 4, 70))) for start in range(0, 70, 4)]
    assert padding(rows.epoch(4, seed=0, epoch=0)) < padding(drawn) / 4


def test_a_batch_knows_its_rows(rows):
    """Labels and numbers in the order asked for; tokens padded to the longest, cut to the length."""
    batch = rows.batch([3, 1])

    assert batch.rows.tolist() == batch.labels.tolist() == [3, 1]
    assert batch.input_ids.shape == batch.attention_mask.shape
    assert max(rows.batch(range(70)).attention_mask.sum(dim=1)) == 8


def test_logits_are_in_the_order_of_the_rows(rows):
    """Each is that of the row alone; dropout is off."""
    model = tiny_classifier().train()
    logits = logits_of(model, rows)

    assert logits.shape == (70, 2)
    for row in range(70):
        batch = rows.batch([row])
        with torch.no_grad():
            alone = model(batch.input_ids, batch.attention_mask).logits.numpy()[0]
        # Both in float64, with sums in another order; the logits are then rounded to float32.
        assert np.all(np.abs(logits[row] - alone) <= 2**-24 * np.abs(alone) + 1e-12)
