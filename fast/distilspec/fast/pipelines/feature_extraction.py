"""``feature-extraction``: the last hidden states of every token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from distilspec.fast.pipelines.base import Options, Pipeline
from distilspec.fast.pipelines.truncation import Truncation, read_truncation
from distilspec.reference.contract.errors import UnsupportedError


@dataclass(frozen=True, kw_only=True)
class FeatureExtractionOptions(Options):
    """
    What feature extraction can be asked for.

    Parameters
    ----------
    truncation : bool, optional
        Whether a text that is too long is cut; it is an error otherwise.
    tokenize_kwargs : mapping, optional
        ``truncation`` and ``max_length``, where ``truncation`` alone does not say enough.
    return_tensors : bool or "np"
        Arrays instead of lists.
    """

    truncation: bool | None = None
    tokenize_kwargs: Mapping[str, Any] | None = None
    return_tensors: bool | str | None = False

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        super().__post_init__()
        if self.return_tensors not in (None, True, False, "np"):
            raise UnsupportedError(f"return_tensors is {self.return_tensors!r:.60}; expected True, False or 'np'")
        self.cut()

    def cut(self) -> Truncation:
        """Return how long texts are cut."""
        cut = read_truncation("tokenize_kwargs", self.tokenize_kwargs)
        if self.truncation is None:
            return cut
        if cut.truncation is not None:
            raise UnsupportedError("truncation is given twice; expected it once, by itself or in tokenize_kwargs")
        return replace(cut, truncation=self.truncation)


class FeatureExtraction(Pipeline[FeatureExtractionOptions]):
    """Features of every token, special ones included."""

    task = "feature-extraction"
    head = "feature-extraction"
    options_type = FeatureExtractionOptions

    def __call__(self, inputs: str | Sequence[str], **options: Any) -> Any:
        """
        Return the features of one text or of each of several.

        Parameters
        ----------
        inputs : str or sequence of str
        options
            Those of ``FeatureExtractionOptions``, for this call.

        Returns
        -------
        float [1, tokens, hidden_size] for a text, or a list of them
            Nested lists, or float32 arrays. Unlike Transformers, no padding is in them, whatever the batch.
        """
        chosen = self.options_with(options, self.options)
        texts = self._texts(inputs)
        sequences = self.tokenizer.encodings(texts, **chosen.cut().arguments) if texts else []
        features = []
        for outputs in self._run(sequences, chosen.batch_size):
            hidden_states = outputs["last_hidden_state"][np.newaxis]
            features.append(hidden_states.copy() if chosen.return_tensors else hidden_states.tolist())
        return features[0] if isinstance(inputs, str) else features
