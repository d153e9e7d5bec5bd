"""A pipeline on its way: its rows, its folders, and the time that is left."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from distilspec.compress.batches import EncodedRows
from distilspec.compress.data import Rows, Splits, file_of, read_splits
from distilspec.compress.pipeline import Pipeline
from distilspec.compress.record import Record, write_json
from distilspec.compress.sections.quantisation import Finishing
from distilspec.compress.transfer import NO_LABEL, chosen, read_texts, sentences
from distilspec.reference.contract.errors import FormatError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.formats.compressed import PIPELINE, STUDENT
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.json_file import read_json
from distilspec.reference.formats.named_models import NAMED_MODELS, load_model

#: The section that decides nothing about teacher and distillation.
QUANTISATION = "quantisation"

#: The student before it is finished.
DISTILLED = "distilled"


@contextmanager
def alone_in(folder: Path, *, waits: bool = False) -> Iterator[None]:
    """
    Hold a folder for this process while the block runs; a process that dies lets go of it.

    Parameters
    ----------
    folder : Path
    waits : bool
        Until no other process holds it, instead of refusing.

    Raises
    ------
    UnsupportedError
        Another process holds it.
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=-1 if waits else 0)
    except Timeout:
        raise UnsupportedError(
            f"{folder}: another process works in it; expected to be alone because both would write the same files"
        ) from None
    try:
        yield
    finally:
        lock.release()


def finishing_in(quantisation: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what of a section ``quantisation``, in the form of ``pipeline.json``, finishing depends on, or None."""
    if not quantisation or "finishing" not in quantisation:
        return None
    is_calibrated = Recipe(quantisation["finishing"]["recipe"]).is_calibrated
    names = ("finishing", "calibration", "calibration_rows") if is_calibrated else ("finishing",)
    of_calibration = ("percentile", "sigmas") if is_calibrated else ()
    # Names that an earlier version did not know are left out where they say nothing: checkpoints are named after this.
    return {name: quantisation.get(name) for name in names} | {
        name: quantisation[name] for name in of_calibration if name in quantisation
    }


class PausedError(Exception):
    """The pipeline's hours are over; running it again goes on."""


@dataclass
class Run:
    """
    A pipeline on its way.

    Parameters
    ----------
    pipeline : Pipeline
    source : Path
        The folder of its file, from which its paths count.
    folder : Path
        Where the results go; it is made.
    """

    pipeline: Pipeline
    source: Path
    folder: Path

    def __post_init__(self) -> None:
        """Make the folders, and refuse results of another pipeline."""
        for folder in (self.folder, self.teachers):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise FormatError(f"{folder}: {error.strerror}; expected a folder that can be made") from None
        hours = self.pipeline.hours
        self.deadline = None if hours is None else time.monotonic() + 3600 * hours
        self.record = Record(self.folder / "log.jsonl")
        self._expect_own()

    @cached_property
    def splits(self) -> Splits:
        """The rows, without duplicates, in three parts."""
        return read_splits(self.pipeline.data, self.source)

    @cached_property
    def lessons(self) -> Rows:
        """What the student learns from: the training rows, and behind them the transfer set, which has no labels."""
        section, train = self.pipeline.transfer, self.splits.train
        if section is None:
            return train
        path = file_of(section.package, section.file, self.source)
        texts: Iterable[str] = read_texts(path, text_column=section.text_column, where=section.where)
        if section.sentences:
            texts = [sentence for text in texts for sentence in sentences(text)]
        found = chosen(texts, section.rows, splits=self.splits, seed=self.pipeline.data.split_seed)
        return Rows(train.texts + found, train.labels + (NO_LABEL,) * len(found))

    @cached_property
    def origin(self) -> Path:
        """The folder of the model from which the teacher is made."""
        name = self.pipeline.teacher.model
        return load_model(name).tokenizer.path.parent if name in NAMED_MODELS else self.source / name

    @cached_property
    def teacher_home(self) -> Path:
        """The folder of the teacher and what it says, named after the rows, seed and section, and a given teacher."""
        told = self.pipeline.model_dump_json(include={"data", "teacher", "seed"}, exclude_defaults=True)
        digest = hashlib.sha256(f"{told}\n{self.splits}".encode())
        if self.pipeline.teacher.training is None:
            for _, weight in sorted(load_folder(self.origin).weights.items()):
                digest.update(weight.tobytes())
        return self.teachers / digest.hexdigest()[:12]

    @property
    def teachers(self) -> Path:
        """The folder of all teachers that pipelines beside this one have made."""
        return self.folder.parent / "teachers"

    @property
    def teacher(self) -> Path:
        """The teacher's Hugging Face folder."""
        return self.teacher_home / "model" if self.pipeline.teacher.training else self.origin

    @property
    def finishing(self) -> Finishing | None:
        """How the distilled student is finished, or None."""
        section = self.pipeline.quantisation
        return section.finishing if section else None

    @property
    def student(self) -> Path:
        """The Hugging Face folder of the student that is quantised and exported."""
        return self.folder / STUDENT

    @property
    def distilled(self) -> Path:
        """The folder of the student as distillation leaves it: already the student, unless it is finished."""
        return self.folder / DISTILLED if self.finishing else self.student

    def encoded(self, rows: Rows, model: Path) -> EncodedRows:
        """Return rows as tokens of a model."""
        tokenizer = load_folder(model, head="sentence-embedding").tokenizer
        return EncodedRows.of(rows, tokenizer, self.pipeline.data.max_length)

    def expect_time(self, stage: str) -> None:
        """Raise ``PausedError`` if the pipeline's hours are over."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise PausedError(f"{stage}: stopped after {self.pipeline.hours} hours; run the pipeline again to go on")

    def recorded_quantisation(self) -> dict[str, Any] | None:
        """Return the section of which the folder holds results, in the form of its ``pipeline.json``."""
        section: dict[str, Any] | None = read_json(self.folder / PIPELINE, dict).get(QUANTISATION)
        return section

    def own_quantisation(self) -> dict[str, Any] | None:
        """Return the pipeline's section in the same form, without what is the default."""
        section: dict[str, Any] | None = self._own.get(QUANTISATION)
        return section

    def write_own(self) -> None:
        """Write what the folder holds results of; ``FormatError`` if the system refuses."""
        write_json(self.folder / PIPELINE, self._own)

    @property
    def _own(self) -> dict[str, Any]:
        return self.pipeline.recorded()

    def _expect_own(self) -> None:
        path, own = self.folder / PIPELINE, self._own
        if not path.exists():
            self.write_own()
            return
        found = read_json(path, dict)
        for key in {**own, **found}:
            if key != QUANTISATION and found.get(key) != own.get(key):
                raise FormatError(
                    f"{self.folder}: it holds results of a pipeline whose {key} is {_short(found.get(key))}; expected "
                    f"{_short(own.get(key))} because results of two pipelines are not mixed (another --out helps)"
                )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
