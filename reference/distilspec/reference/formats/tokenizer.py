"""Text to token ids: the Hugging Face ``tokenizer.json``, with every length and id checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from distilspec.reference.contract.errors import DTypeError, FormatError, RangeError
from distilspec.reference.contract.types import Int64Array

if TYPE_CHECKING:
    from tokenizers import Encoding

#: One text, or a pair such as question and context.
Text: TypeAlias = str | tuple[str, str]


class Tokenizer:
    """
    A ``tokenizer.json``; padding and truncation that the file asks for are ignored.

    Parameters
    ----------
    path : Path
    max_positions : int
        Longest sequence that the model takes.
    vocab_size : int
        Rows of the model's word table.

    Raises
    ------
    FormatError
        The file is missing or not a tokenizer.
    """

    def __init__(self, path: Path, *, max_positions: int, vocab_size: int) -> None:
        """Load the file."""
        from tokenizers import Tokenizer as Backend

        try:
            self._backend = Backend.from_str(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise FormatError(f"{path}: {error.strerror}; expected a readable tokenizer.json") from None
        except Exception as error:  # noqa: BLE001 - the package raises nothing narrower
            raise FormatError(f"{path}: {' '.join(str(error).split())}; expected a tokenizer.json") from None
        self._backend.no_padding()
        self._backend.no_truncation()
        self.path = path
        self.max_positions = max_positions
        self.vocab_size = vocab_size
        self.pad_token_id: int = self._backend.token_to_id("[PAD]") or 0
        self.mask_token_id: int | None = self._backend.token_to_id("[MASK]")
        self.unknown_token_id: int | None = self._backend.token_to_id("[UNK]")
        self.marks_subwords = bool(getattr(self._backend.model, "continuing_subword_prefix", None))

    def encode(self, texts: Sequence[Text], *, truncate: bool = False) -> dict[str, Int64Array]:
        """
        Return ``input_ids``, ``attention_mask`` and ``token_type_ids``, int64 [batch, sequence].

        Shorter texts are padded on the right to the longest of the batch. ``truncate`` cuts a text that is longer
        than the model's positions, of a pair the longer part first.

        Raises
        ------
        DTypeError
            ``texts`` is one string, or holds something else than texts and pairs of texts.
        RangeError
            There is no text; a text is empty, gives no token or has no UTF-8 form; a text is too long and ``truncate``
            is not set; a token's id is outside the model's vocabulary.
        """
        return self.pad(self.encodings(texts, truncate=truncate))

    def encodings(
        self, texts: Sequence[Text], *, truncate: bool = False, max_length: int | None = None
    ) -> list[Encoding]:
        """
        Return the tokens of each text, special ones included, with their places in the text.

        ``max_length`` takes the place of the model's positions where a text is cut. The errors are those of ``encode``,
        and ``RangeError`` for a ``max_length`` that leaves no room for a token of the text.
        """
        longest = self._longest(max_length)
        encodings = []
        for index, parts in enumerate(self._tokens(texts)):
            room = longest - self._backend.num_special_tokens_to_add(len(parts) == 2)
            if truncate and sum(map(len, parts)) > room:
                if room < len(parts):
                    raise RangeError(
                        f"tokenizer: text {index} is cut to {longest} tokens; expected at least "
                        f"{longest - room + len(parts)} because special tokens are among them"
                    )
                _cut(parts, room)
            encodings.append(self._finished(index, parts))
        return encodings

    def windows(self, texts: Sequence[Text], *, max_length: int | None = None, stride: int = 0) -> list[list[Encoding]]:
        """
        Return the tokens of each text, in as many sequences as it needs.

        Of a pair the second part is split, and each window has the whole first part.

        Parameters
        ----------
        texts : sequence of str or (str, str)
        max_length : int, optional
            Longest window, special tokens included; the model's positions unless said.
        stride : int
            Tokens that a window shares with the one before.

        Raises
        ------
        DTypeError, RangeError
            As ``encode``; ``stride`` is negative, or not smaller than what a window has room for.
        """
        if stride < 0:
            raise RangeError(f"tokenizer: stride is {stride}; expected at least 0")
        longest = self._longest(max_length)
        windows = []
        for index, parts in enumerate(self._tokens(texts)):
            room = longest - self._backend.num_special_tokens_to_add(len(parts) == 2) - sum(map(len, parts[:-1]))
            if len(parts[-1]) > room:
                if room <= stride:
                    raise RangeError(
                        f"tokenizer: text {index} is split into windows of {longest} tokens, which have room for "
                        f"{max(room, 0)} of it; expected more than the stride, {stride}"
                    )
                parts[-1].truncate(room, stride=stride)
            pieces = [parts[-1], *parts[-1].overflowing]
            windows.append([self._finished(index, [*parts[:-1], piece]) for piece in pieces])
        return windows

    def pad(self, encodings: Sequence[Encoding]) -> dict[str, Int64Array]:
        """Return what ``encode`` returns, of texts that are encoded already; there is at least one."""
        longest = max(len(encoding.ids) for encoding in encodings)
        shape = (len(encodings), longest)
        input_ids = np.full(shape, self.pad_token_id, np.int64)
        attention_mask, token_type_ids = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, encoding in enumerate(encodings):
            length = len(encoding.ids)
            input_ids[row, :length] = encoding.ids
            attention_mask[row, :length] = 1
            token_type_ids[row, :length] = encoding.type_ids
        return {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}

    def token(self, token_id: int) -> str:
        """Return the vocabulary's entry of an id."""
        return str(self._backend.id_to_token(token_id))

    def token_id(self, token: str) -> int | None:
        """Return the id of an entry of the vocabulary, or None."""
        return self._backend.token_to_id(token)

    def pieces(self, word: str) -> list[int]:
        """Return the ids of some text, without special tokens; no id for an empty text."""
        return list(self._backend.encode(word, add_special_tokens=False).ids)

    def decode(self, token_ids: Sequence[int], *, keep_special: bool = False) -> str:
        """Return the text of some ids, without special tokens unless they are to be kept."""
        return str(self._backend.decode(list(token_ids), skip_special_tokens=not keep_special))

    def join(self, tokens: Sequence[str]) -> str:
        """Return the text of some entries of the vocabulary."""
        decoder = self._backend.decoder
        return " ".join(tokens) if decoder is None else str(decoder.decode(list(tokens)))

    def _longest(self, max_length: int | None) -> int:
        if max_length is None:
            return self.max_positions
        if max_length > self.max_positions:
            raise RangeError(
                f"tokenizer: max_length is {max_length}; expected at most {self.max_positions} "
                "because the model has so many positions"
            )
        return max_length

    def _tokens(self, texts: Sequence[Text]) -> Iterator[list[Encoding]]:
        """Iterate over the texts, each as one part or two without special tokens."""
        if isinstance(texts, str):
            raise DTypeError(f"tokenizer: texts is the string {texts!r:.60}; expected a list of texts")
        if not texts:
            raise RangeError("tokenizer: there is no text; expected at least one")
        for index, text in enumerate(texts):
            _check_text(index, text)
        parts = [part for text in texts for part in _parts(text)]
        encoded = iter(self._backend.encode_batch(parts, add_special_tokens=False))
        for index, text in enumerate(texts):
            tokens = list(islice(encoded, len(_parts(text))))
            for words, part in zip(_parts(text), tokens, strict=True):
                if not part.ids:
                    raise RangeError(
                        f"tokenizer: text {index} has {words!r:.60}; expected a text that gives at least one token"
                    )
            yield tokens

    def _finished(self, index: int, parts: Sequence[Encoding]) -> Encoding:
        """Return the parts with special tokens; ``sequence_ids`` is 1 in the second, and may be None in the first."""
        encoding = self._backend.post_process(parts[0], parts[1] if len(parts) == 2 else None)
        if len(encoding.ids) > self.max_positions:
            raise RangeError(
                f"tokenizer: text {index} has {len(encoding.ids)} tokens; expected at most {self.max_positions} "
                "because the model has so many positions (truncation must be asked for)"
            )
        if max(encoding.ids) >= self.vocab_size:
            raise RangeError(
                f"tokenizer: text {index} gives id {max(encoding.ids)}; expected 0 to {self.vocab_size - 1} "
                "because the model's word table has so many rows"
            )
        return encoding


def _cut(parts: Sequence[Encoding], room: int) -> None:
    """Cut one part, or of two the longer until both are equally long, and then both, to ``room`` tokens in all."""
    lengths = [len(part) for part in parts]
    shorter = min(*lengths, room // 2) if len(parts) == 2 else 0
    longer = 0 if lengths[0] > lengths[-1] else len(parts) - 1
    for index, part in enumerate(parts):
        part.truncate(room - shorter if index == longer else shorter)


def _parts(text: Text) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


def _check_text(index: int, text: Text) -> None:
    if not isinstance(text, str) and not (isinstance(text, tuple) and len(text) == 2):
        raise DTypeError(f"tokenizer: text {index} is {text!r:.60}; expected a text or a pair of texts")
    for part in _parts(text):
        if not isinstance(part, str):
            raise DTypeError(f"tokenizer: text {index} has {part!r:.60}; expected a text")
        if any("\ud800" <= letter <= "\udfff" for letter in part):
            raise RangeError(f"tokenizer: text {index} has {part!r:.60}; expected text that has a UTF-8 form")
