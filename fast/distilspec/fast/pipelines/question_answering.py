"""``question-answering``: the parts of a context that answer a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import softmax

from distilspec.fast.pipelines.base import Options, Pipeline, largest
from distilspec.reference.contract.errors import DTypeError, ShapeError
from distilspec.reference.contract.types import Array, Float32Array

if TYPE_CHECKING:
    from tokenizers import Encoding

#: The longest window unless a call says otherwise, question and special tokens included.
LONGEST_WINDOW = 384

#: Tokens that windows share, unless a call says otherwise or a window has fewer than twice as many.
LONGEST_STRIDE = 128

_FORM = "{'question': ..., 'context': ...}"


@dataclass(frozen=True, kw_only=True)
class QuestionAnsweringOptions(Options):
    """
    What question answering can be asked for.

    Parameters
    ----------
    top_k : int
        Answers to list, from the likeliest on.
    doc_stride : int, optional
        Tokens that the windows of a long context share; unless said half of a window, and at most 128.
    max_seq_len : int, optional
        Tokens of a window, with the question and special tokens; unless said the model's positions, and at most 384.
    max_answer_len : int
        Tokens of the longest answer.
    handle_impossible_answer : bool
        Whether an empty answer may be given.
    align_to_words : bool
        Whether an answer starts and ends with whole words.
    """

    top_k: int = 1
    doc_stride: int | None = None
    max_seq_len: int | None = None
    max_answer_len: int = 15
    handle_impossible_answer: bool = False
    align_to_words: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        super().__post_init__()
        self._expect_number("top_k", 1)
        self._expect_number("max_answer_len", 1)
        if self.doc_stride is not None:
            self._expect_number("doc_stride", 0)
        if self.max_seq_len is not None:
            self._expect_number("max_seq_len", 1)


class QuestionAnswering(Pipeline[QuestionAnsweringOptions]):
    """Answers that stand in a context, which may be longer than the model's positions."""

    task = "question-answering"
    head = "question-answering"
    options_type = QuestionAnsweringOptions

    def __call__(
        self,
        inputs: Mapping[str, str] | Sequence[Mapping[str, str]] | None = None,
        *,
        question: str | Sequence[str] | None = None,
        context: str | Sequence[str] | None = None,
        **options: Any,
    ) -> Any:
        """
        Return the answers to one question or to each of several.

        Parameters
        ----------
        inputs : {"question": str, "context": str} or a sequence of them, optional
            In place of ``question`` and ``context``.
        question : str or sequence of str, optional
        context : str or sequence of str, optional
            One for all the questions, or one each.
        options
            Those of ``QuestionAnsweringOptions``, for this call.

        Returns
        -------
        {"score": float, "start": int, "end": int, "answer": str}
            ``start`` and ``end`` count the context's letters. A list of them where there are several answers, and a
            list of either for several questions; as in Transformers, a list of one question is answered like that
            question. Scores of equal answers are added up. Answers whose end is before their start, or outside of the
            context, are left out, which Transformers lists where a context has fewer answers than were asked for.
        """
        chosen = self.options_with(options, self.options)
        pairs = _pairs(inputs, question, context)
        longest = chosen.max_seq_len or min(self.tokenizer.max_positions, LONGEST_WINDOW)
        stride = min(longest // 2, LONGEST_STRIDE) if chosen.doc_stride is None else chosen.doc_stride
        windows = self.tokenizer.windows(pairs, max_length=longest, stride=stride) if pairs else []
        answers = [
            _answers(context, found, chosen)
            for (_, context), found in zip(pairs, self._run_windows(windows, chosen.batch_size), strict=True)
        ]
        return answers[0] if len(answers) == 1 else answers


def _pairs(inputs: object, question: object, context: object) -> list[tuple[str, str]]:
    if inputs is not None:
        if question is not None or context is not None:
            raise DTypeError("question-answering: inputs stands beside question or context; expected one or the other")
        return [_pair(item) for item in (inputs if isinstance(inputs, (list, tuple)) else [inputs])]
    if question is None or context is None:
        raise DTypeError(
            f"question-answering: {'question' if question is None else 'context'} is absent; expected both"
        )
    questions = question if isinstance(question, (list, tuple)) else [question]
    contexts = context if isinstance(context, (list, tuple)) else [context] * len(questions)
    if len(questions) != len(contexts):
        raise ShapeError(
            f"question-answering: {len(questions)} questions and {len(contexts)} contexts; expected as many, or one "
            "context for all"
        )
    return [
        _pair({"question": question, "context": context}) for question, context in zip(questions, contexts, strict=True)
    ]


def _pair(item: object) -> tuple[str, str]:
    match item:
        case {"question": str(question), "context": str(context), **others} if not others:
            return question, context
    raise DTypeError(f"question-answering: the input is {item!r:.60}; expected {_FORM}")


def _answers(
    context: str, windows: Sequence[tuple[Encoding, dict[str, Float32Array]]], chosen: QuestionAnsweringOptions
) -> Any:
    # More than asked for, because several may become the same words.
    count = 2 * chosen.top_k + 10 if chosen.align_to_words else chosen.top_k
    answers: dict[str, dict[str, Any]] = {}
    none = []
    for window, outputs in windows:
        tokens = np.flatnonzero(np.asarray([part == 1 for part in window.sequence_ids]))
        # The first token stands for no answer.
        start = softmax(outputs["start_logits"][[0, *tokens]])
        end = softmax(outputs["end_logits"][[0, *tokens]])
        none.append(float(start[0] * end[0]))
        for first, last, score in _spans(start[1:], end[1:], count, chosen.max_answer_len):
            begin, stop = _letters(window, int(tokens[first]), int(tokens[last]), align_to_words=chosen.align_to_words)
            answer = context[begin:stop]
            entry = answers.setdefault(answer.lower(), {"score": 0.0, "start": begin, "end": stop, "answer": answer})
            entry["score"] += score
    found = list(answers.values())
    if chosen.handle_impossible_answer:
        found.append({"score": min(none), "start": 0, "end": 0, "answer": ""})
    best = sorted(found, key=lambda answer: -answer["score"])[: chosen.top_k]
    return best[0] if len(best) == 1 else best


def _spans(start: Float32Array, end: Float32Array, count: int, longest: int) -> list[tuple[int, int, float]]:
    """Return first and last token of the likeliest answers, from the best on, each with its probability."""
    size = len(start)
    band: Array = np.tril(np.triu(np.ones((size, size), np.bool_)), longest - 1)
    firsts, lasts = np.nonzero(band)
    scores = start[firsts] * end[lasts]
    return [(int(firsts[index]), int(lasts[index]), float(scores[index])) for index in largest(scores, count)]


def _letters(window: Encoding, first: int, last: int, *, align_to_words: bool) -> tuple[int, int]:
    """Return where an answer starts and ends in the context; a word reaches as far as the window has its tokens."""
    if align_to_words:
        first_word, last_word = window.token_to_word(first), window.token_to_word(last)
        if first_word is not None and last_word is not None:
            begin, stop = window.word_to_chars(first_word, 1), window.word_to_chars(last_word, 1)
            if begin is not None and stop is not None:
                return begin[0], stop[1]
    return window.offsets[first][0], window.offsets[last][1]
