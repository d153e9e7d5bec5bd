"""Who learns, from whom, and for how long."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from distilspec.compress.sections.section import Count, Section, Share, Weight


class Training(Section):
    """How long and how fast a model learns."""

    epochs: Count = Field(default=3, description="Passes over the training rows.")
    batch_size: Count = Field(default=32, description="Rows of a step.")
    learning_rate: Weight = Field(default=5e-5, description="The largest one; AdamW.")
    warmup: Share = Field(default=0.1, description="Share of the steps in which the learning rate rises.")
    weight_decay: float = Field(default=0.01, ge=0, description="Of AdamW, on all weights but biases and LayerNorm.")
    rewind: bool = Field(
        default=False,
        description="Rewind the learning rate at every move of the schedule, cubic or distiller, as Prune-OFA.",
    )
    dropout: bool = Field(default=True, description="Drop activations at random, as the model's config says.")
    matmul_precision: Literal["highest", "medium"] = Field(
        default="highest",
        description="medium: factors of matrix products are rounded to bfloat16 where the processor has instructions "
        "for them, and sums stay float32, as torch.set_float32_matmul_precision.",
    )


class Teacher(Section):
    """The model to learn from."""

    model: str = Field(description="minilm, or a Hugging Face folder relative to this file.")
    training: Training | None = Field(
        default=None, description="Fine-tuning of the encoder; absent: it is a classifier already."
    )


class Student(Section):
    """The model that is made."""

    layers: Annotated[list[int], Field(min_length=1)] | Count | Literal["all"] = Field(
        default="all",
        description="Teacher layers to start from: their numbers from 0, how many to spread evenly, or all.",
    )
    training: Training = Field(default=Training(), description="Distillation and pruning, in one run.")
