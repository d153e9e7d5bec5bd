"""What a student minimises: the losses, and the sum of them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from distilspec.compress.sections.section import Count, Section, Weight


class Logits(Section):
    """The softened answers, ``logit_distillation``."""

    weight: Weight = Field(default=0.5, description="Factor of this loss in the sum.")
    temperature: Weight = Field(default=2.0, description="By which logits are divided.")


class Prediction(Section):
    """TinyBERT's answers, ``tinybert_prediction``."""

    weight: Weight = Field(default=1.0, description="Factor of this loss in the sum.")
    temperature: Weight = Field(default=1.0, description="By which logits are divided.")
    variant: Literal["paper", "code"] = Field(default="paper", description="A mean over rows, or over classes too.")


class Attention(Section):
    """TinyBERT's attention scores, ``tinybert_attention``, summed over layers."""

    weight: Weight = Field(default=1.0, description="Factor of this loss in the sum.")
    variant: Literal["paper", "code"] = Field(default="paper", description="With masked scores as they are, or as 0.")


class Hidden(Section):
    """TinyBERT's hidden states and embeddings, ``tinybert_hidden``, summed over layers."""

    weight: Weight = Field(default=1.0, description="Factor of this loss in the sum.")
    embeddings: bool = Field(default=True, description="Compare the output of the embeddings too.")
    projection: Literal["none", "paper", "code"] = Field(
        default="none", description="None; one a kind of state, without bias; or one for all, with bias."
    )


class Relation(Section):
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


class Cosine(Section):
    """DistilBERT's angles between last hidden states, ``distilbert_cosine``."""

    weight: Weight = Field(default=1.0, description="Factor of this loss in the sum.")


class Distillation(Section):
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
        return self.expect(self.hard > 0 or any(losses), "hard is 0 and no loss is named; expected something to learn")
