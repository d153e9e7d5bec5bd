"""A user's own ONNX file as a subject: the program in it, and batches that it can take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distilspec.conformance.cases import texts
from distilspec.conformance.subject import Subject
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.symbols import BATCH, SEQUENCE
from distilspec.reference.contract.types import Array, Int64Array
from distilspec.reference.formats.onnx_reader import read_onnx
from distilspec.reference.formats.tokenizer import Tokenizer
from distilspec.reference.program import Program

#: The longest texts of the two batches without a tokenizer. Primes leave a tail in every vector width.
MIXED_LENGTH, SINGLE_LENGTH = 23, 11

#: How much of the longest text each text of the mixed batch has; the last has one token.
SHARES = (1.0, 0.75, 0.35, 0.0)

#: Positions of a model that does not say how many it has.
MOST_POSITIONS = 512

#: A table with so few rows holds kinds of tokens, and not tokens.
MOST_KINDS = 4

#: What a tokenizer gives, and what stands in for it: int64 [batch, sequence] by the names of Transformers.
Tokens = Mapping[str, Int64Array]

#: Steps whose result holds ids if their operand does.
_MOVES = frozenset({"cast", "expand", "reshape", "slice", "squeeze", "transpose", "unsqueeze"})


def read_user_model(path: Path, *, tokenizer: Path | None = None, seed: int = 0) -> Subject:
    """
    Return the model in an ONNX file with a batch of mixed lengths, most of them padded, and a batch of one.

    An input means what the program does with it: ids and kinds of tokens choose rows of a table, other integers mark
    padding, and floats are features. Sizes that the file fixes are kept.

    Parameters
    ----------
    path : Path
    tokenizer : Path, optional
        A folder with ``tokenizer.json``, or that file. With it the batches are texts, without it random ids.
    seed : int
        Decides the random ids and features.

    Raises
    ------
    ContractError
        The file or the tokenizer cannot be read, as ``read_onnx`` and ``Tokenizer`` say; or there is a tokenizer, and
        no input takes ids.
    """
    program = read_onnx(path)
    takes = _takes(program)
    generator = np.random.default_rng(seed)
    if tokenizer is None:
        mixed = _random_tokens(takes, MIXED_LENGTH, SHARES, generator)
        single = _random_tokens(takes, SINGLE_LENGTH, SHARES[:1], generator)
    else:
        if not takes.vocab_size:
            raise UnsupportedError(f"{path}: no input chooses rows of a table; expected ids because of the tokenizer")
        file = tokenizer / "tokenizer.json" if tokenizer.is_dir() else tokenizer
        encoder = Tokenizer(file, max_positions=takes.longest, vocab_size=takes.vocab_size)
        mixed, single = (encoder.encode(batch, truncate=True) for batch in (texts.MIXED, texts.SINGLE))
    batches = {
        name: _inputs(program, takes, tokens, generator) for name, tokens in (("mixed", mixed), ("single", single))
    }
    return Subject(path.stem, program, batches, onnx=path)


@dataclass(frozen=True)
class _Takes:
    """
    What a program takes.

    ``rows`` has, for each input that chooses rows of tables, the rows of the smallest of these. ``batch`` and
    ``sequence`` are None where they are free; ``longest`` is the longest sequence.
    """

    rows: Mapping[str, int]
    batch: int | None
    sequence: int | None
    longest: int

    @property
    def vocab_size(self) -> int:
        """The rows of the table of tokens, 0 if there is none."""
        return max(self.rows.values(), default=0)


def _takes(program: Program) -> _Takes:
    rows: dict[str, int] = {}
    for source, count in _choices(program):
        rows[source] = min(count, rows.get(source, count))
    integers = [spec.shape for spec in program.inputs.values() if len(spec.shape) == 2 and spec.dtype != "float"]
    batch, sequence = (
        next((size for shape in integers if isinstance(size := shape[axis], int)), None) for axis in (0, 1)
    )
    sliced = [step for step in program.steps if step.op == "slice" and step.attributes["stop"] == SEQUENCE]
    positions = [
        program.constants[table].shape[int(str(step.attributes["axis"]))]
        for step in sliced
        if (table := str(step.inputs[0])) in program.constants
    ]
    positions += [count for name, count in rows.items() if "position" in name]
    return _Takes(rows, batch, sequence, sequence or min(positions, default=MOST_POSITIONS))


def _choices(program: Program) -> Iterator[tuple[str, int]]:
    """Yield every input whose values choose rows of a table, and how many rows that has."""
    source = {name: name for name in program.inputs}
    for step in program.steps:
        if step.op in _MOVES and step.inputs[0] in source:
            source[step.name] = source[step.inputs[0]]
        if step.op in ("embedding", "gather"):
            table, ids = step.inputs[::-1] if step.op == "embedding" else step.inputs
            rows = program.spec(str(table)).shape[int(str(step.attributes.get("axis", 0)))]
            if ids in source and isinstance(rows, int):
                yield source[ids], rows


def _random_tokens(takes: _Takes, longest: int, shares: Sequence[float], generator: np.random.Generator) -> Tokens:
    """Return texts of random ids, 0 in the padding; every second text has a second kind of tokens."""
    size = takes.sequence or min(longest, takes.longest)
    rows = np.arange(takes.batch or len(shares))[:, None]
    lengths = np.maximum(1, np.round(size * np.resize(shares, rows.shape)))
    places = np.arange(size)
    kept = places < lengths
    ids = generator.integers(min(1, takes.vocab_size - 1), max(1, takes.vocab_size), kept.shape)
    kinds = kept & (2 * places >= lengths) & (rows % 2 == 1)
    return {"input_ids": ids * kept, "attention_mask": kept.astype(np.int64), "token_type_ids": kinds.astype(np.int64)}


def _inputs(program: Program, takes: _Takes, tokens: Tokens, generator: np.random.Generator) -> dict[str, Array]:
    """Return the inputs of a program for some tokens, in its sizes and element types."""
    batch, sequence = tokens["input_ids"].shape
    sizes = {BATCH: takes.batch or batch, SEQUENCE: takes.sequence or sequence}
    made: dict[str, Array] = {}
    for name, spec in program.inputs.items():
        shape = tuple(sizes[size] if isinstance(size, str) else size for size in spec.shape)
        if spec.dtype.startswith("float"):
            made[name] = generator.standard_normal(shape).astype(np.float32)
        else:
            made[name] = _fitted(_meant(name, takes, tokens), shape).astype(spec.dtype)
    return made


def _meant(name: str, takes: _Takes, tokens: Tokens) -> Int64Array:
    """Return what integers mean: ids, kinds or positions where they choose rows, else which tokens are no padding."""
    rows = takes.rows.get(name)
    if rows is None:
        return tokens["attention_mask"]
    if "position" in name:
        return np.broadcast_to(np.arange(tokens["input_ids"].shape[1]), tokens["input_ids"].shape)
    if rows <= MOST_KINDS and rows < takes.vocab_size:
        return np.minimum(tokens["token_type_ids"], rows - 1)
    return tokens["input_ids"] % rows


def _fitted(values: Int64Array, shape: tuple[int, ...]) -> Int64Array:
    """Return values in a shape that a file fixes: texts repeat, and what is beyond their end is 0."""
    if len(shape) != 2:
        return np.ones(shape, np.int64)
    count, size = shape
    fitted = np.zeros(shape, np.int64)
    width = min(size, values.shape[1])
    fitted[:, :width] = values[np.arange(count) % len(values), :width]
    return fitted
