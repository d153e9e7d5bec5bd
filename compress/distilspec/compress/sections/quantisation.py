"""What becomes INT8."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from distilspec.compress.sections.section import Count, Section, Weight
from distilspec.compress.sections.training import Training

Int8Recipe: TypeAlias = Literal["w8a8-static", "w7a8-static", "w8a8-dynamic", "w8a8-dynamic-token", "w8a32"]


class Finishing(Section):
    """The distilled student goes on to learn, and sees the inputs and weights of its Linears as codes times scale."""

    recipe: Int8Recipe = Field(description="The one of recipes whose codes it learns with.")
    training: Training = Field(default=Training(), description="How, by the losses of the section distillation.")


class Quantisation(Section):
    """What becomes INT8, and how much accuracy that may cost."""

    recipes: Annotated[list[Int8Recipe], Field(min_length=1)] = Field(
        default=["w8a8-static"], description="The numerics, as the specification names them; each has its own program."
    )
    calibration: Literal["minmax", "percentile", "mean-sigma", "aciq"] = Field(
        default="minmax", description="How the range of an activation is found; for static recipes."
    )
    percentile: float = Field(
        default=99.999, gt=50, le=100, description="Per cent of the values, for the calibration percentile."
    )
    sigmas: Weight = Field(
        default=6.0, description="Standard deviations to either side, for the calibration mean-sigma."
    )
    calibration_rows: Count = Field(default=256, description="Training rows that it is found on.")
    budget: float = Field(default=0.5, ge=0, allow_inf_nan=False,
        description="Points of validation accuracy that INT8 may cost; layers stay in float32 while more is shown.",
    )  # fmt: skip
    finishing: Finishing | None = Field(default=None, description="Absent: the student is what distillation left.")

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        return self.expect(
            len(set(self.recipes)) == len(self.recipes), f"recipes are {', '.join(self.recipes)}; expected each once"
        )

    @model_validator(mode="after")
    def _calibrates_as_it_says(self) -> Self:
        for name, calibration in (("percentile", "percentile"), ("sigmas", "mean-sigma")):
            value, default = getattr(self, name), type(self).model_fields[name].default
            self.expect(
                value == default or self.calibration == calibration,
                f"{name} is {value} and calibration {self.calibration}; expected calibration {calibration} because no "
                "other reads it",
            )
        return self

    @model_validator(mode="after")
    def _finishes_for_a_program(self) -> Self:
        recipe = self.finishing.recipe if self.finishing else self.recipes[0]
        return self.expect(
            recipe in self.recipes,
            f"finishing.recipe is {recipe} and recipes are {', '.join(self.recipes)}; expected one of them because "
            "no other has a program",
        )
