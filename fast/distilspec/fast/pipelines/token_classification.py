"""``token-classification``: a label for every token, word or group of words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import softmax

from distilspec.fast.pipelines.base import Options, Pipeline
from distilspec.reference.contract.errors import DTypeError, UnsupportedError
from distilspec.reference.contract.types import Float32Array

if TYPE_CHECKING:
    from tokenizers import Encoding

STRATEGIES = ("none", "simple", "first", "average", "max")


@dataclass(frozen=True, kw_only=True)
class TokenClassificationOptions(Options):
    """
    What token classification can be asked for.

    Parameters
    ----------
    aggregation_strategy : {"none", "simple", "first", "average", "max"}
        How tokens become entities. ``none``: every token by itself. ``simple``: neighbours of one tag are grouped. The
        others label whole words first, by the label of the first token, by the mean of the tokens' scores or by the
        token that is surest, and group then.
    ignore_labels : collection of str
        Labels that are left out; of groups, without ``B-`` and ``I-``.
    stride : int, optional
        Splits a text that is too long into windows which share so many tokens. Without it the text is cut.
    """

    aggregation_strategy: str = "none"
    ignore_labels: Collection[str] = ("O",)
    stride: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        super().__post_init__()
        self._expect_word("aggregation_strategy", STRATEGIES)
        if isinstance(self.ignore_labels, str) or not isinstance(self.ignore_labels, Collection):
            raise DTypeError(f"ignore_labels is {self.ignore_labels!r:.60}; expected a list of labels")
        if self.stride is not None:
            self._expect_number("stride", 0)
            if self.aggregation_strategy == "none":
                raise UnsupportedError(
                    f"stride is {self.stride} and aggregation_strategy none; expected another strategy "
                    "because windows are joined by their groups"
                )


@dataclass(frozen=True)
class Piece:
    """A token or a word: its text, the scores of every label, and its place in the sentence, as letters."""

    text: str
    scores: Float32Array
    start: int
    end: int
    index: int
    is_continued: bool

    @property
    def label(self) -> int:
        """Return the label with the largest score."""
        return int(self.scores.argmax())

    @property
    def score(self) -> np.float32:
        """Return the largest score."""
        return np.float32(self.scores.max())


class TokenClassification(Pipeline[TokenClassificationOptions]):
    """Entities of a text, by the label names of the model's config."""

    task = "token-classification"
    head = "token-classification"
    options_type = TokenClassificationOptions

    def __call__(self, inputs: str | Sequence[str], **options: Any) -> Any:
        """
        Return the entities of one text or of each of several.

        Parameters
        ----------
        inputs : str or sequence of str
        options
            Those of ``TokenClassificationOptions``, for this call.

        Returns
        -------
        list of {"entity": str, "score": float, "index": int, "word": str, "start": int, "end": int}
            For a text, or a list of such lists; with a strategy ``entity_group`` takes the place of ``entity`` and
            ``index``. ``start`` and ``end`` count the text's letters.
        """
        chosen = self.options_with(options, self.options)
        texts = self._texts(inputs)
        windows = self._windows(texts, chosen.stride) if texts else []
        entities = [
            self._entities(text, found, chosen)
            for text, found in zip(texts, self._run_windows(windows, chosen.batch_size), strict=True)
        ]
        return entities[0] if isinstance(inputs, str) else entities

    def _windows(self, texts: Sequence[str], stride: int | None) -> list[list[Encoding]]:
        if stride is None:
            return [[sequence] for sequence in self.tokenizer.encodings(texts, truncate=True)]
        return self.tokenizer.windows(texts, stride=stride)

    def _entities(
        self, text: str, windows: Sequence[tuple[Encoding, dict[str, Any]]], chosen: TokenClassificationOptions
    ) -> list[dict[str, Any]]:
        entities = []
        for window, outputs in windows:
            pieces = self._tokens(text, window, softmax(outputs["logits"], axis=-1))
            if chosen.aggregation_strategy == "none":
                entities += [self._entity(piece) for piece in pieces]
                continue
            if chosen.aggregation_strategy != "simple":
                pieces = self._words(pieces, chosen.aggregation_strategy)
            entities += self._groups(pieces)
        kept = [
            entity
            for entity in entities
            if entity.get("entity", entity.get("entity_group")) not in chosen.ignore_labels
        ]
        return _without_overlaps(kept) if len(windows) > 1 else kept

    def _tokens(self, text: str, window: Encoding, scores: Float32Array) -> list[Piece]:
        pieces = []
        for index, (start, end) in enumerate(window.offsets):
            if window.special_tokens_mask[index]:
                continue
            token, words = window.tokens[index], text[start:end]
            is_unknown = window.ids[index] == self.tokenizer.unknown_token_id
            # Transformers' two rules: ## is seen by the length, and a vocabulary without such marks is guessed at.
            if self.tokenizer.marks_subwords:
                is_continued = len(token) != len(words)
            else:
                is_continued = start > 0 and " " not in text[start - 1 : start + 1]
            pieces.append(
                Piece(
                    text=words if is_unknown else token,
                    scores=scores[index],
                    start=start,
                    end=end,
                    index=index,
                    is_continued=is_continued and not is_unknown,
                )
            )
        return pieces

    def _entity(self, piece: Piece) -> dict[str, Any]:
        return {
            "entity": self.model.labels[piece.label],
            "score": float(piece.score),
            "index": piece.index,
            "word": piece.text,
            "start": piece.start,
            "end": piece.end,
        }

    def _words(self, tokens: Sequence[Piece], strategy: str) -> list[Piece]:
        """Return words for tokens, each with the scores that the strategy takes."""
        words: list[list[Piece]] = []
        for token in tokens:
            if words and token.is_continued:
                words[-1].append(token)
            else:
                words.append([token])
        return [
            Piece(
                text=self.tokenizer.join([token.text for token in word]),
                scores=_word_scores(word, strategy),
                start=word[0].start,
                end=word[-1].end,
                index=word[0].index,
                is_continued=False,
            )
            for word in words
        ]

    def _groups(self, pieces: Sequence[Piece]) -> list[dict[str, Any]]:
        """Return neighbours of one tag as one entity; a label ``B-`` starts a new one."""
        groups: list[list[Piece]] = []
        last = None
        for piece in pieces:
            label = self.model.labels[piece.label]
            tag = label[2:] if label.startswith(("B-", "I-")) else label
            if groups and tag == last and not label.startswith("B-"):
                groups[-1].append(piece)
            else:
                groups.append([piece])
            last = tag
        return [
            {
                "entity_group": self.model.labels[group[0].label].split("-", 1)[-1],
                "score": float(np.mean([piece.score for piece in group])),
                "word": self.tokenizer.join([piece.text for piece in group]),
                "start": group[0].start,
                "end": group[-1].end,
            }
            for group in groups
        ]


def _word_scores(word: Sequence[Piece], strategy: str) -> Float32Array:
    match strategy:
        case "first":
            return word[0].scores
        case "max":
            return max(word, key=lambda token: token.score).scores
    return np.asarray(np.mean([token.scores for token in word], axis=0), np.float32)


def _without_overlaps(entities: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entities by their start; of those that overlap, the longest, and of equally long ones the surest."""
    kept: list[dict[str, Any]] = []
    for entity in sorted(entities, key=lambda entity: entity["start"]):
        if not kept or entity["start"] >= kept[-1]["end"]:
            kept.append(entity)
        elif _rank(entity) > _rank(kept[-1]):
            kept[-1] = entity
    return kept


def _rank(entity: dict[str, Any]) -> tuple[int, float]:
    return entity["end"] - entity["start"], entity["score"]
