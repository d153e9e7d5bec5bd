"""
A student pruned one Linear after the other, each so that it answers as before to what the pruned ones now give it.

What is dropped and what becomes of the rest is the formula ``objectives.least_squares_pruning``; here the inputs are
observed that it needs.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from transformers import DistilBertForSequenceClassification

from distilspec.compress.batches import READING
from distilspec.compress.sections.pruning import Reconstruction
from distilspec.reference import objectives
from distilspec.reference.contract.errors import errors_about
from distilspec.reference.contract.types import Float64Array

#: The Linears of a layer, in the order in which they are pruned; those of a line have the same input.
_LINEARS = (
    ("attention.q_lin", "attention.k_lin", "attention.v_lin"),
    ("attention.out_lin",),
    ("ffn.lin1",),
    ("ffn.lin2",),
)


@torch.no_grad()
def reconstruct(
    student: DistilBertForSequenceClassification,
    texts: Sequence[Sequence[int]],
    section: Reconstruction,
    *,
    block_shape: tuple[int, int],
    sparsity: float,
    advance: Callable[[], None],
) -> None:
    """
    Prune the Linears of every layer, from the first layer to the last.

    Parameters
    ----------
    student : DistilBertForSequenceClassification
        Changed in place; a copy as it is now says what each Linear should answer.
    texts : sequence of sequence of int
        Tokens of texts, the special ones included, on which the inputs of the Linears are observed.
    section : Reconstruction
    block_shape : (int, int)
    sparsity : float
    advance : callable
        Called after each Linear.

    Raises
    ------
    ContractError
        As the formula, with the name of the Linear.
    """
    dense = copy.deepcopy(student)
    batches = _without_padding(texts)
    states = [(embedded, embedded) for embedded in (dense.distilbert.embeddings(input_ids=batch) for batch in batches)]
    layers = zip(dense.distilbert.transformer.layer, student.distilbert.transformer.layer, strict=True)
    for number, (wanted, layer) in enumerate(layers):
        for names in _LINEARS:
            gram, cross = _inputs(wanted, layer, names[0], states)
            for name in names:
                with errors_about(f"transformer.layer.{number}.{name}"):
                    pruned = objectives.least_squares_pruning(
                        wanted.get_submodule(name).get_parameter("weight").numpy(),
                        gram,
                        cross,
                        block_shape=block_shape,
                        sparsity=sparsity,
                        rounds=section.rounds,
                        damping=section.damping,
                    )
                layer.get_submodule(name).get_parameter("weight").copy_(torch.from_numpy(pruned))
                advance()
        states = [(wanted(ours), layer(theirs)) for ours, theirs in states]


def _without_padding(texts: Sequence[Sequence[int]]) -> list[Tensor]:
    """Return the texts in batches of equal length, so that no mask is needed."""
    by_length: dict[int, list[Sequence[int]]] = defaultdict(list)
    for text in texts:
        by_length[len(text)].append(text)
    return [
        torch.tensor(same[first : first + READING])
        for _, same in sorted(by_length.items())
        for first in range(0, len(same), READING)
    ]


def _inputs(
    wanted: nn.Module, layer: nn.Module, name: str, states: Sequence[tuple[Tensor, Tensor]]
) -> tuple[Float64Array, Float64Array]:
    """Return the sums over tokens of y yT and x yT: x is the input of the wanted Linear, y that of the layer's own."""
    size = int(layer.get_submodule(name).get_parameter("weight").shape[1])
    gram, cross = np.zeros((size, size)), np.zeros((size, size))
    for ours, theirs in states:
        x, y = (_input_of(model, name, state).reshape(-1, size) for model, state in ((wanted, ours), (layer, theirs)))
        gram += (y.T @ y).numpy()
        cross += (x.T @ y).numpy()
    return gram, cross


class _Reached(Exception):
    """Ends the forward of a layer at a Linear, with its input."""

    def __init__(self, x: Tensor) -> None:
        self.x = x


def _input_of(layer: nn.Module, name: str, state: Tensor) -> Tensor:
    """Return what a Linear of a layer reads; what comes after it is not computed."""

    def stop(_: nn.Module, args: tuple[Tensor]) -> None:
        raise _Reached(args[0])

    handle = layer.get_submodule(name).register_forward_pre_hook(stop)
    try:
        layer(state)
    except _Reached as reached:
        return reached.x
    finally:
        handle.remove()
    raise AssertionError(f"{name} was not run")
