"""
The form of a pipeline file: what is compressed, how, on which data, and where the result goes.

Every field is documented where it stands; a key that is not one is refused. ``Pipeline.model_json_schema()`` is the
same as a JSON schema.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from distilspec.reference.contract.errors import FormatError

_LARGEST = 100_000

Count: TypeAlias = Annotated[int, Field(ge=1)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Weight: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
EveryRecipe: TypeAlias = Literal["fp32", "w8a8-static", "w8a8-dynamic", "w8a8-dynamic-token", "w8a32"]

_NAME = r"^[a-z0-9][a-z0-9-]*$"

S = TypeVar("S", bound=BaseModel)


class _Section(BaseModel):
    """A part of a file: unknown keys and values of another type are refused, and nothing is changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _knows_every_key(cls, fields: Any) -> Any:
        for key in fields if isinstance(fields, dict) else ():
            if key not in cls.model_fields:
                raise ValueError(f"{key!r:.40} is no key here; expected one of {', '.join(cls.model_fields)}")
        return fields

    def _expect(self, condition: bool, message: str) -> Self:
        if not condition:
            raise ValueError(message)
        return self


class Data(_Section):
    """Labelled texts, and how they are split."""

    package: str | None = Field(
        default=None, description="Installed package that holds the file; absent: the file is a path."
    )
    file: str = Field(
        description="Table in UTF-8: inside the package, or relative to this file; CSV with a header, or Orange's .tab."
    )
    test_file: str | None = Field(
        default=None,
        description="Table of the rows that were published as the test; absent: the seed draws the test from file.",
    )
    text_column: str = Field(default="text", description="Column of the texts.")
    label_column: str = Field(default="label", description="Column of the labels.")
    labels: dict[str, str] = Field(
        min_length=2, description="Name of each value of the label column, in the order of the model's outputs."
    )
    where: dict[str, str | Annotated[list[str], Field(min_length=1)]] = Field(
        default_factory=dict, description="Columns, and the only value or the values of each that are read."
    )
    validation_rows: Count = Field(default=500, description="Rows by which it is chosen what stays in float32.")
    train_rows: Count | None = Field(default=None, description="Rows to learn from; absent: all others.")
    test_rows: Count | Literal["all"] = Field(
        default=2000, description="Rows by which the result is judged; all: every row of test_file."
    )
    split_seed: int = Field(default=0, description="Decides which rows go where; another seed is another experiment.")
    max_length: int = Field(
        default=64, ge=4, le=512, description="Tokens of a text, the special ones included; more are cut."
    )

    @model_validator(mode="after")
    def _can_be_judged(self) -> Self:
        return self._expect(
            self.test_rows != "all" or self.test_file is not None,
            "test_rows is all and test_file absent; expected a number because the seed draws the test from file",
        )


class Transfer(_Section):
    """Texts without labels that the student learns from beside the training rows: the teacher's answers are theirs."""

    package: str | None = Field(
        default=None, description="Installed package that holds the file; absent: the file is a path."
    )
    file: str = Field(
        description="Table in UTF-8: inside the package, or relative to this file; CSV with a header, or Orange's .tab."
    )
    text_column: str = Field(default="text", description="Column of the texts.")
    where: dict[str, str | Annotated[list[str], Field(min_length=1)]] = Field(
        default_factory=dict, description="Columns, and the only value or the values of each that are read."
    )
    sentences: bool = Field(default=False, description="Cut the texts into sentences first.")
    rows: Count = Field(description="Texts, or sentences, that are taken: the seed of the split decides which.")


class Training(_Section):
    """How long and how fast a model learns."""

    epochs: Count = Field(default=3, description="Passes over the training rows.")
    batch_size: Count = Field(default=32, description="Rows of a step.")
    learning_rate: Weight = Field(default=5e-5, description="The largest one; AdamW.")
    warmup: Share = Field(default=0.1, description="Share of the steps in which the learning rate rises.")
    weight_decay: float = Field(default=0.01, ge=0, description="Of AdamW, on all weights but biases and LayerNorm.")
    rewind: bool = Field(
        default=False, description="Rewind the learning rate at every move of the sparsity, as Prune-OFA."
    )
    dropout: bool = Field(default=True, description="Drop activations at random, as the model's config says.")


class Teacher(_Section):
    """The model to learn from."""

    model: str = Field(description="minilm, or a Hugging Face folder relative to this file.")
    training: Training | None = Field(
        default=None, description="Fine-tuning of the encoder; absent: it is a classifier already."
    )


class Student(_Section):
    """The model that is made."""

    layers: Annotated[list[int], Field(min_length=1)] | Count | Literal["all"] = Field(
        default="all",
        description="Teacher layers to start from: their numbers from 0, how many to spread evenly, or all.",
    )
    training: Training = Field(default=Training(), description="Distillation and pruning, in one run.")


class Cubic(_Section):
    """Gradual pruning, ``cubic_sparsity``."""

    kind: Literal["cubic"]
    begin: Share = Field(default=0.0, description="Share of the steps before the first move.")
    end: Share = Field(default=0.6, description="Share of the steps after which the final sparsity holds.")
    every: Count = Field(default=20, description="Steps between two moves.")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        return self._expect(self.begin < self.end, f"begin is {self.begin} and end {self.end}; expected begin < end")


class Distiller(_Section):
    """Distiller's automated gradual pruner, ``distiller_sparsity``, with steps for its epochs."""

    kind: Literal["distiller"]
    begin: Share = Field(default=0.0, description="Share of the steps before the first move.")
    end: Share = Field(default=0.6, description="Share of the steps before which the last move is made.")
    every: Count = Field(default=20, description="Steps between two moves.")
    initial: Share = Field(default=0.05, description="Sparsity of the first move.")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        return self._expect(self.begin < self.end, f"begin is {self.begin} and end {self.end}; expected begin < end")


class OneShot(_Section):
    """Everything at once, ``one_shot_sparsity``."""

    kind: Literal["one-shot"]
    at: Share = Field(default=0.0, description="Share of the steps before the pruning.")


class PatternLock(_Section):
    """The zeros that the model starts with stay zero, ``pattern_lock_mask``; sparsity says how many there must be."""

    kind: Literal["pattern-lock"]


class Reconstruction(_Section):
    """A student that starts pruned, one Linear after the other, by ``least_squares_pruning``."""

    rows: Count = Field(default=2000, description="Texts to learn from on which the inputs of the Linears are seen.")
    rounds: Count = Field(default=6, description="In which the blocks are dropped, with new scores in each.")
    damping: Weight = Field(default=0.01, description="Share of the mean square of the inputs that is added to each.")


class Pruning(_Section):
    """Which weights of the encoder's Linears become zero."""

    structure: Literal["block", "head", "neuron"] = Field(default="block", description="What is dropped as a whole.")
    block_shape: tuple[Count, Count] = Field(
        default=(4, 1),
        strict=False,
        description="Rows and columns of a block in the [out_features, in_features] weight; (1, 1): unstructured.",
    )
    scope: Literal["layer", "global"] = Field(
        default="layer", description="The same share of every weight, or of all together."
    )
    sparsity: float = Field(ge=0, lt=1, description="Share of the blocks, heads or neurons that is dropped in the end.")
    schedule: Cubic | Distiller | OneShot | PatternLock = Field(
        discriminator="kind", description="How the sparsity is reached."
    )
    reconstruction: Reconstruction | None = Field(
        default=None, description="Prune the student's start, for the schedule pattern-lock; absent: it starts dense."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self._expect(
            self.structure == "block" or self.scope == "layer",
            f"scope is global and structure {self.structure}; expected scope layer "
            "because only blocks are ranked together",
        )
        self._expect(
            self.reconstruction is None
            or (self.structure, self.scope, self.schedule.kind) == ("block", "layer", "pattern-lock"),
            f"there is a reconstruction, structure is {self.structure}, scope {self.scope} and the schedule "
            f"{self.schedule.kind}; expected block, layer and pattern-lock because it prunes each Linear at the start",
        )
        initial = self.schedule.initial if isinstance(self.schedule, Distiller) else -1
        return self._expect(
            initial < self.sparsity, f"sparsity is {self.sparsity}; expected more than the schedule's initial {initial}"
        )


class Logits(_Section):
    """The softened answers, ``logit_distillation``."""

    weight: Weight = Field(default=0.5, description="Factor of this loss in the sum.")
    temperature: Weight = Field(default=2.0, description="By which logits are divided.")


class Prediction(_Section):
    """TinyBERT's answers, ``tinybert_prediction``."""

    weight: Weight = Field(default=1.0, description="Factor of this loss in the sum.")
    temperature: Weight = Field(default=1.0, description="By which logits are divided.")
    variant: Literal["paper", "code"] = Field(default="paper", description="A mean over rows, or over classes too.")


class Attention(_Section):
    """TinyBERT's attention scores, ``tinybert_attention``, summed over layers."""

    weight: Weight = Field(default=1.0, description="Factor of this loss in the sum.")
    variant: Literal["paper", "code"] = Field(default="paper", description="With masked scores as they are, or as 0.")


class Hidden(_Section):
    """TinyBERT's hidden states and embeddings, ``tinybert_hidden``, summed over layers."""

    weight: Weight = Field(default=1.0, description="Factor of this loss in the sum.")
    embeddings: bool = Field(default=True, description="Compare the output of the embeddings too.")
    projection: Literal["none", "paper", "code"] = Field(
        default="none", description="None; one a kind of state, without bias; or one for all, with bias."
    )


class Relation(_Section):
    """MiniLM's relations between tokens, ``minilm_relation``, of the last layers."""

    weight: Weight = Field(default=1.0, description="Factor of this loss in the sum.")
    pairs: Annotated[list[Literal["query-key", "query-query", "key-key", "value-value"]], Field(min_length=1)] = Field(
        default=["query-query", "key-key", "value-value"],
        description="MiniLM: query-key and value-value. MiniLMv2: the other three.",
    )
    relation_heads: Count = Field(default=12, description="Heads into which both sides are cut.")
    variant: Literal["minilm", "autodistil-paper", "autodistil-code"] = Field(
        default="minilm", description="How they differ."
    )


class Cosine(_Section):
    """DistilBERT's angles between last hidden states, ``distilbert_cosine``."""

    weight: Weight = Field(default=1.0, description="Factor of this loss in the sum.")


class Distillation(_Section):
    """The sum that the student minimises; a loss that is absent is not in it."""

    hard: float = Field(
        default=0.5, ge=0, allow_inf_nan=False, description="Factor of the cross entropy with the labels."
    )
    logits: Logits | None = Field(default=None, description="Logits with temperature and its square.")
    prediction: Prediction | None = Field(default=None, description="Logits as in TinyBERT.")
    attention: Attention | None = Field(default=None, description="Attention scores.")
    hidden: Hidden | None = Field(default=None, description="Hidden states.")
    relation: Relation | None = Field(default=None, description="Relations between tokens.")
    cosine: Cosine | None = Field(default=None, description="Angles of hidden states.")

    @model_validator(mode="after")
    def _learns(self) -> Self:
        losses = (self.logits, self.prediction, self.attention, self.hidden, self.relation, self.cosine)
        return self._expect(self.hard > 0 or any(losses), "hard is 0 and no loss is named; expected something to learn")


class Quantisation(_Section):
    """What becomes INT8, and how much accuracy that may cost."""

    recipe: Literal["w8a8-static", "w8a8-dynamic", "w8a8-dynamic-token", "w8a32"] = Field(
        default="w8a8-static", description="The numerics, as the specification names them."
    )
    calibration: Literal["minmax", "percentile", "mean-sigma", "aciq"] = Field(
        default="minmax", description="How the range of an activation is found; for w8a8-static."
    )
    calibration_rows: Count = Field(default=256, description="Training rows that it is found on.")
    budget: float = Field(default=0.5, ge=0, allow_inf_nan=False,
        description="Points of validation accuracy that INT8 may cost; layers are kept in float32 until it holds.",
    )  # fmt: skip


class Outputs(_Section):
    """Where the results go."""

    folder: str = Field(description="Folder to make, relative to where the command runs.")
    onnx: bool = Field(default=True, description="Write the student as ONNX too.")


class Pipeline(_Section):
    """A whole file."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="Of the run, in logs and reports.")
    seed: int = Field(default=0, ge=0, description="Of heads, dropout and the order of rows.")
    hours: Weight | None = Field(
        default=None, description="Stop at the next checkpoint after this time; go on by running again."
    )
    data: Data = Field(description="Labelled texts.")
    transfer: Transfer | None = Field(default=None, description="Texts without labels for the student; absent: none.")
    teacher: Teacher = Field(description="The model to learn from.")
    student: Student = Field(default=Student(), description="The model that is made.")
    pruning: Pruning | None = Field(default=None, description="Absent: nothing is pruned.")
    distillation: Distillation = Field(default=Distillation(logits=Logits()), description="What the student minimises.")
    quantisation: Quantisation | None = Field(default=None, description="Absent: the result stays float32.")
    outputs: Outputs = Field(description="Where the results go.")

    @model_validator(mode="after")
    def _has_answers(self) -> Self:
        hard = self.distillation.hard
        return self._expect(
            self.transfer is None or hard == 0,
            f"distillation.hard is {hard} and there is a section transfer; expected hard 0 because its texts have no "
            "labels",
        )


class Listed(_Section):
    """A pipeline of a collection."""

    pipeline: str = Field(description="Its file, relative to this one.")
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | None = Field(
        default=None, description="Run it once with each, into a folder with -seed-N at its end; absent: its own seed."
    )


class Collection(_Section):
    """A file that names pipelines, which run one after the other."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="Of the collection.")
    runs: Annotated[list[Listed], Field(min_length=1)] = Field(description="What to run, in this order.")


class Similarity(_Section):
    """Documents, and how alike people found each two of them."""

    name: str = Field(pattern=_NAME, description="Of the measure, in table and picture.")
    package: str | None = Field(
        default=None, description="Installed package that holds the files; absent: the files are paths."
    )
    texts: str = Field(description="File with a document a line: inside the package, or relative to this file.")
    scores: str = Field(description="File with a square of numbers, of which those above its diagonal are read.")
    encoding: Literal["utf-8", "latin-1"] = Field(default="utf-8", description="Of the texts.")


class FirstSentence(_Section):
    """Documents of which the first sentence is the question, and the rest is what is to be found."""

    kind: Literal["first-sentence"]
    name: str = Field(pattern=_NAME, description="Of the measure, in table and picture.")
    package: str | None = Field(
        default=None, description="Installed package that holds the file; absent: the file is a path."
    )
    file: str = Field(description="File with a document a line: inside the package, or relative to this file.")
    encoding: Literal["utf-8", "latin-1"] = Field(default="utf-8", description="Of the file.")


class Squad(_Section):
    """Questions and paragraphs in SQuAD's form: found is the paragraph that answers the question."""

    kind: Literal["squad"]
    name: str = Field(pattern=_NAME, description="Of the measure, in table and picture.")
    package: str | None = Field(
        default=None, description="Installed package that holds the file; absent: the file is a path."
    )
    file: str = Field(description="JSON file: inside the package, or relative to this file.")
    articles: Count | None = Field(default=None, description="The first articles that are read; absent: all.")
    questions: Count | None = Field(default=None, description="Questions that the seed draws; absent: all.")


class Calibration(_Section):
    """Texts on which the ranges of the activations are found, for w8a8-static."""

    package: str | None = Field(
        default=None, description="Installed package that holds the file; absent: the file is a path."
    )
    file: str = Field(
        description="Table in UTF-8: inside the package, or relative to this file; CSV with a header, or Orange's .tab."
    )
    text_column: str = Field(default="text", description="Column of the texts.")
    where: dict[str, str | Annotated[list[str], Field(min_length=1)]] = Field(
        default_factory=dict, description="Columns, and the only value or the values of each that are read."
    )
    rows: Count = Field(default=64, description="The first texts that are taken.")


class MeasureOutputs(_Section):
    """Where the measurements go."""

    folder: str = Field(description="Folder to make, relative to where the command runs.")


class Embeddings(_Section):
    """A file that measures what pruning at once and INT8 cost the sentence embeddings of a model."""

    kind: Literal["embeddings"]
    name: str = Field(pattern=_NAME, description="Of the file, in logs and reports.")
    seed: int = Field(default=0, ge=0, description="Of the bootstrap, and of the questions that are drawn.")
    model: str = Field(description="minilm, or a Hugging Face folder relative to this file.")
    recipes: Annotated[list[EveryRecipe], Field(min_length=1)] = Field(
        default=["fp32"], description="The numerics in which each model is asked."
    )
    sparsities: Annotated[list[Annotated[float, Field(ge=0, lt=1)]], Field(min_length=1)] = Field(
        default=[0.0], description="Shares of the blocks that are dropped, without training; 0.0 is the dense model."
    )
    block_shape: tuple[Count, Count] = Field(
        default=(4, 1),
        strict=False,
        description="Rows and columns of a block in the [out_features, in_features] weight; (1, 1): unstructured.",
    )
    max_length: int = Field(
        default=128, ge=4, le=512, description="Tokens of a text, the special ones included; more are cut."
    )
    calibration: Calibration | None = Field(default=None, description="Needed for w8a8-static.")
    similarity: list[Similarity] = Field(default_factory=list, description="Sets that people have judged.")
    retrieval: list[Annotated[FirstSentence | Squad, Field(discriminator="kind")]] = Field(
        default_factory=list, description="Sets in which the right text is to be found."
    )
    outputs: MeasureOutputs = Field(description="Where the results go.")

    @model_validator(mode="after")
    def _measures(self) -> Self:
        self._expect(
            self.calibration is not None or "w8a8-static" not in self.recipes,
            "recipes has w8a8-static and calibration is absent; expected texts on which its ranges are found",
        )
        names = [one.name for one in (*self.similarity, *self.retrieval)]
        return self._expect(
            0 < len(names) == len(set(names)),
            f"the sets are {', '.join(names) or 'none'}; expected one or more, each under its own name",
        )


def load_file(path: Path) -> Pipeline | Collection | Embeddings:
    """
    Read a file that is a pipeline, with the key ``runs`` a collection, or with ``kind`` a file of measurements.

    Raises
    ------
    FormatError
        As ``load_pipeline``.
    """
    fields = _fields(path)
    keys = fields if isinstance(fields, dict) else {}
    if "kind" in keys:
        return _validated(path, fields, Embeddings)
    return _validated(path, fields, Collection) if "runs" in keys else _validated(path, fields, Pipeline)


def load_pipeline(path: Path) -> Pipeline:
    """
    Read a pipeline file and check it.

    Raises
    ------
    FormatError
        The file cannot be read, is no YAML, has a key twice, an unknown key, or a value that its field refuses.
    """
    return _validated(path, _fields(path), Pipeline)


def _fields(path: Path) -> Any:
    try:
        text = path.read_bytes()[: _LARGEST + 1].decode()
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}; expected a readable YAML file") from None
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: {error}; expected a readable YAML file") from None
    if len(text) > _LARGEST:
        raise FormatError(f"{path}: the file is larger than {_LARGEST:,} characters; expected a pipeline")
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise FormatError(f"{path}: {' '.join(str(error).split())}; expected YAML") from None


def _validated(path: Path, fields: Any, kind: type[S]) -> S:
    try:
        return kind.model_validate_json(json.dumps(fields, allow_nan=False))
    except ValidationError as error:
        raise FormatError(f"{path}: {_line(error)}") from None
    except (TypeError, ValueError) as error:
        raise FormatError(f"{path}: {error}; expected texts, finite numbers, lists and mappings") from None


def _line(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"])) or "the file"
    match first["type"]:
        case "missing":
            return f"{place} is absent; expected it because it has no default"
        case "value_error":
            return f"{place}: {first['ctx']['error']}"
    return f"{place} is {first['input']!r:.60}; expected {first['msg'].removeprefix('Input should be ')}"


class _Loader(yaml.SafeLoader):
    """YAML without keys that stand twice, of which PyYAML takes the last, and without aliases, which can explode."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node; ``yaml.MarkedYAMLError`` for an alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(
                None, None, "an alias is not allowed", parent.start_mark if parent else None
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return the mapping; ``yaml.MarkedYAMLError`` for a key that stands twice."""
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key stands twice", node.start_mark)
        return mapping
