"""What is timed: a model under a recipe and a sparsity, its batches, and the values expected of it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from distilspec.conformance.cases.models import TOKENIZER
from distilspec.reference import ops
from distilspec.reference.contract.errors import FormatError, RangeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.compressed import Compressed
from distilspec.reference.formats.hugging_face import Model
from distilspec.reference.formats.named_models import load_model
from distilspec.reference.formats.saved import load_program, save_program
from distilspec.reference.formats.tokenizer import Tokenizer
from distilspec.reference.models.build import build_program, random_weights
from distilspec.reference.models.config import DistilBertConfig
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe, calibrate, prune
from distilspec.reference.recipes.encoder_linears import (
    dense_weight,
    in_features_of,
    is_encoder_linear,
    sparse_weight,
)
from distilspec.reference.recipes.unpack import unpack

#: The shape of DistilBERT-base with random weights: speed does not depend on what the weights are.
DISTILBERT_BASE = "distilbert-base"

_CONFIG = DistilBertConfig(
    vocab_size=30522, hidden_size=768, num_layers=6, num_heads=12, intermediate_size=3072, max_positions=512
)

#: The environment variable that names another folder for programs and expected values.
FOLDER = "DISTILSPEC_BENCH"

#: Different texts of a batch; its rows take them in turn, so that the reference need not compute every row.
TEXTS = 2

#: Texts with which a static recipe is calibrated, and their tokens, fewer where the model has fewer positions.
CALIBRATION_TEXTS, CALIBRATION_TOKENS = 8, 32

#: Which of the encoder's Linears are pruned.
PRUNED = ("all", "ffn")

#: How the Linears of the attention are called; the others are the feed-forward network's.
_ATTENTION = re.compile(r"attention|q_lin|k_lin|v_lin|out_lin|query|key|value")


@dataclass(frozen=True, order=True)
class Shape:
    """So many texts of so many tokens."""

    batch: int
    sequence: int

    @classmethod
    def parse(cls, text: str) -> Shape:
        """Return ``BATCHxSEQUENCE`` as a shape, or raise ``RangeError``."""
        if not re.fullmatch(r"[1-9]\d*x[1-9]\d*", text):
            raise RangeError(f"shape: {text!r} is not BATCHxSEQUENCE; expected for example 1x128")
        batch, sequence = map(int, text.split("x"))
        return cls(batch, sequence)

    def __str__(self) -> str:
        return f"{self.batch}x{self.sequence}"


@dataclass(frozen=True)
class Workload:
    """
    A model, pruned or not.

    Parameters
    ----------
    model : str
        ``distilbert-base``, or what ``load_model`` takes.
    sparsity : float
        Share of the blocks that are pruned; 0 is dense.
    block_shape : (int, int)
    pruned : {"all", "ffn"}
        All Linears of the encoder, or those of its feed-forward networks.
    """

    model: str = DISTILBERT_BASE
    sparsity: float = 0.0
    block_shape: tuple[int, int] = (4, 1)
    pruned: str = "all"

    def program(self, recipe: Recipe, *, packed: bool = True) -> Program:
        """Return the program, from disk if it was made before; not ``packed`` it holds zeros instead of blocks."""
        return load_program(self.folder(recipe, packed=packed))

    def folder(self, recipe: Recipe, *, packed: bool = True) -> Path:
        """Return the folder in which the program is kept; it is made now if there is none."""
        is_packed = packed or not self.sparsity
        folder = kept("programs", {**asdict(self), "recipe": str(recipe), "packed": is_packed, **_origin(self.model)})
        if not (folder / "program.json").exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                save_program(self._made(recipe, is_packed), folder)
            except FormatError:  # another run has made it in the meantime
                if not (folder / "program.json").exists():
                    raise
        return folder

    def inputs(self, shape: Shape, *, seed: int = 1, texts: int = TEXTS) -> dict[str, Array]:
        """Return a batch of random tokens, all of them kept; its rows are so many different texts in turn."""
        model = model_of(self.model)
        if shape.sequence > model.config.max_positions:
            raise RangeError(
                f"shape: {shape} has {shape.sequence} tokens; expected at most {model.config.max_positions}, "
                f"the positions of {self.model}"
            )
        ids = np.random.default_rng(seed).integers(0, model.config.vocab_size, (texts, shape.sequence))
        batch = ids[np.arange(shape.batch) % texts]
        values = {
            "input_ids": batch, "attention_mask": np.ones(batch.shape, np.bool_), "token_type_ids": np.zeros_like(batch)
        }  # fmt: skip
        return {name: values[name] for name in model.program.inputs}

    def expected(self, recipe: Recipe, shape: Shape, *, texts: int = TEXTS) -> dict[str, Array]:
        """
        Return the reference's outputs, in float64, of the different rows of the batch of this shape.

        A batch of more rows repeats them, which changes no row: the range of a tensor is that of its different rows.
        ``texts`` says how many different ones there are at most.
        """
        few = Shape(min(shape.batch, texts), shape.sequence)
        what = {**asdict(self), "recipe": str(recipe), "shape": str(few), **_origin(self.model)}
        path = kept("expected", what).with_suffix(".npz")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            values = self.program(recipe).run(ops, self.inputs(few, texts=texts))
            temporary = path.with_name(f".{os.getpid()}-{path.name}")
            np.savez(temporary, **values)
            temporary.replace(path)
        with np.load(path) as held:
            return {name: held[name] for name in held.files}

    def _made(self, recipe: Recipe, packed: bool) -> Program:
        program = model_of(self.model).program
        if self.sparsity:
            shares = dict.fromkeys(_linears(program, self.pruned), self.sparsity)
            program = prune(program, sparsity=shares, block_shape=self.block_shape, pack=packed)
        ranges = None
        if recipe.is_calibrated:
            ranges = calibrate(program, [self._calibration()], recipe=recipe)
        return apply_recipe(program, recipe, calibration=ranges)

    def _calibration(self) -> dict[str, Array]:
        tokens = min(CALIBRATION_TOKENS, model_of(self.model).config.max_positions)
        return self.inputs(Shape(CALIBRATION_TEXTS, tokens), seed=2)


@dataclass(frozen=True)
class Student(Workload):
    """
    A student of ``distilspec compress`` in the programs that were saved with it; ``model`` is the result's folder.

    ``sparsity`` and ``block_shape`` are those of its weights. A recipe that no saved program has is applied to the
    saved float32 program, and keeps the Linears in float32 that the pipeline chose.
    """

    made_by: str = "compress"

    def folder(self, recipe: Recipe, *, packed: bool = True) -> Path:
        """Return the folder of the saved program, or of one that is made of it."""
        saved = Compressed(Path(self.model)).programs.get(recipe)
        return saved if saved and packed else super().folder(recipe, packed=packed)

    def _made(self, recipe: Recipe, packed: bool) -> Program:
        program = Compressed(Path(self.model)).program(recipe, [self._calibration()])
        return program if packed else unpack(program)


def compression(result: Compressed) -> list[Workload]:
    """
    Return what a benchmark of a pipeline's result compares: its teacher, where that is at hand, and its student.

    Raises
    ------
    ContractError
        As ``Compressed.program``.
    """
    student = Student(str(result.folder), *sparsity_of(result.program(Recipe.FP32, ())))
    return [student] if result.teacher is None else [Workload(os.path.relpath(result.teacher)), student]


def sparsity_of(program: Program) -> tuple[float, tuple[int, int]]:
    """
    Return the pruned share of the weights of the encoder's Linears, to three digits, and the shape of their blocks.

    Without blocks, the zeros may be single weights, heads or neurons, and the shape is (1, 1).
    """
    count = zeros = 0
    block_shape = (1, 1)
    for step in filter(is_encoder_linear, program.steps):
        if step.op == "linear":
            weight = dense_weight(program, step)[1]
            count += weight.size
            zeros += weight.size - int(np.count_nonzero(weight))
        else:
            data, _, indptr = sparse_weight(program, step)
            block_shape = (data.shape[1], data.shape[2])
            size = (len(indptr) - 1) * data.shape[1] * in_features_of(program, step)
            count += size
            zeros += size - data.size
    return round(zeros / count, 3) if count else 0.0, block_shape


def workloads(
    model: str, sparsities: Sequence[float], block_shapes: Sequence[tuple[int, int]], pruned: str = "all"
) -> list[Workload]:
    """
    Return every combination; a dense model, which has no blocks, once.

    Raises
    ------
    RangeError
        A sparsity is not in [0, 1), or ``pruned`` is neither all nor ffn.
    """
    if pruned not in PRUNED:
        raise RangeError(f"pruned is {pruned!r}; expected one of {', '.join(PRUNED)}")
    for sparsity in sparsities:
        if not 0.0 <= sparsity < 1.0:
            raise RangeError(f"sparsity is {sparsity}; expected 0 or more, and less than 1")
    found = [
        Workload(model, sparsity, block_shape, pruned) if sparsity else Workload(model)
        for sparsity in sparsities
        for block_shape in block_shapes
    ]
    return list(dict.fromkeys(found))


@lru_cache(maxsize=2)
def model_of(name: str) -> Model:
    """Return a model by the name that users type."""
    if name != DISTILBERT_BASE:
        return load_model(name)
    head = "feature-extraction"
    weights = random_weights(_CONFIG, head, 0)
    program = build_program(_CONFIG, head, weights, name=name)
    tokenizer = Tokenizer(TOKENIZER, max_positions=_CONFIG.max_positions, vocab_size=_CONFIG.vocab_size)
    return Model(name, program, tokenizer, _CONFIG, head, (), weights)


def kept(kind: str, what: Mapping[str, object]) -> Path:
    """Return where something is kept on disk, by all that it depends on."""
    key = hashlib.sha256(json.dumps({**what, "version": version("distilspec")}, sort_keys=True).encode()).hexdigest()
    return bench_folder() / kind / key[:24]


def bench_folder() -> Path:
    """Return the folder of programs and expected values: ``DISTILSPEC_BENCH``, or one in the user's cache."""
    named = os.environ.get(FOLDER)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(base) / "distilspec" / "bench"


def _linears(program: Program, pruned: str) -> list[str]:
    names = [step.name for step in program.steps if is_encoder_linear(step)]
    return names if pruned == "all" else [name for name in names if not _ATTENTION.search(name)]


def _origin(name: str) -> dict[str, object]:
    """Return when the files of a folder were last changed, so that what is kept of it does not outlive it."""
    folder = Path(name)
    if not folder.is_dir():
        return {}
    return {"files": sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir())}
