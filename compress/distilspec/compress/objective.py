"""The sum that a student minimises, put together as a pipeline's section ``distillation`` says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import DistilBertForSequenceClassification

from distilspec.compress import losses
from distilspec.compress.observe import Observation
from distilspec.compress.sections.distillation import Attention, Distillation, Hidden, Relation
from distilspec.reference.contract.errors import ShapeError, errors_about
from distilspec.reference.objectives import tinybert_layer_map
from distilspec.reference.objectives.tinybert_layer_map import TinyBertLayerMap

_MASKED = -10000.0


@dataclass(frozen=True)
class Sizes:
    """The numbers of a model on which losses depend."""

    layers: int
    heads: int
    hidden: int

    @classmethod
    def of(cls, model: DistilBertForSequenceClassification) -> Sizes:
        """Return those of a DistilBERT."""
        return cls(model.config.n_layers, model.config.n_heads, model.config.dim)


class Objective(nn.Module):
    """
    A weighted sum of losses; its projections, where it has any, are trained with the student and then left behind.

    Parameters
    ----------
    section : Distillation
        Which losses, with which factors.
    student, teacher : Sizes

    Raises
    ------
    RangeError
        A loss over layers needs the student's to divide the teacher's, as ``tinybert_layer_map`` says.
    ShapeError
        A loss compares what has another size: heads for attention, hidden states without projection, the cosine.
    """

    def __init__(self, section: Distillation, student: Sizes, teacher: Sizes) -> None:
        """Make the projections that the section asks for; their weights are drawn from torch's generator."""
        super().__init__()
        self.section = section
        self.student = student
        self.teacher = teacher
        self.map = TinyBertLayerMap((), ())
        if section.attention or section.hidden:
            with errors_about("distillation"):
                self.map = tinybert_layer_map(teacher.layers, student.layers)
        if section.attention:
            self._expect_equal("attention", "heads")
        if section.cosine or (section.hidden and section.hidden.projection == "none"):
            self._expect_equal("cosine" if section.cosine else "hidden", "hidden")
        if section.relation:
            self._expect_relation_heads(section.relation)
        self.projections = nn.ModuleDict(self._projections(section.hidden))

    def forward(self, student: Observation, teacher: Observation, labels: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """
        Return every loss times its factor, by the name of its section; their sum is what is minimised.

        Parameters
        ----------
        student, teacher : Observation
            Of the same batch.
        labels : int64 [batch]
        mask : bool [batch, sequence]
            True keeps a token.
        """
        terms: dict[str, Tensor] = {}
        named = self.section
        if named.hard > 0:
            terms["hard"] = named.hard * functional.cross_entropy(student.logits, labels)
        if named.logits:
            loss = losses.logit_distillation(student.logits, teacher.logits, temperature=named.logits.temperature)
            terms["logits"] = named.logits.weight * loss
        if named.prediction:
            loss = losses.tinybert_prediction(
                student.logits,
                teacher.logits,
                temperature=named.prediction.temperature,
                variant=named.prediction.variant,
            )
            terms["prediction"] = named.prediction.weight * loss
        if named.attention:
            terms["attention"] = named.attention.weight * self._attention(named.attention, student, teacher, mask)
        if named.hidden:
            terms["hidden"] = named.hidden.weight * sum(self._hidden(named.hidden, student, teacher), torch.zeros(()))
        if named.relation:
            terms["relation"] = named.relation.weight * self._relation(named.relation, student, teacher, mask)
        if named.cosine:
            loss = losses.distilbert_cosine(student.hidden_states[-1][mask], teacher.hidden_states[-1][mask])
            terms["cosine"] = named.cosine.weight * loss
        return terms

    def _attention(self, section: Attention, student: Observation, teacher: Observation, mask: Tensor) -> Tensor:
        total = torch.zeros(())
        for layer, source in enumerate(self.map.attentions):
            ours, theirs = student.scores(layer, self.student.heads), teacher.scores(source, self.teacher.heads)
            if section.variant == "code":
                added = torch.where(mask[:, None, None, :], 0.0, _MASKED)
                ours, theirs = ours + added, theirs + added
            total = total + losses.tinybert_attention(ours, theirs, variant=section.variant)
        return total

    def _hidden(self, section: Hidden, student: Observation, teacher: Observation) -> Iterator[Tensor]:
        for state, source in enumerate(self.map.hidden_states):
            if state == 0 and not section.embeddings:
                continue
            ours, theirs = student.hidden_states[state], teacher.hidden_states[source]
            kind = "embeddings" if state == 0 and section.projection == "paper" else "hidden"
            projection = None if section.projection == "none" else self.projections[kind]
            yield losses.tinybert_hidden(ours, theirs, projection)

    def _relation(self, section: Relation, student: Observation, teacher: Observation, mask: Tensor) -> Tensor:
        total = torch.zeros(())
        for pair in section.pairs:
            left, right = pair.split("-")
            total = total + losses.minilm_relation(
                _last(student, left),
                _last(student, right),
                _last(teacher, left),
                _last(teacher, right),
                mask,
                relation_heads=section.relation_heads,
                variant=section.variant,
            )
        return total

    def _projections(self, section: Hidden | None) -> dict[str, nn.Linear]:
        if section is None or section.projection == "none":
            return {}
        names = ["hidden"] if section.projection == "code" or not section.embeddings else ["hidden", "embeddings"]
        has_bias = section.projection == "code"
        return {name: nn.Linear(self.student.hidden, self.teacher.hidden, bias=has_bias) for name in names}

    def _expect_equal(self, loss: str, size: str) -> None:
        ours, theirs = getattr(self.student, size), getattr(self.teacher, size)
        if ours != theirs:
            raise ShapeError(
                f"distillation.{loss}: the student's {size} is {ours} and the teacher's {theirs}; expected equal ones "
                "because they are compared element by element"
            )

    def _expect_relation_heads(self, section: Relation) -> None:
        sizes = self.student.hidden, self.teacher.hidden
        heads = section.relation_heads
        cut = section.variant == "autodistil-code"
        if heads > min(sizes) or not (cut or all(size % heads == 0 for size in sizes)):
            raise ShapeError(
                f"distillation.relation: relation_heads is {heads}; expected a number that divides {sizes[0]} and "
                f"{sizes[1]} because every head has the same size"
            )


def _last(model: Observation, part: str) -> Tensor:
    return {"query": model.queries, "key": model.keys, "value": model.values}[part][-1]
