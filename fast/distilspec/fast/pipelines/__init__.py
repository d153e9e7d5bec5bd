"""Texts in, answers out: the tasks of Transformers' pipelines on the fast engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from distilspec.fast.engine import compile as compile_model
from distilspec.fast.engine import program_of_result
from distilspec.fast.pipelines.base import Pipeline
from distilspec.fast.pipelines.feature_extraction import FeatureExtraction
from distilspec.fast.pipelines.fill_mask import FillMask
from distilspec.fast.pipelines.question_answering import QuestionAnswering
from distilspec.fast.pipelines.text_classification import TextClassification
from distilspec.fast.pipelines.token_classification import TokenClassification
from distilspec.reference.contract.errors import DTypeError, UnsupportedError
from distilspec.reference.formats.hugging_face import Model
from distilspec.reference.formats.named_models import load_model

__all__ = ["TASKS", "Pipeline", "pipeline"]

#: Every task by its name; the last two names are Transformers' other words for one.
TASKS: Mapping[str, type[Pipeline[Any]]] = MappingProxyType(
    {
        "feature-extraction": FeatureExtraction,
        "text-classification": TextClassification,
        "token-classification": TokenClassification,
        "question-answering": QuestionAnswering,
        "fill-mask": FillMask,
        "sentiment-analysis": TextClassification,
        "ner": TokenClassification,
    }
)


def pipeline(
    task: str,
    model: Model | str | Path,
    *,
    recipe: str | None = None,
    calibration: Sequence[str] = (),
    sparsity: float = 0.0,
    block_shape: tuple[int, int] = (4, 1),
    threads: int = 1,
    backend: str = "auto",
    **options: Any,
) -> Pipeline[Any]:
    """
    Return a task on a model: texts in, and out what Transformers' pipeline of that name answers.

    Parameters
    ----------
    task : str
        A name in ``TASKS``.
    model : Model, or the name or folder of a model
        With the head that the task reads. Features are taken from any. Of a folder that ``distilspec compress`` has
        made, the program is run that ``compile`` runs, if it has the task's head.
    recipe, calibration, sparsity, block_shape, threads, backend
        As ``compile`` takes them.
    options
        ``batch_size``, 1 unless said, and the task's own: what a call does not say otherwise. Each class of ``TASKS``
        has them listed under ``options_type``.

    Raises
    ------
    UnsupportedError
        The task or an option does not exist, the model has another head, or an error of ``compile``.
    RangeError
        An option has an impossible number.
    FormatError
        There is no such model.

    Examples
    --------
    >>> extract = pipeline("feature-extraction", "minilm", return_tensors="np")  # doctest: +SKIP
    >>> extract("A man is eating food.").shape  # doctest: +SKIP
    (1, 8, 384)
    """
    if task not in TASKS:
        raise UnsupportedError(f"task is {task!r:.60}; expected one of {', '.join(TASKS)}")
    kind = TASKS[task]
    kind.options_with(options)
    loaded = _loaded(kind, model)
    kind.expect_head(loaded)
    made = None if sparsity else program_of_result(model, recipe, calibration)
    if made is not None and made.outputs.keys() == loaded.program.outputs.keys():
        engine = compile_model(made, recipe=recipe, threads=threads, backend=backend)
    else:
        engine = compile_model(
            loaded, recipe=recipe, calibration=calibration, sparsity=sparsity, block_shape=block_shape,
            threads=threads, backend=backend,
        )  # fmt: skip
    return kind(loaded, engine, **options)


def _loaded(kind: type[Pipeline[Any]], model: Model | str | Path) -> Model:
    if isinstance(model, Model):
        return model
    if not isinstance(model, (str, Path)):
        raise DTypeError(
            f"{kind.task}: the model is a {type(model).__name__}; expected a Model or its name or folder, because a "
            "task needs the tokenizer"
        )
    # Any checkpoint has features; another head is only read where the checkpoint was saved with it.
    return load_model(model, head=FeatureExtraction.head if kind is FeatureExtraction else None)
