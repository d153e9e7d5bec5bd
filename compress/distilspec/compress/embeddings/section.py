"""The form of a file that measures sentence embeddings."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from distilspec.compress.sections.data import Table
from distilspec.compress.sections.pruning import Reconstruction
from distilspec.compress.sections.section import NAME, BlockShape, Count, Section
from distilspec.reference.contract.recipes import Recipe

EveryRecipe: TypeAlias = Literal["fp32", "w8a8-static", "w7a8-static", "w8a8-dynamic", "w8a8-dynamic-token", "w8a32"]


class Similarity(Section):
    """Documents, and how alike people found each two of them."""

    name: str = Field(pattern=NAME, description="Of the measure, in table and picture.")
    package: str | None = Field(
        default=None, description="Installed package that holds the files; absent: the files are paths."
    )
    texts: str = Field(description="File with a document a line: inside the package, or relative to this file.")
    scores: str = Field(description="File with a square of numbers, of which those above its diagonal are read.")
    encoding: Literal["utf-8", "latin-1"] = Field(default="utf-8", description="Of the texts.")


class FirstSentence(Section):
    """Documents of which the first sentence is the question, and the rest is what is to be found."""

    kind: Literal["first-sentence"]
    name: str = Field(pattern=NAME, description="Of the measure, in table and picture.")
    package: str | None = Field(
        default=None, description="Installed package that holds the file; absent: the file is a path."
    )
    file: str = Field(description="File with a document a line: inside the package, or relative to this file.")
    encoding: Literal["utf-8", "latin-1"] = Field(default="utf-8", description="Of the file.")


class Squad(Section):
    """Questions and paragraphs in SQuAD's form: found is the paragraph that answers the question."""

    kind: Literal["squad"]
    name: str = Field(pattern=NAME, description="Of the measure, in table and picture.")
    package: str | None = Field(
        default=None, description="Installed package that holds the file; absent: the file is a path."
    )
    file: str = Field(description="JSON file: inside the package, or relative to this file.")
    articles: Count | None = Field(default=None, description="The first articles that are read; absent: all.")
    questions: Count | None = Field(default=None, description="Questions that the seed draws; absent: all.")


class Calibration(Table):
    """Texts on which the ranges of the activations are found, for static recipes."""

    rows: Count = Field(default=64, description="The first texts that are taken.")


class MeasureOutputs(Section):
    """Where the measurements go."""

    folder: str = Field(description="Folder to make, relative to where the command runs.")


class Embeddings(Section):
    """A file that measures what pruning at once and INT8 cost the sentence embeddings of a model."""

    kind: Literal["embeddings"]
    name: str = Field(pattern=NAME, description="Of the file, in logs and reports.")
    seed: int = Field(default=0, ge=0, description="Of the bootstrap, and of the questions that are drawn.")
    model: str = Field(description="minilm, or a Hugging Face folder relative to this file.")
    recipes: Annotated[list[EveryRecipe], Field(min_length=1)] = Field(
        default=["fp32"], description="The numerics in which each model is asked."
    )
    sparsities: Annotated[list[Annotated[float, Field(ge=0, lt=1)]], Field(min_length=1)] = Field(
        default=[0.0], description="Shares of the blocks that are dropped, without training; 0.0 is the dense model."
    )
    block_shape: BlockShape = Field(
        default=(4, 1),
        strict=False,
        description="Rows and columns of a block in the [out_features, in_features] weight; (1, 1): unstructured.",
    )
    pruning: Annotated[list[Literal["magnitude", "least-squares"]], Field(min_length=1)] = Field(
        default=["magnitude"],
        description="Which blocks: the smallest, or by ``least_squares_pruning``, which changes the others too.",
    )
    reconstruction: Reconstruction | None = Field(
        default=None, description="Needed for least-squares; its texts are the first of calibration's table."
    )
    max_length: int = Field(
        default=128, ge=4, le=512, description="Tokens of a text, the special ones included; more are cut."
    )
    calibration: Calibration | None = Field(
        default=None, description="Needed for static recipes and for least-squares."
    )
    similarity: list[Similarity] = Field(default_factory=list, description="Sets that people have judged.")
    retrieval: list[Annotated[FirstSentence | Squad, Field(discriminator="kind")]] = Field(
        default_factory=list, description="Sets in which the right text is to be found."
    )
    outputs: MeasureOutputs = Field(description="Where the results go.")

    @model_validator(mode="after")
    def _measures(self) -> Self:
        self.expect(
            self.calibration is not None or not any(Recipe(name).is_calibrated for name in self.recipes),
            f"recipes are {', '.join(self.recipes)} and calibration is absent; expected texts on which the "
            "ranges of static ones are found",
        )
        self.expect(
            "least-squares" not in self.pruning or None not in (self.reconstruction, self.calibration),
            "pruning has least-squares, and reconstruction or calibration is absent; expected both because it observes "
            "texts",
        )
        names = [one.name for one in (*self.similarity, *self.retrieval)]
        return self.expect(
            0 < len(names) == len(set(names)),
            f"the sets are {', '.join(names) or 'none'}; expected one or more, each under its own name",
        )
