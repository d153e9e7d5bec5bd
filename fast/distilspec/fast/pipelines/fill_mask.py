"""``fill-mask``: words for the masked tokens of a text."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax

from distilspec.fast.engine import Engine
from distilspec.fast.pipelines.base import Options, Pipeline, largest
from distilspec.fast.pipelines.truncation import Truncation, read_truncation
from distilspec.reference.contract.errors import RangeError, UnsupportedError
from distilspec.reference.contract.types import Float32Array, Int64Array
from distilspec.reference.formats.hugging_face import Model


@dataclass(frozen=True, kw_only=True)
class FillMaskOptions(Options):
    """
    What mask filling can be asked for.

    Parameters
    ----------
    top_k : int
        Words for a mask, from the likeliest on; fewer where there are fewer.
    targets : str or sequence of str, optional
        The only words to choose from. Of one that is not in the vocabulary the first token is taken, with a warning.
    tokenizer_kwargs : mapping, optional
        ``truncation`` and ``max_length``; a text that is too long is an error without.
    """

    top_k: int = 5
    targets: str | Sequence[str] | None = None
    tokenizer_kwargs: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        super().__post_init__()
        self._expect_number("top_k", 1)
        self.cut()

    def cut(self) -> Truncation:
        """Return how long texts are cut."""
        return read_truncation("tokenizer_kwargs", self.tokenizer_kwargs)


class FillMask(Pipeline[FillMaskOptions]):
    """Likely words for ``[MASK]``, each mask by itself."""

    task = "fill-mask"
    head = "masked-lm"
    options_type = FillMaskOptions

    def __init__(self, model: Model, engine: Engine, **options: Any) -> None:
        """Join a model to the engine that runs it; the errors are those of ``Pipeline``, or there is no ``[MASK]``."""
        super().__init__(model, engine, **options)
        if self.tokenizer.mask_token_id is None:
            raise UnsupportedError(f"{self.task}: the tokenizer of {model.name} has no [MASK]; expected one")

    def __call__(self, inputs: str | Sequence[str], **options: Any) -> Any:
        """
        Return words for the masks of one text or of each of several.

        Parameters
        ----------
        inputs : str or sequence of str
        options
            Those of ``FillMaskOptions``, for this call.

        Returns
        -------
        list of {"score": float, "token": int, "token_str": str, "sequence": str}
            For a text with one mask, a list of such lists for one with several; a list of either for several texts. As
            in Transformers, a list of one text is answered like that text.
        """
        chosen = self.options_with(options, self.options)
        texts = self._texts(inputs)
        sequences = self.tokenizer.encodings(texts, **chosen.cut().arguments) if texts else []
        ids = [np.asarray(sequence.ids, np.int64) for sequence in sequences]
        for index, row in enumerate(ids):
            if self.tokenizer.mask_token_id not in row:
                raise RangeError(f"{self.task}: text {index} is {texts[index]!r:.60}; expected a [MASK] in it")
        targets = None if chosen.targets is None else self._target_ids(chosen.targets)
        outputs = self._run(sequences, chosen.batch_size)
        filled = [
            self._filled(row, output["logits"], chosen.top_k, targets) for row, output in zip(ids, outputs, strict=True)
        ]
        return filled[0] if len(filled) == 1 else filled

    def _target_ids(self, targets: str | Sequence[str]) -> Int64Array:
        words = self._texts(targets, "targets")
        if not words:
            raise RangeError("targets is empty; expected at least one word")
        found = []
        for word in words:
            token_id = self.tokenizer.token_id(word)
            if token_id is None:
                pieces = self.tokenizer.pieces(word)
                if not pieces:
                    raise RangeError(f"targets has {word!r:.60}; expected a word that gives at least one token")
                token_id = pieces[0]
                warnings.warn(
                    f"targets has {word!r:.60}, which is not in the vocabulary; {self.tokenizer.token(token_id)!r} is "
                    "taken for it",
                    stacklevel=3,
                )
            found.append(token_id)
        return np.unique(np.asarray(found, np.int64))

    def _filled(self, ids: Int64Array, logits: Float32Array, top_k: int, targets: Int64Array | None) -> Any:
        masks = np.flatnonzero(ids == self.tokenizer.mask_token_id).tolist()
        words = [self._words(ids, mask, logits[mask], top_k, targets, is_only=len(masks) == 1) for mask in masks]
        return words[0] if len(words) == 1 else words

    def _words(
        self,
        ids: Int64Array,
        mask: int,
        logits: Float32Array,
        top_k: int,
        targets: Int64Array | None,
        *,
        is_only: bool,
    ) -> list[dict[str, Any]]:
        candidates = np.arange(len(logits)) if targets is None else targets
        scores = softmax(logits)[candidates]
        words = []
        for index in largest(scores, top_k):
            token = int(candidates[index])
            text = ids.copy()
            text[mask] = token
            kept = [int(other) for other in text if other != self.tokenizer.pad_token_id]
            words.append(
                {
                    "score": float(scores[index]),
                    "token": token,
                    "token_str": self.tokenizer.decode([token], keep_special=True),
                    # The other masks are special tokens, and are to be seen.
                    "sequence": self.tokenizer.decode(kept, keep_special=not is_only),
                }
            )
        return words
