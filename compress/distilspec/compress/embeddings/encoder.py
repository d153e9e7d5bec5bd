"""A sentence-embedding model on the fast engine, which answers in any recipe and at any sparsity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import distilspec.fast
from distilspec.compress.batches import READING
from distilspec.compress.quantised import Ranges
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array, Float32Array
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.named_models import NAMED_MODELS, load_model
from distilspec.reference.formats.tokenizer import Tokenizer
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe, calibrate, prune

_HEAD = "sentence-embedding"


@dataclass(frozen=True)
class Encoder:
    """An encoder, float32, whose output is the mean of a text's last hidden states, scaled to length 1."""

    program: Program
    tokenizer: Tokenizer
    max_length: int

    @classmethod
    def load(cls, name: str, source: Path, max_length: int) -> Encoder:
        """Load a named model, or a Hugging Face folder that counts from ``source``; errors as ``load_folder``."""
        found = load_model(name, head=_HEAD) if name in NAMED_MODELS else load_folder(source / name, head=_HEAD)
        return cls(found.program, found.tokenizer, max_length)

    def pruned(self, sparsity: float, block_shape: tuple[int, int]) -> Encoder:
        """Return the encoder without the smallest blocks of each Linear; errors as ``prune``."""
        return replace(self, program=prune(self.program, sparsity=sparsity, block_shape=block_shape))

    def ranges(self, texts: Sequence[str]) -> Ranges:
        """Return the ranges of what the Linears read, on these texts."""
        return calibrate(self.program, (batch for _, batch in self._batches(texts)))

    def embed(self, texts: Mapping[str, Sequence[str]], recipe: Recipe, ranges: Ranges) -> dict[str, Float32Array]:
        """
        Return the embeddings of each list of texts, float32 [texts, hidden_size].

        They are read in batches of 32, sorted by length; ``ranges`` is read for ``w8a8-static`` only.
        """
        program = apply_recipe(self.program, recipe, calibration=ranges or None)
        with distilspec.fast.compile(program) as engine:
            return {name: self._embedded(engine, part) for name, part in texts.items()}

    def _embedded(self, engine: distilspec.fast.Engine, texts: Sequence[str]) -> Float32Array:
        found = [(rows, engine.run(batch)["sentence_embedding"]) for rows, batch in self._batches(texts)]
        order = [row for rows, _ in found for row in rows]
        embeddings: Float32Array = np.concatenate([embedded for _, embedded in found])[np.argsort(order)]
        return embeddings

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], dict[str, Array]]]:
        encodings = self.tokenizer.encodings(texts, truncate=True, max_length=self.max_length)
        order = sorted(range(len(texts)), key=lambda row: len(encodings[row].ids))
        for start in range(0, len(order), READING):
            rows = order[start : start + READING]
            padded = self.tokenizer.pad([encodings[row] for row in rows])
            yield rows, {name: padded[name] for name in self.program.inputs}
