"""
The form of a pipeline file: what is compressed, how, on which data, and where the result goes.

Every field is documented where it stands; a key that is not one is refused. ``Pipeline.model_json_schema()`` is the
same as a JSON schema.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from distilspec.compress.sections.data import Data, Transfer
from distilspec.compress.sections.distillation import Distillation, Logits
from distilspec.compress.sections.pruning import Pruning
from distilspec.compress.sections.quantisation import Quantisation
from distilspec.compress.sections.section import NAME, Section, Weight
from distilspec.compress.sections.training import Student, Teacher
from distilspec.compress.yaml_file import read_yaml, validated


class Outputs(Section):
    """Where the results go."""

    folder: str = Field(description="Folder to make, relative to where the command runs.")
    onnx: bool = Field(default=True, description="Write the student as ONNX too.")


class Pipeline(Section):
    """A whole file."""

    name: str = Field(pattern=NAME, description="Of the run, in logs and reports.")
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
        return self.expect(
            self.transfer is None or hard == 0,
            f"distillation.hard is {hard} and there is a section transfer; expected hard 0 because its texts have no "
            "labels",
        )

    def recorded(self) -> dict[str, Any]:
        """Return what ``pipeline.json`` says of the results: all on which they depend, without what is the default."""
        return self.model_dump(mode="json", exclude={"outputs", "hours"}, exclude_defaults=True)


def load_pipeline(path: Path) -> Pipeline:
    """
    Read a pipeline file and check it.

    Raises
    ------
    FormatError
        The file cannot be read, is no YAML, has a key twice, an unknown key, or a value that its field refuses.
    """
    return validated(path, read_yaml(path), Pipeline)
