"""What is observed is what the model computes."""

from __future__ import annotations

import torch
from tiny_classifier import HEADS, batch, tiny_classifier

from distilspec.compress.observe import observe


def test_hidden_states_and_logits_are_those_of_transformers():
    """The embeddings' output first, then one a layer: the same bits."""
    model = tiny_classifier()
    expected = model(**batch(), output_hidden_states=True)

    seen = observe(model, **batch())

    assert torch.equal(seen.logits, expected.logits)
    assert len(seen.hidden_states) == len(expected.hidden_states) == 4
    assert all(
        torch.equal(ours, theirs) for ours, theirs in zip(seen.hidden_states, expected.hidden_states, strict=True)
    )


def test_scores_give_the_attentions_of_transformers():
    """The softmax of the scores over the kept keys; both sides round a few float64 sums of eight products."""
    model = tiny_classifier()
    attentions = model(**batch(), output_attentions=True).attentions
    seen = observe(model, **batch())
    keys = batch()["attention_mask"].bool()[:, None, None, :]

    for layer, expected in enumerate(attentions):
        scores = seen.scores(layer, HEADS).masked_fill(~keys, -torch.inf)
        assert (scores.softmax(-1) - expected).abs().max() <= 2.0**-45


def test_gradients_flow_through_every_tensor():
    """And the model's own hooks are gone afterwards."""
    model = tiny_classifier()
    seen = observe(model, **batch())
    tensors = [seen.logits, *seen.hidden_states, *seen.queries, *seen.keys, *seen.values]

    sum(tensor.sum() for tensor in tensors).backward()

    assert len(tensors) == 1 + 4 + 3 * 3
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
