"""Masks that last, structures that really fall out, and the sparsity that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from refusal import refused
from tiny_classifier import HEADS, batch, tiny_classifier
from torch import nn

from distilspec.compress.pruning import Pruner, across_layers, by_head, by_layer, by_neuron, encoder_weights
from distilspec.reference.contract.errors import RangeError, ShapeError, UnsupportedError
from distilspec.reference.objectives import cubic_sparsity

OPTIMIZERS = {
    "sgd": lambda weights: torch.optim.SGD(weights, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda weights: torch.optim.Adam(weights, lr=0.1, weight_decay=0.01),
    "adamw": lambda weights: torch.optim.AdamW(weights, lr=0.1),
    "rmsprop": lambda weights: torch.optim.RMSprop(weights, lr=0.1, momentum=0.9),
}


def matrices(*shapes, seed=0):
    """Return trainable matrices by name."""
    random = np.random.default_rng(seed)
    return {f"w{i}": nn.Parameter(torch.tensor(random.normal(size=shape))) for i, shape in enumerate(shapes)}


def train(weights, optimizer, steps=3):
    """Move every weight, masked ones too, for some steps."""
    for _ in range(steps):
        optimizer.zero_grad()
        sum(((weight - 1) ** 2).sum() for weight in weights.values()).backward()
        optimizer.step()


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_masked_weights_stay_plus_zero_under_momentum(make):
    """Momentum from before the pruning, weight decay and gradients notwithstanding; -0 would be a weight's sign."""
    weights = matrices((8, 6))
    optimizer = make(weights.values())
    pruner = Pruner(weights, by_layer((4, 1)))
    pruner.attach(optimizer)
    train(weights, optimizer)
    pruner.prune(0.5)
    mask = pruner.masks["w0"].clone()
    for steps in (0, 3):
        train(weights, optimizer, steps)
        dropped = weights["w0"].detach()[~mask]
        assert dropped.numel() == 24
        assert not dropped.any()
        assert not torch.signbit(dropped).any()
    assert bool(weights["w0"][mask].all())
    pruner.expect_exact(0.5)


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_without_the_hook_the_zeros_do_not_last(make):
    """What the test above guards against happens, and the check at the end says so."""
    weights = matrices((8, 6))
    optimizer = make(weights.values())
    pruner = Pruner(weights, by_layer((4, 1)))
    handle = pruner.attach(optimizer)
    pruner.prune(0.5)
    handle.remove()
    train(weights, optimizer)

    with refused(RangeError, "w0: 24 masked weights are not 0"):
        pruner.expect_exact(0.5)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.sampled_from([by_layer((1, 1)), by_layer((2, 3)), across_layers((4, 1))]))
def test_a_gradual_schedule_only_ever_adds_to_what_is_pruned(seed, criterion):
    """Between the moves the kept weights train; the masks are nested, and the last sparsity is exact."""
    weights = matrices((8, 6), (4, 12), seed=seed)
    optimizer = torch.optim.AdamW(weights.values(), lr=0.02)
    pruner = Pruner(weights, criterion)
    pruner.attach(optimizer)
    before = dict(pruner.masks)
    for step in range(9):
        sparsity = cubic_sparsity(step, initial=0.1, final=0.75, begin=0, end=8, every=2)
        pruner.prune(sparsity)
        assert all(not (pruner.masks[name] & ~before[name]).any() for name in weights)
        pruner.expect_exact(sparsity)
        before = dict(pruner.masks)
        train(weights, optimizer, steps=1)

    pruner.expect_exact(0.75)
    assert sum(int((weight == 0).sum()) for weight in weights.values()) == 72


def test_a_global_criterion_takes_more_from_the_smaller_weight():
    """And a per-layer one the same share of each."""
    for criterion, zeros in ((across_layers((1, 1)), [40, 0]), (by_layer((1, 1)), [20, 20])):
        weights = matrices((4, 10), (4, 10))
        with torch.no_grad():
            weights["w1"].copy_(weights["w1"].sign() * (weights["w1"].abs() + 10))
        Pruner(weights, criterion).prune(0.5)

        assert [int((weight == 0).sum()) for weight in weights.values()] == zeros


def test_a_locked_pattern_lasts_through_another_task():
    """The zeros of a pruned model stay; nothing else is pruned."""
    weights = matrices((8, 6))
    Pruner(weights, by_layer((4, 1))).prune(0.5)
    zeros = weights["w0"].detach() == 0
    optimizer = torch.optim.AdamW(weights.values(), lr=0.1)
    pruner = Pruner(weights, by_layer((4, 1)))
    pruner.lock()
    pruner.attach(optimizer)
    train(weights, optimizer)

    assert torch.equal(weights["w0"].detach() == 0, zeros)
    pruner.expect_exact(0.5)


def test_a_wrong_sparsity_is_not_exact():
    """One block too many, or too few."""
    weights = matrices((8, 6))
    pruner = Pruner(weights, by_layer((4, 1)))
    pruner.prune(0.5)

    for sparsity in (5 / 12, 7 / 12):
        with refused(RangeError, f"w0: 24 of 48 weights are pruned; expected {round(48 * sparsity)} because"):
            pruner.expect_exact(sparsity)


def test_all_linears_of_the_encoder_are_pruned_and_nothing_else():
    """Six a layer: neither embeddings nor LayerNorm nor the head."""
    model = tiny_classifier(layers=2)
    weights = encoder_weights(model)

    assert len(weights) == 12
    assert all("transformer.layer." in name and weight.ndim == 2 for name, weight in weights.items())
    with refused(UnsupportedError, "Linear: it has no Linear in transformer.layer"):
        encoder_weights(nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("criterion", "units", "parts"),
    [
        (by_head(HEADS), HEADS, ("attention.q_lin", "attention.k_lin", "attention.v_lin")),
        (by_neuron, 12, ("ffn.lin1",)),
    ],
    ids=["heads", "neurons"],
)
def test_a_dropped_unit_has_no_effect_at_all(criterion, units, parts):
    """Its biases remain and may be anything: with its columns behind it at 0, the logits are the same bits."""
    model = tiny_classifier(layers=1)
    weights = encoder_weights(model)
    pruner = Pruner(weights, criterion)
    pruner.prune(0.5)
    pruner.expect_exact(0.5)
    before = model(**batch()).logits
    layer = "distilbert.transformer.layer.0"
    with torch.no_grad():
        for part in parts:
            weight, bias = weights[f"{layer}.{part}.weight"], model.get_parameter(f"{layer}.{part}.bias")
            dropped = ~weight.any(dim=1)
            assert int(dropped.sum()) == len(bias) // 2
            assert not dropped.reshape(units, -1).any(dim=1).logical_xor(dropped.reshape(units, -1).all(dim=1)).any()
            bias[dropped] += 5

    assert torch.equal(model(**batch()).logits, before)


def test_masks_survive_a_checkpoint():
    """And those of another model are refused."""
    weights = matrices((8, 6))
    pruner = Pruner(weights, by_layer((4, 1)))
    pruner.prune(0.5)
    fresh = Pruner(matrices((8, 6)), by_layer((4, 1)))
    fresh.restore(pruner.state())

    fresh.expect_exact(0.5)
    assert torch.equal(fresh.weights["w0"], weights["w0"])
    with refused(ShapeError, "masks of w0; expected those of w0"):
        Pruner(matrices((8, 5)), by_layer((4, 1))).restore(pruner.state())


@pytest.mark.parametrize(
    ("criterion", "sparsity", "error", "match"),
    [
        (by_layer((5, 1)), 0.5, ShapeError, "^w0: block_magnitude_mask: weight has shape"),
        (across_layers((5, 1)), 0.5, ShapeError, "^w0: global_magnitude_masks: weight has shape"),
        (by_layer((4, 1)), 1.5, RangeError, "sparsity is 1.5"),
        (by_neuron, 0.5, UnsupportedError, r"lack ffn.lin1.weight"),
        (by_head(2), 0.5, UnsupportedError, r"lack attention.q_lin.weight"),
    ],
)
def test_what_cannot_be_pruned_is_refused(criterion, sparsity, error, match):
    """A block shape that does not divide, an impossible sparsity, weights without the structure."""
    with refused(error, match):
        Pruner(matrices((8, 6)), criterion).prune(sparsity)
