"""Text to token ids: the Hugging Face ``tokenizer.json``, with every length and id checked."""

from __future__ import annotations

from collections.abc import Sequence
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
        self.path = path
        self.max_positions = max_positions
        self.vocab_size = vocab_size
        self.pad_token_id: int = self._backend.token_to_id("[PAD]") or 0

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
        if isinstance(texts, str):
            raise DTypeError(f"tokenizer: texts is the string {texts!r:.60}; expected a list of texts")
        if not texts:
            raise RangeError("tokenizer: there is no text; expected at least one")
        for index, text in enumerate(texts):
            _check_text(index, text)
        if truncate:
            self._backend.enable_truncation(self.max_positions)
        else:
            self._backend.no_truncation()
        encodings = self._backend.encode_batch(list(texts))
        for index, (text, encoding) in enumerate(zip(texts, encodings, strict=True)):
            self._check_encoding(index, text, encoding)
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

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of some ids, without special tokens."""
        return str(self._backend.decode(list(token_ids)))

    def _check_encoding(self, index: int, text: Text, encoding: Encoding) -> None:
        for part, words in enumerate(_parts(text)):
            if part not in encoding.sequence_ids:
                raise RangeError(
                    f"tokenizer: text {index} has {words!r:.60}; expected a text that gives at least one token"
                )
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
