"""Rows as tokens, and the batches that a model learns from: which, and in which order, a seed decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor
from transformers import DistilBertForSequenceClassification

from distilspec.compress.data import Rows
from distilspec.reference.contract.types import Array, Int64Array
from distilspec.reference.formats.tokenizer import Tokenizer

if TYPE_CHECKING:
    from tokenizers import Encoding

#: What a model reads at once, by the names of its inputs.
Arrays: TypeAlias = Mapping[str, Array]

#: Rows of a batch where nothing is learned.
READING = 32

#: So many batches are drawn together and sorted by length, so that little of a batch is padding.
_POOL = 16


class Batch(NamedTuple):
    """Tokens of some rows, int64 [batch, sequence], their labels and their numbers."""

    input_ids: Tensor
    attention_mask: Tensor
    labels: Tensor
    rows: Tensor


@dataclass(frozen=True)
class EncodedRows:
    """Rows whose texts are tokens already."""

    tokenizer: Tokenizer
    encodings: Sequence[Encoding]
    labels: Int64Array

    @classmethod
    def of(cls, rows: Rows, tokenizer: Tokenizer, max_length: int) -> EncodedRows:
        """Return the rows, longer texts cut; the errors are those of ``Tokenizer.encodings``."""
        encodings = tokenizer.encodings(rows.texts, truncate=True, max_length=max_length)
        return cls(tokenizer, encodings, np.array(rows.labels, np.int64))

    def __len__(self) -> int:
        return len(self.encodings)

    def inputs(self, rows: Sequence[int]) -> dict[str, Int64Array]:
        """Return the arrays of some rows, padded to the longest of them."""
        return self.tokenizer.pad([self.encodings[row] for row in rows])

    def batch(self, rows: Sequence[int]) -> Batch:
        """Return some rows as tensors."""
        arrays = self.inputs(rows)
        tensors = (arrays["input_ids"], arrays["attention_mask"], self.labels[list(rows)], np.array(rows, np.int64))
        return Batch(*map(torch.from_numpy, tensors))

    def by_length(self, size: int) -> list[list[int]]:
        """Return all rows in batches, the shortest first."""
        order = sorted(range(len(self)), key=self._length)
        return _cut(order, size)

    def epoch(self, size: int, *, seed: int, epoch: int) -> list[list[int]]:
        """Return all rows in the batches of an epoch: drawn anew in each, and sorted by length in pools of batches."""
        generator = np.random.Generator(np.random.PCG64([seed, epoch]))
        batches = []
        for pool in _cut(generator.permutation(len(self)).tolist(), size * _POOL):
            batches += _cut(sorted(pool, key=self._length), size)
        return [batches[place] for place in generator.permutation(len(batches))]

    def steps(self, size: int) -> int:
        """Return how many batches an epoch has."""
        return -(-len(self) // size)

    def _length(self, row: int) -> int:
        return len(self.encodings[row].ids)


def logits_of(
    model: DistilBertForSequenceClassification, rows: EncodedRows, advance: Callable[[], None] = lambda: None
) -> Array:
    """
    Return the logits of all rows in their order, float32 [rows, labels]; the model does not learn.

    ``advance`` is called after each of ``rows.steps(READING)`` batches.
    """
    logits = np.zeros((len(rows), model.classifier.out_features), np.float32)
    model.eval()
    with torch.no_grad():
        for numbers in rows.by_length(READING):
            batch = rows.batch(numbers)
            logits[numbers] = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits.numpy()
            advance()
    return logits


def turns(batches: Iterable[Arrays], advance: Callable[[], None]) -> Iterator[Arrays]:
    """Yield batches for others to loop over, and call ``advance`` once they are done with one."""
    for batch in batches:
        yield batch
        advance()


def _cut(rows: list[int], size: int) -> list[list[int]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
