"""``text-classification``: a label for every text or pair of texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from scipy.special import expit, softmax

from distilspec.fast.pipelines.base import Options, Pipeline, largest
from distilspec.fast.pipelines.truncation import Truncation
from distilspec.reference.contract.errors import DTypeError
from distilspec.reference.contract.types import Float32Array
from distilspec.reference.formats.tokenizer import Text

#: What makes scores of logits, by the names that Transformers has for it.
FUNCTIONS: Mapping[str, Callable[[Float32Array], Float32Array]] = {
    "softmax": softmax,
    "sigmoid": expit,
    "none": lambda logits: logits,
}

#: The function that the kind of the labels asks for.
_BY_PROBLEM_TYPE = {
    "regression": "none",
    "multi_label_classification": "sigmoid",
    "single_label_classification": "softmax",
}

#: The ``top_k`` of a call that does not say any: the best label, and not a list of one.
BEST: Final = "best"


@dataclass(frozen=True, kw_only=True)
class TextClassificationOptions(Options):
    """
    What text classification can be asked for.

    Parameters
    ----------
    top_k : int, optional
        Labels to list, from the best on; None for all of them. Unless said: the best, and not in a list.
    function_to_apply : {"softmax", "sigmoid", "none"}, optional
        Unless said, what the model's labels ask for: sigmoid for several labels at once or a single one, none for a
        regression, otherwise softmax.
    truncation : bool, optional
        Whether a text that is too long is cut, of a pair the longer text first; it is an error otherwise.
    max_length : int, optional
        Tokens that a text is cut to.
    """

    top_k: int | Literal["best"] | None = BEST
    function_to_apply: str | None = None
    truncation: bool | None = None
    max_length: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        super().__post_init__()
        if self.top_k not in (None, BEST):
            self._expect_number("top_k", 1)
        if self.function_to_apply is not None:
            self._expect_word("function_to_apply", tuple(FUNCTIONS))
        self.cut()

    def cut(self) -> Truncation:
        """Return how long texts are cut."""
        return Truncation(truncation=self.truncation, max_length=self.max_length)


class TextClassification(Pipeline[TextClassificationOptions]):
    """Labels of texts, by the names of the model's config."""

    task = "text-classification"
    head = "sequence-classification"
    options_type = TextClassificationOptions

    def __call__(self, inputs: str | Mapping[str, str] | Sequence[str | Mapping[str, str]], **options: Any) -> Any:
        """
        Return the labels of one text or of each of several.

        Parameters
        ----------
        inputs : str, {"text": str, "text_pair": str}, or a sequence of them
        options
            Those of ``TextClassificationOptions``, for this call.

        Returns
        -------
        list of {"label": str, "score": float}
            One a text; a list for every text where ``top_k`` is given. As in Transformers, the answer for a single text
            stands in a list unless the call itself says ``top_k``, and that for a single pair does not.
        """
        chosen = self.options_with(options, self.options)
        is_single = isinstance(inputs, (str, Mapping))
        items = [inputs] if is_single else inputs
        if not isinstance(items, (list, tuple)):
            raise DTypeError(f"{self.task}: the input is {items!r:.60}; expected a text or a list of texts")
        texts = [self._text(index, item) for index, item in enumerate(items)]
        sequences = self.tokenizer.encodings(texts, **chosen.cut().arguments) if texts else []
        labels = [self._labels(outputs["logits"], chosen) for outputs in self._run(sequences, chosen.batch_size)]
        if is_single and not (isinstance(inputs, str) and "top_k" not in options):
            return labels[0]
        return labels

    def _text(self, index: int, item: object) -> Text:
        match item:
            case str(text) | {"text": str(text), "text_pair": None}:
                return text
            case {"text": str(text), "text_pair": str(pair), **others} if not others:
                return text, pair
            case {"text": str(text), **others} if not others:
                return text
        raise DTypeError(
            f"{self.task}: text {index} is {item!r:.60}; expected a text, or {{'text': ..., 'text_pair': ...}}"
        )

    def _labels(self, logits: Float32Array, chosen: TextClassificationOptions) -> Any:
        function = FUNCTIONS[chosen.function_to_apply or self._default_function()]
        scores = function(logits)
        names = self.model.labels
        count = len(names) if chosen.top_k is None else chosen.top_k
        best = largest(scores, 1 if count == BEST else count)
        labels = [{"label": names[index], "score": float(scores[index])} for index in best]
        return labels[0] if count == BEST else labels

    def _default_function(self) -> str:
        if self.model.problem_type is not None:
            return _BY_PROBLEM_TYPE[self.model.problem_type]
        return "sigmoid" if len(self.model.labels) == 1 else "softmax"
