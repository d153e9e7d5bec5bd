"""Classifiers in torch from and to Hugging Face folders, and students made of a teacher's layers."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from distilspec.reference.contract.errors import RangeError, UnsupportedError
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.new_folder import new_folder
from distilspec.reference.formats.safetensors_file import write_safetensors
from distilspec.reference.models import BertConfig, Config, fold_token_types

_HEAD = ("pre_classifier", "classifier")
_LAYERS = "distilbert.transformer.layer."


def new_classifier(folder: Path, labels: Sequence[str], *, seed: int) -> DistilBertForSequenceClassification:
    """
    Return a DistilBERT classifier with the encoder of a Hugging Face folder and a head drawn from ``seed``.

    A BERT becomes the DistilBERT that answers as it does for single texts, as ``fold_token_types`` says.

    Parameters
    ----------
    folder : Path
        A BERT or DistilBERT with any head, or a sentence-transformers folder.
    labels : sequence of str
        Their names, in the order of their numbers.
    seed : int
        Of the head's weights; the state of torch's own generator stays as it is.

    Raises
    ------
    ContractError
        As ``load_folder``; ``UnsupportedError`` if a BERT's ``layer_norm_eps`` is not DistilBERT's.
    RangeError
        There are fewer than two labels, or one stands twice.
    """
    if len(labels) < 2 or len(set(labels)) < len(labels):
        raise RangeError(f"labels are {', '.join(labels)}; expected two or more different ones to choose from")
    loaded = load_folder(folder, head="sentence-embedding")
    with _seeded(seed):
        return _torch_model(loaded.config, loaded.weights, labels)


def load_classifier(folder: Path) -> DistilBertForSequenceClassification:
    """
    Load a DistilBERT classifier from a Hugging Face folder.

    Raises
    ------
    ContractError
        As ``load_folder``.
    UnsupportedError
        It is a BERT, whose classifier has a pooler that DistilBERT has not.
    """
    loaded = load_folder(folder, head="sequence-classification")
    if isinstance(loaded.config, BertConfig):
        raise UnsupportedError(
            f"{folder}: it is a BERT classifier; expected a DistilBERT because the pooler has no place in one "
            "(new_classifier takes the encoder)"
        )
    return _torch_model(loaded.config, loaded.weights, loaded.labels)


def save_classifier(folder: Path, model: DistilBertForSequenceClassification, tokenizer: Path) -> None:
    """
    Write a Hugging Face folder: config, weights, and the tokenizer's file as it is.

    Raises
    ------
    FormatError
        The folder exists already, or the system refuses to write; nothing is left half-written.
    """
    config = copy.deepcopy(model.config)
    config.architectures = [type(model).__name__]
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    with new_folder(folder) as temporary:
        config.save_pretrained(temporary)
        write_safetensors(temporary / "model.safetensors", weights)
        shutil.copyfile(tokenizer, temporary / "tokenizer.json")


def make_student(
    teacher: DistilBertForSequenceClassification, layers: Sequence[int]
) -> DistilBertForSequenceClassification:
    """
    Return a student with these layers of the teacher, its embeddings and its head; no memory is shared.

    Parameters
    ----------
    teacher : DistilBertForSequenceClassification
    layers : sequence of int
        From 0, rising. ``objectives.spread_layer_map`` gives Distil-Whisper's choice.

    Raises
    ------
    RangeError
        The layers do not rise, or the teacher lacks one.
    """
    count = int(teacher.config.n_layers)
    if not layers or list(layers) != sorted(set(layers)) or layers[0] < 0 or layers[-1] >= count:
        raise RangeError(
            f"the layer map is {list(layers)}; expected rising numbers from 0 to {count - 1} "
            f"because the teacher has {count} layers"
        )
    config = copy.deepcopy(teacher.config)
    config.n_layers = len(layers)
    with _seeded(0):
        student = DistilBertForSequenceClassification(config)
    weights = {name: tensor for name, tensor in teacher.state_dict().items() if not name.startswith(_LAYERS)}
    for to, source in enumerate(layers):
        part = teacher.distilbert.transformer.layer[source]
        weights |= {f"{_LAYERS}{to}.{name}": tensor for name, tensor in part.state_dict().items()}
    student.load_state_dict(weights)
    student.eval()
    return student


def _torch_model(
    config: Config, weights: Mapping[str, Array], labels: Sequence[str]
) -> DistilBertForSequenceClassification:
    if isinstance(config, BertConfig):
        config, weights = fold_token_types(config, weights)
    settings = DistilBertConfig(
        vocab_size=config.vocab_size,
        max_position_embeddings=config.max_positions,
        n_layers=config.num_layers,
        n_heads=config.num_heads,
        dim=config.hidden_size,
        hidden_dim=config.intermediate_size,
        activation=config.activation,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    model = DistilBertForSequenceClassification(settings)
    # torch's fused attention takes many times as long for the gradients of short rows.
    model.set_attn_implementation("eager")
    tensors = {_full_name(name): torch.tensor(array, dtype=torch.float32) for name, array in weights.items()}
    drawn = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(_HEAD)}
    model.load_state_dict(drawn | tensors)
    model.eval()
    return model


def _full_name(name: str) -> str:
    return name if name.startswith(_HEAD) else f"distilbert.{name}"


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
