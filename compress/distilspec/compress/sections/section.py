"""What the sections of all files have in common."""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count: TypeAlias = Annotated[int, Field(ge=1)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Weight: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
BlockShape: TypeAlias = tuple[Count, Count]

#: What may be the name of a file, a run or a measure.
NAME = r"^[a-z0-9][a-z0-9-]*$"


class Section(BaseModel):
    """A part of a file: unknown keys and values of another type are refused, and nothing is changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _knows_every_key(cls, fields: Any) -> Any:
        for key in fields if isinstance(fields, dict) else ():
            if key not in cls.model_fields:
                raise ValueError(f"{key!r:.40} is no key here; expected one of {', '.join(cls.model_fields)}")
        return fields

    def expect(self, condition: bool, message: str) -> Self:
        """Return the section; ``ValueError`` with the message unless the condition holds."""
        if not condition:
            raise ValueError(message)
        return self
