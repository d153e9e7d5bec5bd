"""What the tasks share: options, batches, and the reading of what a user gave."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np

from distilspec.fast.engine import Engine
from distilspec.reference.contract.errors import DTypeError, RangeError, UnsupportedError
from distilspec.reference.contract.symbols import SEQUENCE
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.hugging_face import Model

if TYPE_CHECKING:
    from tokenizers import Encoding


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """
    What every task can be asked for.

    Parameters
    ----------
    batch_size : int
        Sequences of one forward, padded to the longest of them.

    Raises
    ------
    RangeError
        A number is too small.
    UnsupportedError
        A word is none of those that the option has.
    """

    batch_size: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        self._expect_number("batch_size", 1)

    def _expect_number(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise RangeError(f"{name} is {value!r:.60}; expected an integer of at least {least}")

    def _expect_word(self, name: str, words: Sequence[str]) -> None:
        value = getattr(self, name)
        if value not in words:
            raise UnsupportedError(f"{name} is {value!r:.60}; expected one of {', '.join(words)}")


O = TypeVar("O", bound=Options)  # noqa: E741


class Pipeline(Generic[O]):
    """
    A task on a model: texts in, what Transformers' pipeline of the task answers out.

    One may be called from several threads. Used in a ``with`` statement it closes at the end. The numbers of a text
    do not depend on the texts beside it, except in a recipe that takes a scale from the whole batch.

    Attributes
    ----------
    task : str
    head : str
        The model's head that the task reads.
    model : Model
    engine : Engine
    options : Options
        What holds where a call does not say otherwise.
    """

    task: ClassVar[str]
    head: ClassVar[str]
    options_type: type[O]

    def __init__(self, model: Model, engine: Engine, **options: Any) -> None:
        """
        Join a model to the engine that runs it.

        Raises
        ------
        UnsupportedError
            The model has another head, or the task has no such option.
        """
        self.expect_head(model)
        self.model = model
        self.tokenizer = model.tokenizer
        self.engine = engine
        self.options = self.options_with(options)
        self._per_token = {
            label for label, name in model.program.outputs.items() if SEQUENCE in model.program.spec(name).shape
        }

    @classmethod
    def expect_head(cls, model: Model) -> None:
        """Raise ``UnsupportedError`` unless the model has the task's head."""
        if model.head != cls.head:
            raise UnsupportedError(
                f"{cls.task}: model {model.name} has the head {model.head}; expected {cls.head} "
                "because the task reads it"
            )

    @classmethod
    def options_with(cls, changes: Mapping[str, Any], options: O | None = None) -> O:
        """Return ``options``, or those that a task has from the start, with some of them changed."""
        known = [field.name for field in dataclasses.fields(cls.options_type)]
        for name in changes:
            if name not in known:
                raise UnsupportedError(
                    f"{cls.task}: there is no option {name!r:.60}; expected one of {', '.join(known)}"
                )
        return dataclasses.replace(options or cls.options_type(), **changes)

    def close(self) -> None:
        """Close the engine; the pipeline cannot be used again."""
        self.engine.close()

    def __enter__(self) -> Pipeline[O]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _texts(self, inputs: str | Sequence[str], name: str = "the input") -> list[str]:
        """Return one text, or several, as a list; ``name`` is how errors call them."""
        texts = [inputs] if isinstance(inputs, str) else inputs
        if not isinstance(texts, (list, tuple)):
            raise DTypeError(f"{self.task}: {name} is {texts!r:.60}; expected a text or a list of texts")
        for index, text in enumerate(texts):
            if not isinstance(text, str):
                raise DTypeError(f"{self.task}: text {index} of {name} is {text!r:.60}; expected a text")
        return list(texts)

    def _run(self, sequences: Sequence[Encoding], batch_size: int) -> Iterator[dict[str, Array]]:
        """Iterate over the outputs of every sequence, by their labels; what has a row a token has no padding in it."""
        for start in range(0, len(sequences), batch_size):
            batch = sequences[start : start + batch_size]
            inputs = self.tokenizer.pad(batch)
            outputs = self.engine.run({name: inputs[name] for name in self.model.program.inputs})
            for row, sequence in enumerate(batch):
                yield {
                    label: array[row, : len(sequence)] if label in self._per_token else array[row]
                    for label, array in outputs.items()
                }

    def _run_windows(
        self, texts: Sequence[Sequence[Encoding]], batch_size: int
    ) -> Iterator[list[tuple[Encoding, dict[str, Array]]]]:
        """Iterate over the texts, each as its windows with their outputs; a batch may hold windows of several texts."""
        outputs = self._run([window for windows in texts for window in windows], batch_size)
        for windows in texts:
            yield list(zip(windows, islice(outputs, len(windows)), strict=True))


def largest(values: Array, count: int) -> Array:
    """Return the indices of the ``count`` largest of ``values`` [n], or of all, from the largest on; integers."""
    count = min(count, len(values))
    if not count:
        return np.zeros(0, np.int64)
    found = np.sort(np.argpartition(-values, count - 1)[:count])
    return found[np.argsort(-values[found], kind="stable")]
