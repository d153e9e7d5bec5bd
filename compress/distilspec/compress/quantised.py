"""
INT8 in torch: what it costs a model, which Linears stay in float32 because of it, and how a student learns with it.

A Linear alone in INT8 is measured in torch: it sees its input and its weight as codes times scale, and codes and scales
are those of the specification. Only the sums are float32's instead of exact integers. What several Linears cost
together is asked of the program itself, by the function that the caller gives. The range of ``w8a8-dynamic`` is that of
a whole batch, so its codes depend on which rows are read together, as the recipe says.

Gradients pass straight through codes, by ``objectives.straight_through_gradient``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from scipy.special import log_softmax
from torch import Tensor, nn
from transformers import DistilBertForSequenceClassification, DistilBertPreTrainedModel

from distilspec.compress.accuracy import difference_of
from distilspec.compress.batches import READING, EncodedRows, logits_of
from distilspec.compress.observe import observe
from distilspec.reference import objectives, ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array, BoolArray, CodeArray, Float32Array
from distilspec.reference.program import Program
from distilspec.reference.recipes import quantize_weight
from distilspec.reference.recipes.encoder_linears import is_encoder_linear

Ranges = Mapping[str, tuple[float, float]]

#: Codes of an activation, their scale and their zero point.
Coded: TypeAlias = tuple[CodeArray, Float32Array, CodeArray]


@dataclass(frozen=True)
class Sensitivity:
    """What it costs when one Linear alone is INT8: mean divergence of the answers, in nats, and the accuracy then."""

    step: str
    divergence: float
    accuracy: float


@dataclass(frozen=True)
class Tradeoff:
    """
    What it means that so many Linears, the most sensitive, stay in float32.

    The accuracy then, the points that it is below float32's with the 95 % interval for other rows of the same kind, and
    the bytes of dense weights.
    """

    kept: int
    accuracy: float
    cost: float
    cost_low: float
    cost_high: float
    weight_bytes: int


@dataclass(frozen=True)
class Choice:
    """Which Linears stay in float32, and the measurements by which that was decided."""

    float32_accuracy: float
    kept: tuple[str, ...]
    sensitivity: tuple[Sensitivity, ...]
    tradeoff: tuple[Tradeoff, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON holds them."""
        return asdict(self)


def linears_of(program: Program) -> dict[str, str]:
    """Return the name of each encoder Linear with that of the tensor that it reads."""
    return {step.name: str(step.inputs[0]) for step in program.steps if is_encoder_linear(step)}


@contextmanager
def quantised(
    model: DistilBertPreTrainedModel, recipe: Recipe, inputs: Mapping[str, str], ranges: Ranges
) -> Iterator[None]:
    """
    Let the model compute as a recipe says while the block runs.

    Inside, its weights are codes times scale, and so is what their gradients belong to. No weight is clipped by its own
    scale, so those are the gradients of the weights themselves, which are there again when the block is over.

    Parameters
    ----------
    model : DistilBertPreTrainedModel
        A DistilBERT with or without a head.
    recipe : Recipe
        An INT8 one.
    inputs : mapping of str to str
        The Linears that are INT8, with the tensor that each reads.
    ranges : mapping of tensor name to (minimum, maximum)
        As ``calibrate`` returns them; read for static recipes only.

    Raises
    ------
    UnsupportedError
        The recipe quantises something else than Linears.
    """
    with ExitStack() as stack:
        for name, tensor in inputs.items():
            linear = model.base_model.get_submodule(name)
            if recipe is not Recipe.W8A32:
                coding = _activations(recipe, tensor, ranges)
                handle = linear.register_forward_pre_hook(lambda _, args, coding=coding: _seen(args[0], coding))
                stack.callback(handle.remove)
            stack.enter_context(_quantised_weight(linear, recipe))
        yield


def choose(
    model: DistilBertForSequenceClassification,
    recipe: Recipe,
    inputs: Mapping[str, str],
    ranges: Ranges,
    rows: EncodedRows,
    *,
    ask: Callable[[Sequence[str]], Array],
    budget: float,
    advance: Callable[[], None],
) -> Choice:
    """
    Measure every Linear alone, and keep the most sensitive in float32 until nothing shows that INT8 costs too much.

    It is shown where the whole interval of the cost is above ``budget``. The cost itself may be above by chance: two
    rows of 400 are half a point.

    Parameters
    ----------
    model : DistilBertForSequenceClassification
        As it was when this is over.
    recipe, inputs, ranges
        As for ``quantised``.
    rows : EncodedRows
        By which it is measured.
    ask : callable
        From the Linears that stay in float32 to the logits of ``rows`` by the INT8 program that keeps them.
    budget : float
        Points of accuracy.
    advance : callable
        Called after each measurement of a Linear.
    """
    plain = logits_of(model, rows)
    right = _right(plain, rows)
    table = []
    states = _states(model, rows)
    for name, tensor in inputs.items():
        with quantised(model, recipe, {name: tensor}, ranges):
            logits = _logits_from(_layer_of(model, name), states, model, rows)
        table.append(Sensitivity(name, _divergence(plain, logits), float(_right(logits, rows).mean())))
        advance()
    table.sort(key=lambda row: -row.divergence)
    tradeoff: list[Tradeoff] = []
    for count in range(len(table) + 1):
        kept = [row.step for row in table[:count]]
        then = _right(ask(kept), rows) if count < len(table) else right
        cost = difference_of(right, then)
        tradeoff.append(Tradeoff(count, float(then.mean()), *cost, _weight_bytes(model, inputs, kept)))
        if cost.low <= budget:
            break
    kept = [row.step for row in table[: tradeoff[-1].kept]]
    return Choice(float(right.mean()), tuple(kept), tuple(table), tuple(tradeoff))


class _Known(nn.Module):
    """Stands for embeddings and layers whose output is known, batch after batch."""

    def __init__(self, states: Sequence[Tensor]) -> None:
        super().__init__()
        self.states = iter(states)

    def forward(self, *_: Any, **__: Any) -> Tensor:
        return next(self.states)


@torch.no_grad()
def _states(model: DistilBertForSequenceClassification, rows: EncodedRows) -> list[list[Tensor]]:
    """Return what each layer reads of each batch, [layers][batches]: of a model whose layers before it are float32."""
    batches = [rows.batch(numbers) for numbers in rows.by_length(READING)]
    seen = [observe(model, batch.input_ids, batch.attention_mask).hidden_states for batch in batches]
    return [list(of_layer) for of_layer in zip(*seen, strict=True)]


def _logits_from(
    layer: int, states: Sequence[Sequence[Tensor]], model: DistilBertForSequenceClassification, rows: EncodedRows
) -> Array:
    """Return the logits of all rows; the layers before this one are not run again."""
    base = model.distilbert
    layers, embeddings = base.transformer.layer, base.embeddings
    try:
        base.transformer.layer = layers[layer:]
        base.add_module("embeddings", _Known(states[layer]))
        return logits_of(model, rows)
    finally:
        base.transformer.layer, base.embeddings = layers, embeddings


def _layer_of(model: DistilBertForSequenceClassification, name: str) -> int:
    layers = range(len(model.distilbert.transformer.layer))
    return next(number for number in layers if name.startswith(f"transformer.layer.{number}."))


@contextmanager
def _quantised_weight(linear: nn.Module, recipe: Recipe) -> Iterator[None]:
    weight = linear.get_parameter("weight")
    plain = weight.detach().clone()
    codes, scale = quantize_weight(plain.numpy(), recipe)
    try:
        with torch.no_grad():
            weight.copy_(_float32(ops.dequantize(codes, scale, axis=0)))
        yield
    finally:
        with torch.no_grad():
            weight.copy_(plain)


def _activations(recipe: Recipe, tensor: str, ranges: Ranges) -> Callable[[Array], Coded]:
    match recipe:
        case Recipe.W8A8_DYNAMIC:
            return ops.dynamic_quantize
        case Recipe.W8A8_DYNAMIC_TOKEN:
            return ops.dynamic_quantize_token
        case Recipe.W8A8_STATIC | Recipe.W7A8_STATIC:
            scale, zero_point = ops.asymmetric_scale(*(np.asarray(end, np.float64) for end in ranges[tensor]))
            return lambda x: (ops.quantize(x, scale, zero_point), scale, zero_point)
    raise UnsupportedError(f"recipe {recipe}: it is not measured in torch; expected one whose Linears alone are INT8")


class _StraightThrough(torch.autograd.Function):
    """Codes times scale, with the gradient of ``objectives.straight_through_gradient``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, coding: Callable[[Array], Coded]) -> Tensor:
        codes, ctx.scale, ctx.zero_point = coding(x.detach().numpy())
        ctx.save_for_backward(x)
        return _float32(ops.dequantize(codes, ctx.scale, ctx.zero_point))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (x,), (gradient,) = ctx.saved_tensors, gradients
        found = objectives.straight_through_gradient(gradient.numpy(), x.detach().numpy(), ctx.scale, ctx.zero_point)
        return _float32(found), None


def _seen(x: Tensor, coding: Callable[[Array], Coded]) -> Tensor:
    found: Tensor = _StraightThrough.apply(x, coding)  # type: ignore[no-untyped-call]
    return found


def _float32(array: Array) -> Tensor:
    return torch.from_numpy(array.astype(np.float32))


def _right(logits: Array, rows: EncodedRows) -> BoolArray:
    right: BoolArray = logits.argmax(axis=1) == rows.labels
    return right


def _divergence(plain: Array, logits: Array) -> float:
    log_p, log_q = (log_softmax(x.astype(np.float64), axis=1) for x in (plain, logits))
    return float(np.mean(np.sum(np.exp(log_p) * (log_p - log_q), axis=1)))


def _weight_bytes(model: nn.Module, names: Mapping[str, str], kept: Sequence[str]) -> int:
    sizes = {name: model.get_parameter(f"distilbert.{name}.weight").numel() for name in names}
    return sum(size * (4 if name in kept else 1) for name, size in sizes.items())
