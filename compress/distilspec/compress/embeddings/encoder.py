"""A sentence-embedding model on the fast engine, which answers in any recipe and at any sparsity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from distilspec.compress.batches import READING
from distilspec.compress.engine import answers
from distilspec.compress.packing import pack_zero_blocks
from distilspec.compress.pruning import encoder_weights
from distilspec.compress.quantised import Ranges
from distilspec.compress.reconstruction import reconstruct
from distilspec.compress.sections.pruning import Reconstruction
from distilspec.compress.students import new_classifier
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array, Float32Array
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.named_models import NAMED_MODELS, load_model
from distilspec.reference.formats.tokenizer import Tokenizer
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe, calibrate, prune
from distilspec.reference.recipes.encoder_linears import dense_weight, is_encoder_linear

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

    def reconstructed(
        self,
        sparsity: float,
        block_shape: tuple[int, int],
        section: Reconstruction,
        texts: Sequence[str],
        advance: Callable[[], None],
    ) -> Encoder:
        """
        Return the encoder pruned by least squares on texts, its blocks packed; errors as ``reconstruct``.

        ``advance`` is called after each Linear.
        """
        # The head is not asked: what is observed and pruned is the encoder below it.
        model = new_classifier(self.tokenizer.path.parent, ("no", "yes"), seed=0)
        encodings = self.tokenizer.encodings(texts, truncate=True, max_length=self.max_length)
        tokens = [encoding.ids for encoding in encodings]
        reconstruct(model, tokens, section, block_shape=block_shape, sparsity=sparsity, advance=advance)
        names = [dense_weight(self.program, step)[0] for step in filter(is_encoder_linear, self.program.steps)]
        weights = (weight.detach().numpy() for weight in encoder_weights(model).values())
        constants = {**self.program.constants, **dict(zip(names, weights, strict=True))}
        return replace(self, program=pack_zero_blocks(replace(self.program, constants=constants), block_shape))

    def ranges(self, texts: Sequence[str]) -> Ranges:
        """Return the ranges of what the Linears read, on these texts."""
        return calibrate(self.program, (batch for _, batch in self._batches(texts)))

    def embed(self, texts: Mapping[str, Sequence[str]], recipe: Recipe, ranges: Ranges) -> dict[str, Float32Array]:
        """
        Return the embeddings of each list of texts, float32 [texts, hidden_size].

        They are read in batches of 32, sorted by length; ``ranges`` is read for static recipes only.
        """
        program = apply_recipe(self.program, recipe, calibration=ranges or None)
        batches = {name: list(self._batches(part)) for name, part in texts.items()}
        arrays = (batch for part in batches.values() for _, batch in part)
        found = iter(answers(program, arrays, "sentence_embedding"))
        embeddings = {}
        for name, part in batches.items():
            order = [row for rows, _ in part for row in rows]
            embeddings[name] = np.concatenate([next(found) for _ in part])[np.argsort(order)]
        return embeddings

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], dict[str, Array]]]:
        encodings = self.tokenizer.encodings(texts, truncate=True, max_length=self.max_length)
        order = sorted(range(len(texts)), key=lambda row: len(encodings[row].ids))
        for start in range(0, len(order), READING):
            rows = order[start : start + READING]
            padded = self.tokenizer.pad([encodings[row] for row in rows])
            yield rows, {name: padded[name] for name in self.program.inputs}
