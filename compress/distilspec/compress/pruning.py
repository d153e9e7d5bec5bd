"""
Pruning in training: masks that stay in force whatever the optimizer does, and a proof of the sparsity at the end.

The criteria and the schedules are the formulas of ``distilspec.reference.objectives`` and ``reference.ops``
themselves, evaluated on the weights' own memory: there is no second implementation that could differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from distilspec.reference import objectives, ops
from distilspec.reference.contract.errors import RangeError, ShapeError, UnsupportedError, errors_about
from distilspec.reference.contract.types import BoolArray, RealArray

#: From weights by name, and a sparsity, to the mask of each: True keeps an element.
Criterion: TypeAlias = Callable[[Mapping[str, RealArray], float], Mapping[str, BoolArray]]

_ENCODER = "transformer.layer."
_ATTENTION = ("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin")
_FEED_FORWARD = ("ffn.lin1", "ffn.lin2")


def encoder_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """
    Return the weights of the encoder's Linears by name: what the recipes quantise and pruning thins out.

    Raises
    ------
    UnsupportedError
        There is none: the model is no DistilBERT.
    """
    linears = {name for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    found = {
        name: weight
        for name, weight in model.named_parameters()
        if _ENCODER in name and name.removesuffix(".weight") in linears
    }
    if not found:
        raise UnsupportedError(
            f"{type(model).__name__}: it has no Linear in {_ENCODER}*; expected a DistilBERT "
            "because its layers are pruned"
        )
    return found


def by_layer(block_shape: tuple[int, int]) -> Criterion:
    """Return the criterion by which each weight loses its own smallest blocks; (1, 1) is unstructured."""

    def masks(weights: Mapping[str, RealArray], sparsity: float) -> dict[str, BoolArray]:
        found = {}
        for name, weight in weights.items():
            with errors_about(name):
                found[name] = ops.block_magnitude_mask(weight, block_shape=block_shape, sparsity=sparsity)
        return found

    return masks


def across_layers(block_shape: tuple[int, int]) -> Criterion:
    """Return the criterion by which all weights together lose their smallest blocks."""

    def masks(weights: Mapping[str, RealArray], sparsity: float) -> dict[str, BoolArray]:
        return objectives.global_magnitude_masks(weights, block_shape=block_shape, sparsity=sparsity)

    return masks


def by_neuron(weights: Mapping[str, RealArray], sparsity: float) -> dict[str, BoolArray]:
    """Keep whole neurons of each feed-forward layer: rows of ``lin1`` and columns of ``lin2``."""
    masks = {}
    for first, second in _groups(weights, _FEED_FORWARD):
        kept = objectives.neuron_magnitude_mask(weights[first], weights[second], sparsity=sparsity)
        masks[first] = kept[:, None].repeat(weights[first].shape[1], axis=1)
        masks[second] = kept[None, :].repeat(weights[second].shape[0], axis=0)
    return masks


def by_head(num_heads: int) -> Criterion:
    """Return the criterion that keeps whole attention heads: their rows of query, key and value, columns of output."""

    def masks(weights: Mapping[str, RealArray], sparsity: float) -> dict[str, BoolArray]:
        found = {}
        for names in _groups(weights, _ATTENTION):
            query, key, value, output = (weights[name] for name in names)
            heads = objectives.head_magnitude_mask(query, key, value, output, num_heads=num_heads, sparsity=sparsity)
            rows = heads.repeat(len(query) // num_heads)
            for name in names[:3]:
                found[name] = rows[:, None].repeat(weights[name].shape[1], axis=1)
            found[names[3]] = rows[None, :].repeat(len(output), axis=0)
        return found

    return masks


class Pruner:
    """
    Holds the masks of a model's weights and puts them in force after every step of an optimizer.

    Momentum and weight decay move a weight whose gradient is zero, so a mask that is applied once does not last.
    A masked weight is +0 exactly, and stays it.

    Parameters
    ----------
    weights : mapping of name to Parameter
        Those to prune, such as ``encoder_weights(model)``.
    criterion : Criterion
        ``by_layer``, ``across_layers``, ``by_neuron`` or ``by_head``.

    Examples
    --------
    >>> weight = nn.Parameter(torch.tensor([[1.0, -2.0, 3.0, -4.0]]))
    >>> optimizer = torch.optim.SGD([weight], lr=1.0, momentum=0.9)
    >>> pruner = Pruner({"weight": weight}, by_layer((1, 1)))
    >>> handle = pruner.attach(optimizer)
    >>> pruner.prune(0.5)
    >>> weight.grad = torch.ones_like(weight)
    >>> optimizer.step()
    >>> weight.tolist()
    [[0.0, 0.0, 2.0, -5.0]]
    """

    def __init__(self, weights: Mapping[str, nn.Parameter], criterion: Criterion) -> None:
        """Start with masks that keep everything."""
        self.weights = dict(weights)
        self.criterion = criterion
        self.masks = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in self.weights.items()}
        self._factors = {name: torch.ones_like(weight) for name, weight in self.weights.items()}

    def attach(self, optimizer: torch.optim.Optimizer) -> RemovableHandle:
        """Apply the masks after every step of ``optimizer``, until the returned handle is removed."""
        return optimizer.register_step_post_hook(self._after_step)

    def prune(self, sparsity: float) -> None:
        """
        Choose the masks anew and apply them.

        A masked block is the smallest there is, so a sparsity that rises never brings one back.

        Raises
        ------
        RangeError, ShapeError
            As the criterion's formula: an impossible sparsity, a block shape that does not divide a weight, or a
            weight that is not finite.
        """
        chosen = self.criterion(self._arrays(), sparsity)
        self._keep({name: torch.from_numpy(mask) for name, mask in chosen.items()})

    def lock(self) -> None:
        """Take the zeros of the weights as the pattern: Prune-OFA's pattern lock."""
        arrays = self._arrays().items()
        self._keep({name: torch.from_numpy(objectives.pattern_lock_mask(weight)) for name, weight in arrays})

    def apply(self) -> None:
        """Set every masked weight, which is finite, to +0."""
        with torch.no_grad():
            for name, weight in self.weights.items():
                # The sum makes +0 of -0, which is the product of a negative weight.
                weight.mul_(self._factors[name]).add_(0.0)

    def expect_exact(self, sparsity: float) -> None:
        """
        Check that the weights are pruned to exactly this sparsity.

        Raises
        ------
        RangeError
            A masked weight is not 0, or a mask drops another number of weights than the criterion asks for.
        """
        asked = self.criterion(self._arrays(), sparsity)
        for name, weight in self.weights.items():
            dropped = ~self.masks[name]
            alive = int(torch.count_nonzero(weight[dropped]))
            if alive:
                raise RangeError(
                    f"{name}: {alive} masked weights are not 0; expected none because a mask stays in force"
                )
            wanted = int((~asked[name]).sum()) if name in asked else 0
            if int(dropped.sum()) != wanted:
                raise RangeError(
                    f"{name}: {int(dropped.sum())} of {weight.numel()} weights are pruned; expected {wanted} because "
                    f"the sparsity is to be {sparsity}"
                )

    def state(self) -> dict[str, torch.Tensor]:
        """Return the masks by name, for a checkpoint."""
        return dict(self.masks)

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """
        Take the masks of a checkpoint and apply them.

        Raises
        ------
        ShapeError
            They are not those of these weights.
        """
        shapes = {name: tuple(weight.shape) for name, weight in self.weights.items()}
        if {name: tuple(mask.shape) for name, mask in state.items()} != shapes:
            raise ShapeError(f"masks of {', '.join(state)}; expected those of {', '.join(shapes)} in the same shapes")
        self._keep(state)

    def _keep(self, masks: Mapping[str, torch.Tensor]) -> None:
        for name, mask in masks.items():
            self.masks[name] = mask
            self._factors[name] = mask.to(self.weights[name].dtype)
        self.apply()

    def _after_step(self, *_: Any) -> None:
        self.apply()

    def _arrays(self) -> dict[str, RealArray]:
        return {name: weight.detach().numpy() for name, weight in self.weights.items()}


def _groups(weights: Mapping[str, RealArray], parts: tuple[str, ...]) -> list[tuple[str, ...]]:
    ends = tuple(f"{part}.weight" for part in parts)
    layers = [name.removesuffix(ends[0]) for name in weights if name.endswith(ends[0])]
    groups = [tuple(layer + end for end in ends) for layer in layers]
    absent = [name for group in groups for name in group if name not in weights]
    if absent or not groups:
        raise UnsupportedError(
            f"the weights to prune lack {absent[0] if absent else ends[0]}; expected {', '.join(parts)} of every layer "
            "because whole units are dropped"
        )
    return groups
