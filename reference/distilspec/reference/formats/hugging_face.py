"""Loading a model from a Hugging Face folder: ``config.json``, safetensors and ``tokenizer.json``."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from distilspec.reference.contract.errors import FormatError, RangeError, UnsupportedError
from distilspec.reference.contract.types import Array, Int64Array
from distilspec.reference.formats.json_file import read_json
from distilspec.reference.formats.new_folder import new_folder
from distilspec.reference.formats.safetensors_file import SafetensorsFile, write_safetensors
from distilspec.reference.formats.tokenizer import Text, Tokenizer
from distilspec.reference.models.build import build_program, expect_weights, family, weight_shapes
from distilspec.reference.models.config import BertConfig, Config, DistilBertConfig
from distilspec.reference.program import Program

#: Family and head of every class that a checkpoint may have been saved from.
ARCHITECTURES: Mapping[str, tuple[str, str]] = {
    "BertModel": ("bert", "feature-extraction"),
    "BertForSequenceClassification": ("bert", "sequence-classification"),
    "BertForTokenClassification": ("bert", "token-classification"),
    "BertForQuestionAnswering": ("bert", "question-answering"),
    "BertForMaskedLM": ("bert", "masked-lm"),
    "BertForPreTraining": ("bert", "masked-lm"),
    "DistilBertModel": ("distilbert", "feature-extraction"),
    "DistilBertForSequenceClassification": ("distilbert", "sequence-classification"),
    "DistilBertForTokenClassification": ("distilbert", "token-classification"),
    "DistilBertForQuestionAnswering": ("distilbert", "question-answering"),
    "DistilBertForMaskedLM": ("distilbert", "masked-lm"),
}

#: Weights that a checkpoint may leave out because they are another weight.
_TIED = {
    "cls.predictions.decoder.weight": "embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
    "vocab_projector.weight": "embeddings.word_embeddings.weight",
}

_BERT_SIZES = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "num_heads",
    "intermediate_size": "intermediate_size",
    "max_position_embeddings": "max_positions",
    "type_vocab_size": "type_vocab_size",
    "hidden_act": "activation",
    "layer_norm_eps": "layer_norm_eps",
}
_DISTILBERT_SIZES = {
    "vocab_size": "vocab_size",
    "dim": "hidden_size",
    "n_layers": "num_layers",
    "n_heads": "num_heads",
    "hidden_dim": "intermediate_size",
    "max_position_embeddings": "max_positions",
    "activation": "activation",
}

#: Options that change the arithmetic, with the only value that is implemented.
_FIXED: Mapping[str, Any] = {
    "is_decoder": False,
    "add_cross_attention": False,
    "position_embedding_type": "absolute",
    "pruned_heads": {},
    "quantization_config": None,
}


#: What a classifier's labels may be.
PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")


class StoredTensor(NamedTuple):
    """A tensor in a file."""

    file: SafetensorsFile
    name: str


#: What makes a folder one of sentence-transformers: mean pooling, then length 1.
_MODULES = [
    {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
    for index, (path, kind) in enumerate((("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")))
]
_POOLING = {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": False}


@dataclass(frozen=True)
class Model:
    """
    A program with what is needed to ask it: tokenizer, config, head and the names of its labels.

    ``program.constants`` holds the weights under their Hugging Face names without the family prefix.
    ``problem_type`` is what ``config.json`` says of a classifier's labels: regression, one label or several at once.
    """

    name: str
    program: Program
    tokenizer: Tokenizer
    config: Config
    head: str
    labels: tuple[str, ...]
    weights: Mapping[str, Array]
    problem_type: str | None = None

    def encode(self, texts: Sequence[Text], *, truncate: bool = False) -> dict[str, Int64Array]:
        """Return the program's inputs for these texts; the parameters and errors are those of ``Tokenizer.encode``."""
        encoded = self.tokenizer.encode(texts, truncate=truncate)
        return {name: encoded[name] for name in self.program.inputs}


def load_folder(folder: str | Path, *, head: str | None = None, name: str = "") -> Model:
    """
    Load a Hugging Face folder.

    The head is the one that ``config.json`` names as architecture, and ``sentence-embedding`` for a
    sentence-transformers folder. Pickled weights are never opened.

    Raises
    ------
    FormatError
        A file is missing, truncated, inconsistent or hostile, or lacks a weight.
    ShapeError
        A weight has another shape than the config says, or the config's sizes contradict each other.
    DTypeError
        A weight is not floating point.
    RangeError
        A weight holds NaN or infinity, or the config has an impossible size.
    UnsupportedError
        The architecture, an option or the head is not implemented here.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FormatError(
            f"{folder}: there is no such folder; expected a folder with config.json and model.safetensors"
        )
    fields = read_json(folder / "config.json", dict)
    head = head or _default_head(folder, fields)
    stored = _canonical_names(_stored_tensors(folder), folder)
    config = _config(fields, folder, has_pooler="pooler.dense.weight" in stored)
    weights = _weights(_with_tied(stored, fields), config, head)
    tokenizer = Tokenizer(folder / "tokenizer.json", max_positions=config.max_positions, vocab_size=config.vocab_size)
    name = name or folder.resolve().name
    program = build_program(config, head, weights, name=name)
    if not head.endswith("-classification"):
        return Model(name, program, tokenizer, config, head, (), weights)
    labels = _labels(fields, config, folder)
    return Model(name, program, tokenizer, config, head, labels, weights, _problem_type(fields, folder))


def save_folder(folder: Path, config: Config, head: str, weights: Mapping[str, Array], tokenizer: Path) -> None:
    """
    Write a Hugging Face folder that Transformers loads; weights are rounded to float32.

    Raises
    ------
    FormatError
        The folder exists already, or a weight is absent.
    """
    expect_weights(config, head, {name: array.shape for name, array in weights.items()})
    model_type = family(config)
    sizes = _BERT_SIZES if isinstance(config, BertConfig) else _DISTILBERT_SIZES
    meaning = (model_type, "feature-extraction" if head == "sentence-embedding" else head)
    architecture = next(name for name, known in ARCHITECTURES.items() if known == meaning)
    fields: dict[str, Any] = {"architectures": [architecture], "model_type": model_type}
    fields |= {key: getattr(config, field) for key, field in sizes.items()}
    fields["id2label"] = {str(index): f"LABEL_{index}" for index in range(config.num_labels)}
    fields["label2id"] = {f"LABEL_{index}": index for index in range(config.num_labels)}
    used = {_stored_name(name, model_type): weights[name].astype(np.float32) for name in weight_shapes(config, head)}
    with new_folder(folder) as temporary:
        _write_json(temporary / "config.json", fields)
        if head == "sentence-embedding":
            _write_json(temporary / "modules.json", _MODULES)
            (temporary / "1_Pooling").mkdir()
            _write_json(
                temporary / "1_Pooling" / "config.json", _POOLING | {"word_embedding_dimension": config.hidden_size}
            )
        write_safetensors(temporary / "model.safetensors", used)
        shutil.copyfile(tokenizer, temporary / "tokenizer.json")


def _default_head(folder: Path, fields: Mapping[str, Any]) -> str:
    if (folder / "modules.json").exists():
        return _sentence_transformers_head(folder)
    architectures = fields.get("architectures")
    architecture = architectures[0] if isinstance(architectures, list) and architectures else architectures
    if not isinstance(architecture, str) or architecture not in ARCHITECTURES:
        raise UnsupportedError(
            f"{folder}: architecture is {architecture!r:.60}; expected one of {', '.join(ARCHITECTURES)}"
        )
    model_type, head = ARCHITECTURES[architecture]
    if fields.get("model_type") != model_type:
        raise FormatError(
            f"{folder}: model_type is {fields.get('model_type')!r:.60} and architecture {architecture}; "
            f"expected {model_type}"
        )
    return head


def _sentence_transformers_head(folder: Path) -> str:
    modules = read_json(folder / "modules.json", list)
    kinds = [str(module.get("type")).rpartition(".")[2] if isinstance(module, dict) else "" for module in modules]
    if kinds != ["Transformer", "Pooling", "Normalize"]:
        raise UnsupportedError(
            f"{folder}: modules.json lists {kinds!r:.60}; expected Transformer, Pooling, Normalize (or name a head)"
        )
    pooling = read_json(folder / "1_Pooling" / "config.json", dict)
    modes = [key for key, value in pooling.items() if key.startswith("pooling_mode_") and value is not False]
    if modes != ["pooling_mode_mean_tokens"]:
        raise UnsupportedError(f"{folder}: pooling is {modes!r:.60}; expected pooling_mode_mean_tokens alone")
    return "sentence-embedding"


def _config(fields: Mapping[str, Any], folder: Path, *, has_pooler: bool) -> Config:
    for option, expected in _FIXED.items():
        if fields.get(option, expected) != expected:
            raise UnsupportedError(
                f"{folder}: config.json has {option} = {fields[option]!r:.60}; expected {expected} "
                "because nothing else is implemented"
            )
    labels = fields.get("id2label")
    num_labels = len(labels) if isinstance(labels, dict) else fields.get("num_labels", 2)
    match fields.get("model_type"):
        case "bert":
            return BertConfig(
                **_sizes(fields, _BERT_SIZES, BertConfig, folder), num_labels=num_labels, has_pooler=has_pooler
            )
        case "distilbert":
            return DistilBertConfig(
                **_sizes(fields, _DISTILBERT_SIZES, DistilBertConfig, folder), num_labels=num_labels
            )
    raise UnsupportedError(f"{folder}: model_type is {fields.get('model_type')!r:.60}; expected bert or distilbert")


def _sizes(fields: Mapping[str, Any], names: Mapping[str, str], kind: type[Config], folder: Path) -> dict[str, Any]:
    required = {field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING}
    for key, name in names.items():
        if key not in fields and name in required:
            raise FormatError(f"{folder}: config.json has no {key}; expected it because the model's size depends on it")
    return {name: fields[key] for key, name in names.items() if key in fields}


def _labels(fields: Mapping[str, Any], config: Config, folder: Path) -> tuple[str, ...]:
    names = fields.get("id2label") or {str(index): f"LABEL_{index}" for index in range(config.num_labels)}
    labels = [names.get(str(index)) for index in range(config.num_labels)]
    if not all(isinstance(label, str) and label.isprintable() for label in labels):
        raise FormatError(f"{folder}: id2label is {names!r:.60}; expected a name for 0 to {config.num_labels - 1}")
    return tuple(map(str, labels))


def _problem_type(fields: Mapping[str, Any], folder: Path) -> str | None:
    problem = fields.get("problem_type")
    if problem is not None and problem not in PROBLEM_TYPES:
        raise UnsupportedError(f"{folder}: problem_type is {problem!r:.60}; expected one of {', '.join(PROBLEM_TYPES)}")
    return problem


def _stored_tensors(folder: Path) -> dict[str, StoredTensor]:
    if (folder / "model.safetensors").exists():
        file = SafetensorsFile(folder / "model.safetensors")
        return {name: StoredTensor(file, name) for name in file.entries}
    index = folder / "model.safetensors.index.json"
    if index.exists():
        return _sharded_tensors(index)
    if any(folder.glob("*.bin")):
        raise UnsupportedError(
            f"{folder}: the weights are pickled (.bin); expected model.safetensors because reading a pickle runs code"
        )
    raise FormatError(f"{folder}: there is no model.safetensors; expected the weights in it")


def _sharded_tensors(index: Path) -> dict[str, StoredTensor]:
    shards = read_json(index, dict).get("weight_map")
    if not isinstance(shards, dict):
        raise FormatError(f"{index}: weight_map is {shards!r:.60}; expected an object of file names")
    files: dict[str, SafetensorsFile] = {}
    tensors = {}
    for name, shard in shards.items():
        if not isinstance(shard, str) or not _is_inside(index.parent, shard):
            raise FormatError(f"{index}: weight_map points to {shard!r:.60}; expected a file in the same folder")
        if shard not in files:
            files[shard] = SafetensorsFile(index.parent / shard)
        if name not in files[shard].entries:
            raise FormatError(f"{index}: {name!r:.60} is not in {shard}; expected it there because weight_map says so")
        tensors[name] = StoredTensor(files[shard], name)
    return tensors


def _is_inside(folder: Path, name: str) -> bool:
    return name.isprintable() and Path(name).name == name and (folder / name).resolve().parent == folder.resolve()


def _canonical_names(stored: Mapping[str, StoredTensor], folder: Path) -> dict[str, StoredTensor]:
    tensors: dict[str, StoredTensor] = {}
    for name, tensor in stored.items():
        canonical = name.removeprefix("bert.").removeprefix("distilbert.")
        canonical = re.sub(r"\.gamma$", ".weight", re.sub(r"\.beta$", ".bias", canonical))
        if canonical in tensors:
            raise FormatError(
                f"{folder}: {tensors[canonical].name} and {name} both mean {canonical}; expected one of them"
            )
        tensors[canonical] = tensor
    return tensors


def _with_tied(stored: Mapping[str, StoredTensor], fields: Mapping[str, Any]) -> dict[str, StoredTensor]:
    tensors = dict(stored)
    for name, source in _TIED.items():
        is_tied = name.endswith(".bias") or fields.get("tie_word_embeddings", True)
        if is_tied and name not in tensors and source in tensors:
            tensors[name] = tensors[source]
    return tensors


def _weights(stored: Mapping[str, StoredTensor], config: Config, head: str) -> dict[str, Array]:
    expect_weights(config, head, {name: tensor.file.entries[tensor.name].shape for name, tensor in stored.items()})
    loaded: dict[StoredTensor, Array] = {}
    weights = {}
    for name in weight_shapes(config, head):
        tensor = stored[name]
        if tensor not in loaded:
            loaded[tensor] = tensor.file.read_float32(tensor.name)
            _expect_finite(tensor, loaded[tensor])
        weights[name] = loaded[tensor]
    return weights


def _expect_finite(tensor: StoredTensor, array: Array) -> None:
    bad = array[~np.isfinite(array)]
    if bad.size:
        raise RangeError(
            f"{tensor.file.path}: tensor {tensor.name} holds {bad[0]} ({bad.size} of {array.size} numbers are not "
            "finite); expected finite weights"
        )


def _stored_name(name: str, model_type: str) -> str:
    is_encoder = name.startswith(("embeddings.", "encoder.", "transformer.", "pooler."))
    return f"{model_type}.{name}" if is_encoder else name


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
