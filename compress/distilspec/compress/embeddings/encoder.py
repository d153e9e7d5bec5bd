"""A sentence-embedding model in torch, which answers in any recipe and at any sparsity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import DistilBertModel

from distilspec.compress.batches import READING
from distilspec.compress.quantised import Ranges, linears_of, quantised
from distilspec.compress.students import new_classifier
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array, Float32Array
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.named_models import NAMED_MODELS, load_model
from distilspec.reference.formats.tokenizer import Tokenizer
from distilspec.reference.models import BertConfig, build_program, fold_token_types
from distilspec.reference.program import Program
from distilspec.reference.recipes import calibrate, prune


@dataclass(frozen=True)
class Encoder:
    """
    A DistilBERT without head: the torch module, and the program with the same weights.

    A text's embedding is the mean of its tokens' last hidden states, scaled to length 1.
    """

    model: DistilBertModel
    program: Program
    tokenizer: Tokenizer
    max_length: int

    @classmethod
    def load(cls, name: str, source: Path, max_length: int) -> Encoder:
        """
        Load a named model, or a Hugging Face folder that counts from ``source``; a BERT becomes its DistilBERT.

        Raises
        ------
        ContractError
            As ``load_folder``.
        """
        head = "sentence-embedding"
        found = load_model(name, head=head) if name in NAMED_MODELS else load_folder(source / name, head=head)
        config, weights = found.config, found.weights
        if isinstance(config, BertConfig):
            config, weights = fold_token_types(config, weights, dtype=np.float32)
        # The head of the classifier is thrown away: its labels and seed have no influence.
        model = new_classifier(found.tokenizer.path.parent, ("0", "1"), seed=0).distilbert
        program = build_program(config, head, weights, name=found.name)
        return cls(model, program, found.tokenizer, max_length)

    def pruned(self, sparsity: float, block_shape: tuple[int, int]) -> Encoder:
        """
        Return the encoder without the smallest blocks of each Linear; this one's torch module is changed with it.

        Raises
        ------
        ContractError
            As ``prune``.
        """
        program = prune(self.program, sparsity=sparsity, block_shape=block_shape, pack=False)
        with torch.no_grad():
            for name in linears_of(program):
                weight = torch.from_numpy(program.constants[f"{name}.weight"].copy())
                self.model.get_parameter(f"{name}.weight").copy_(weight)
        return Encoder(self.model, program, self.tokenizer, self.max_length)

    def ranges(self, texts: Sequence[str]) -> Ranges:
        """Return the ranges of what the Linears read, on these texts."""
        return calibrate(self.program, (batch for _, batch in self._batches(texts)))

    def embed(self, texts: Sequence[str], recipe: Recipe, ranges: Ranges) -> Float32Array:
        """
        Return the embeddings, float32 [texts, hidden_size].

        They are read in batches of 32, sorted by length; ``ranges`` is read for ``w8a8-static`` only.
        """
        embeddings = np.zeros((len(texts), self.model.config.dim), np.float32)
        inputs = linears_of(self.program)
        numerics = nullcontext() if recipe is Recipe.FP32 else quantised(self.model, recipe, inputs, ranges)
        with torch.no_grad(), numerics:
            for rows, batch in self._batches(texts):
                ids, mask = (torch.from_numpy(batch[name]) for name in ("input_ids", "attention_mask"))
                hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
                kept = mask[..., None]
                mean = (hidden * kept).sum(dim=1) / kept.sum(dim=1)
                embeddings[rows] = (mean / mean.norm(dim=1, keepdim=True)).numpy()
        return embeddings

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], dict[str, Array]]]:
        encodings = self.tokenizer.encodings(texts, truncate=True, max_length=self.max_length)
        order = sorted(range(len(texts)), key=lambda row: len(encodings[row].ids))
        for start in range(0, len(order), READING):
            rows = order[start : start + READING]
            padded = self.tokenizer.pad([encodings[row] for row in rows])
            yield rows, {name: padded[name] for name in self.program.inputs}
