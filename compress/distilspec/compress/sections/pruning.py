"""Which weights become zero, when, and how a student starts that is pruned already."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from distilspec.compress.sections.section import BlockShape, Count, Section, Share, Weight


class _Gradual(Section):
    """A sparsity that rises in moves."""

    kind: str
    begin: Share = Field(default=0.0, description="Share of the steps before the first move.")
    end: Share = Field(default=0.6, description="Share of the steps at which the final sparsity holds.")
    every: Count = Field(default=20, description="Steps between two moves.")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        return self.expect(self.begin < self.end, f"begin is {self.begin} and end {self.end}; expected begin < end")


class Cubic(_Gradual):
    """Gradual pruning, ``cubic_sparsity``."""

    kind: Literal["cubic"]


class Distiller(_Gradual):
    """Distiller's automated gradual pruner, ``distiller_sparsity``, with steps for its epochs."""

    kind: Literal["distiller"]
    initial: Share = Field(default=0.05, description="Sparsity of the first move.")


class OneShot(Section):
    """Everything at once, ``one_shot_sparsity``."""

    kind: Literal["one-shot"]
    at: Share = Field(default=0.0, description="Share of the steps before the pruning.")


class PatternLock(Section):
    """The zeros that the model starts with stay zero, ``pattern_lock_mask``; sparsity says how many there must be."""

    kind: Literal["pattern-lock"]


class Reconstruction(Section):
    """A student that starts pruned, one Linear after the other, by ``least_squares_pruning``."""

    rows: Count = Field(default=2000, description="Texts to learn from on which the inputs of the Linears are seen.")
    rounds: Count = Field(default=6, description="In which the blocks are dropped, with new scores in each.")
    damping: Weight = Field(default=0.01, description="Share of the mean square of the inputs that is added to each.")


class Pruning(Section):
    """Which weights of the encoder's Linears become zero."""

    structure: Literal["block", "head", "neuron"] = Field(default="block", description="What is dropped as a whole.")
    block_shape: BlockShape = Field(
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
        self.expect(
            self.structure == "block" or self.scope == "layer",
            f"scope is global and structure {self.structure}; expected scope layer "
            "because only blocks are ranked together",
        )
        self.expect(
            self.reconstruction is None
            or (self.structure, self.scope, self.schedule.kind) == ("block", "layer", "pattern-lock"),
            f"there is a reconstruction, structure is {self.structure}, scope {self.scope} and the schedule "
            f"{self.schedule.kind}; expected block, layer and pattern-lock because it prunes each Linear at the start",
        )
        initial = self.schedule.initial if isinstance(self.schedule, Distiller) else -1
        return self.expect(
            initial < self.sparsity, f"sparsity is {self.sparsity}; expected more than the schedule's initial {initial}"
        )
