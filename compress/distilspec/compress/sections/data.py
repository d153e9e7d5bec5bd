"""Which texts: labelled ones, and ones without labels."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from distilspec.compress.sections.section import Count, Section


class Data(Section):
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
        return self.expect(
            self.test_rows != "all" or self.test_file is not None,
            "test_rows is all and test_file absent; expected a number because the seed draws the test from file",
        )


class Table(Section):
    """Texts of a table, whether or not they have labels."""

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


class Transfer(Table):
    """Texts without labels that the student learns from beside the training rows: the teacher's answers are theirs."""

    sentences: bool = Field(default=False, description="Cut the texts into sentences first.")
    rows: Count = Field(description="Texts, or sentences, that are taken: the seed of the split decides which.")
